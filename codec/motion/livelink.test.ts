import { describe, expect, it } from 'vitest';
import { ARKIT_CHANNELS, formatLiveLinkCsv, LiveLinkError, type LiveLinkFrame, parseLiveLinkCsv } from './index.ts';

const HEADER = [...formatLiveLinkCsv([], { fps: 30 })][0]!;
const ZEROS = Array.from({ length: 61 }, () => '0.0').join(',');

function row(time: string, values = ZEROS): string {
  return `${time},61,${values}`;
}

function errorOf(lines: string[]): LiveLinkError {
  try {
    [...parseLiveLinkCsv(lines)];
  } catch (error) {
    if (error instanceof LiveLinkError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('parseLiveLinkCsv', () => {
  it('reads time codes at 30 frames a second', () => {
    const frames = [...parseLiveLinkCsv([HEADER, row('00:00:01:00.000'), row('01:02:03:15.300'), row('01:02:03:16')])];
    expect(frames.map((each) => each.timeUs)).toEqual([1_000_000, 3_723_510_000, 3_723_533_333]);
    expect(frames.map((each) => each.line)).toEqual([2, 3, 4]);
  });

  it('takes 60 when a frame number over 29 comes, also for the rows before it', () => {
    const frames = [...parseLiveLinkCsv([HEADER, row('00:00:00:15.000'), row('00:00:00:30.000')])];
    expect(frames.map((each) => each.timeUs)).toEqual([250_000, 500_000]);
    const told = [...parseLiveLinkCsv([HEADER, row('00:00:00:15.000')], { fps: 60 })];
    expect(told[0]!.timeUs).toBe(250_000);
  });

  it('goes on over midnight', () => {
    const frames = [...parseLiveLinkCsv([HEADER, row('23:59:59:15.000'), row('00:00:00:15.000')])];
    expect(frames[1]!.timeUs - frames[0]!.timeUs).toBe(1_000_000);
  });

  it('reads values by channel, a row without a face, line ends, a byte order mark and empty lines', () => {
    const values = ARKIT_CHANNELS.map((_, channel) => (channel / 100).toFixed(4)).join(',');
    const lines = [`\uFEFF${HEADER}\r\n`, `${row('00:00:00:00.0', values)}\r\n`, '', '00:00:00:01.000,0\r\n'];
    const [first, second] = [...parseLiveLinkCsv(lines)];
    expect(first!.frame.face).toBe(true);
    expect(first!.frame.values[ARKIT_CHANNELS.indexOf('headYaw')]).toBeCloseTo(0.52, 6);
    expect(second).toMatchObject({ line: 4, frame: { face: false } });
  });

  it('streams: gives the first frames before the last line is read', () => {
    let read = 0;
    function* lines(): Generator<string> {
      yield HEADER;
      for (; read < 10_000; read++)
        yield row(`00:00:0${Math.floor(read / 30) % 10}:${String(read % 30).padStart(2, '0')}.0`);
    }
    parseLiveLinkCsv(lines()).next();
    expect(read).toBeLessThan(200);
  });

  it.each([
    ['no header', [], 1, /no header/],
    ['another header', ['a,b,c'], 1, /column 1 is "a" and not Timecode/],
    ['a column that is missing', [HEADER.replace(',JawOpen', '')], 1, /JawOpen/],
    ['a bad time code', [HEADER, row('1:2:3')], 2, /time code "1:2:3"/],
    ['minutes over 59', [HEADER, row('00:60:00:00.0')], 2, /out of range/],
    ['a frame number over the rate', [HEADER, row('00:00:00:60.0')], 2, /frame 60 in a time code of 60 fps/],
    ['a count that is no count', [HEADER, '00:00:00:00.0,7'], 2, /BlendShapeCount "7"/],
    ['a time code alone', [HEADER, '00:00:00:00.0'], 2, /BlendShapeCount ""/],
    ['too few columns', [HEADER, row('00:00:00:00.0'), '00:00:00:01.0,61,0.5'], 3, /3 columns, 63 wanted/],
    ['no number', [HEADER, row('00:00:00:00.0', ZEROS.replace('0.0', 'x'))], 2, /EyeBlinkLeft "x" is not a number/],
    ['an empty cell', [HEADER, row('00:00:00:00.0', ZEROS.replace('0.0', ''))], 2, /is not a number/],
  ] as [string, string[], number, RegExp][])('tells the line: %s', (_, lines, line, message) => {
    const error = errorOf(lines);
    expect(error).toMatchObject({ line, code: 'invalid_argument' });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`line ${line}: `);
  });
});

describe('formatLiveLinkCsv', () => {
  it.each([30, 60] as const)('is read back at %d fps', (fps) => {
    const frames: Omit<LiveLinkFrame, 'line'>[] = Array.from({ length: 200 }, (_, n) => ({
      timeUs: 86_399_000_000 + Math.round((n * 1_000_000) / fps),
      frame: {
        face: n !== 3,
        values: Float32Array.from(ARKIT_CHANNELS, (__, channel) => (n === 3 ? 0 : (n + channel) / 300)),
      },
    }));
    const back = [...parseLiveLinkCsv(formatLiveLinkCsv(frames, { fps }))];
    expect(back).toHaveLength(200);
    for (const [n, { timeUs, frame }] of back.entries()) {
      expect(Math.abs(timeUs - frames[n]!.timeUs)).toBeLessThan(20);
      expect(frame).toEqual(frames[n]!.frame);
    }
  });
});
