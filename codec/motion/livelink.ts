import { HayateError } from '../errors.ts';
import { ARKIT_CHANNELS } from './channels.ts';
import type { MotionFrame } from './types.ts';

const DAY_US = 24 * 3600 * 1_000_000;
/** Rows read ahead to tell 60 from 30 frames a second: over one second of either. */
const LOOKAHEAD_ROWS = 128;
const HEADER = ['Timecode', 'BlendShapeCount', ...ARKIT_CHANNELS.map((name) => name[0]!.toUpperCase() + name.slice(1))];

export interface LiveLinkFrame {
  /** The row's time code, us since midnight of the first row's day; grows over midnight. */
  timeUs: number;
  frame: MotionFrame;
  /** From 1, the header's. */
  line: number;
}

export interface LiveLinkOptions {
  /** Frames a second of the time codes. Default: 60 when a frame number over 29 comes in the first 128 rows, else 30. */
  fps?: 30 | 60;
}

/** A Live Link Face CSV that cannot be read; `line` counts from 1. */
export class LiveLinkError extends HayateError {
  override readonly name = 'LiveLinkError';
  readonly line: number;

  constructor(line: number, message: string) {
    super('invalid_argument', `line ${line}: ${message}`);
    this.line = line;
  }
}

interface Row {
  line: number;
  seconds: number;
  frames: number;
  values: Float32Array;
  face: boolean;
}

/**
 * Reads the lines of a Live Link Face CSV (with or without line ends), a frame a row. A row with BlendShapeCount 0 has no
 * face and zero values. Holds 128 rows at most. Throws LiveLinkError.
 */
export function* parseLiveLinkCsv(lines: Iterable<string>, options: LiveLinkOptions = {}): Generator<LiveLinkFrame> {
  let fps: number | undefined = options.fps;
  let dayUs = 0;
  let lastUs = 0;
  let waiting: Row[] = [];
  const finish = (row: Row, rate: number): LiveLinkFrame => {
    if (row.frames >= rate) throw new LiveLinkError(row.line, `frame ${row.frames} in a time code of ${rate} fps`);
    let timeUs = dayUs + Math.round((row.seconds + row.frames / rate) * 1_000_000);
    if (timeUs < lastUs - DAY_US / 2) {
      dayUs += DAY_US;
      timeUs += DAY_US;
    }
    lastUs = timeUs;
    return { timeUs, frame: { face: row.face, values: row.values }, line: row.line };
  };

  for (const row of readRows(lines)) {
    if (fps !== undefined) {
      yield finish(row, fps);
      continue;
    }
    waiting.push(row);
    if (row.frames >= 30) fps = 60;
    else if (waiting.length >= LOOKAHEAD_ROWS) fps = 30;
    if (fps === undefined) continue;
    for (const held of waiting) yield finish(held, fps);
    waiting = [];
  }
  for (const held of waiting) yield finish(held, 30);
}

/** The lines, without line ends, of a CSV that `parseLiveLinkCsv` reads back; time codes at `fps`, modulo 24 hours. */
export function* formatLiveLinkCsv(
  frames: Iterable<{ timeUs: number; frame: MotionFrame }>,
  options: { fps: 30 | 60 },
): Generator<string> {
  yield HEADER.join(',');
  for (const { timeUs, frame } of frames) {
    const values = frame.face ? Array.from(frame.values.subarray(0, ARKIT_CHANNELS.length), (v) => v.toFixed(10)) : [];
    const count = frame.face ? ARKIT_CHANNELS.length : 0;
    yield [formatTimecode(timeUs, options.fps), count, ...values].join(',');
  }
}

function* readRows(lines: Iterable<string>): Generator<Row> {
  let line = 0;
  for (const raw of lines) {
    line++;
    const text = raw.replace(/^\uFEFF/, '').trim();
    if (line === 1) checkHeader(text);
    else if (text !== '') yield readRow(text, line);
  }
  if (line === 0) throw new LiveLinkError(1, 'empty: no header');
}

function checkHeader(text: string): void {
  const names = text.split(',');
  for (const [column, wanted] of HEADER.entries()) {
    if (names[column]?.trim().toLowerCase() !== wanted.toLowerCase()) {
      throw new LiveLinkError(1, `column ${column + 1} is "${names[column] ?? ''}" and not ${wanted}`);
    }
  }
}

function readRow(text: string, line: number): Row {
  const cells = text.split(',');
  const time = /^(\d{1,2}):(\d{2}):(\d{2}):(\d{2}(?:\.\d+)?)$/.exec(cells[0]!);
  if (time === null) throw new LiveLinkError(line, `time code "${cells[0]}" is not HH:MM:SS:FF.fff`);
  const [hours, minutes, whole, frames] = time.slice(1).map(Number) as [number, number, number, number];
  if (minutes > 59 || whole > 59) throw new LiveLinkError(line, `time code "${cells[0]}" is out of range`);
  const seconds = hours * 3600 + minutes * 60 + whole;
  const values = new Float32Array(ARKIT_CHANNELS.length);
  const count = cells[1]?.trim();
  if (count === '0') return { line, seconds, frames, values, face: false };
  if (count !== String(values.length) && count !== '52') {
    throw new LiveLinkError(line, `BlendShapeCount "${count ?? ''}" is not 0, 52 or ${values.length}`);
  }
  if (cells.length < 2 + values.length) {
    throw new LiveLinkError(line, `${cells.length} columns, ${2 + values.length} wanted`);
  }
  for (let channel = 0; channel < values.length; channel++) {
    const cell = cells[2 + channel]!;
    const value = cell.trim() === '' ? Number.NaN : Number(cell);
    if (!Number.isFinite(value)) throw new LiveLinkError(line, `${HEADER[2 + channel]} "${cell}" is not a number`);
    values[channel] = value;
  }
  return { line, seconds, frames, values, face: true };
}

function formatTimecode(timeUs: number, fps: number): string {
  // In thousandths of a frame, so that rounding never makes a frame number of `fps`.
  const thousandths = Math.round(((timeUs % DAY_US) * fps) / 1000);
  const perSecond = fps * 1000;
  const seconds = Math.floor(thousandths / perSecond) % 86_400;
  const two = (value: number): string => String(value).padStart(2, '0');
  const frames = ((thousandths % perSecond) / 1000).toFixed(3).padStart(6, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}:${frames}`;
}
