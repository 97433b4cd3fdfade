import { CHANNEL_COUNT } from '../../avatar/channels.ts';
import type { SceneName, Surroundings } from '../../avatar/scene/light.ts';

/**
 * The poses of one animation frame in one array, which page and worker hand to and fro: the frame's time, ms, then for each
 * canvas its id, 1 or 0 for awake, and the channels. Numbers of 64 bits, since a time of 32 is coarse within hours.
 */
export type Sheet = Float64Array<ArrayBuffer>;

const HEAD = 1;
const ROW = 2 + CHANNEL_COUNT;

export const sheetLength = (canvases: number) => HEAD + canvases * ROW;

export function writePose(sheet: Sheet, row: number, id: number, awake: boolean, values: Float32Array): void {
  const at = HEAD + row * ROW;
  sheet[at] = id;
  sheet[at + 1] = awake ? 1 : 0;
  for (let i = 0; i < CHANNEL_COUNT; i += 1) sheet[at + 2 + i] = values[i]!;
}

/** Calls `draw` for each of the first `rows`; `values` is filled anew for each call. */
export function readPoses(
  sheet: Sheet,
  rows: number,
  values: Float32Array,
  draw: (id: number, awake: boolean) => void,
): void {
  for (let row = 0; row < rows; row += 1) {
    const at = HEAD + row * ROW;
    for (let i = 0; i < CHANNEL_COUNT; i += 1) values[i] = sheet[at + 2 + i]!;
    draw(sheet[at]!, sheet[at + 1] === 1);
  }
}

export type ToDrawWorker =
  | { type: 'add'; id: number; slot: number; canvas: OffscreenCanvas }
  | { type: 'size'; id: number; width: number; height: number }
  | { type: 'remove'; id: number }
  | { type: 'scene'; id: number; scene: SceneName | undefined }
  | { type: 'light'; surroundings: Surroundings }
  | { type: 'poses'; sheet: Sheet; rows: number };

export type FromDrawWorker =
  /** The first word. */
  | { type: 'able'; able: boolean }
  /** The sheet back. `atMs`: when all was drawn, ms since 1970 and finer; `tookMs`: of that, drawing. */
  | { type: 'drawn'; sheet: Sheet; atMs: number; tookMs: number };

/** One clock for page and worker: their `performance.now()` count from different instants. */
export const sharedNowMs = () => performance.timeOrigin + performance.now();
