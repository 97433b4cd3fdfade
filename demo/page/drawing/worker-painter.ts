import type { Surroundings } from '../../avatar/scene/light.ts';
import type { Said } from '../language/language.ts';
import { canvasFor, noFigures, type Painter, type Portrait } from './painter.ts';
import { type FromDrawWorker, type Sheet, sharedNowMs, sheetLength, type ToDrawWorker, writePose } from './sheet.ts';
import { followSize } from './size.ts';

/** Frames on their way to be drawn. With one, a worker that is done just after a refresh would draw every second one. */
const MAX_WAITING = 2;

/**
 * Hands each frame's poses to a worker that owns the canvases: one message a frame, in arrays that come back. A worker that
 * is behind makes frames be left out, never queue up.
 */
export class WorkerPainter implements Painter {
  readonly where = 'worker';
  readonly figures = noFigures();
  readonly #worker: Worker;
  readonly #free: Sheet[] = [];
  /** When the frames under way were posed. */
  readonly #waiting: number[] = [];
  #portraits = 0;
  #lastId = 0;
  #sheet: Sheet | undefined;
  #rows = 0;

  /** `worker` runs `draw-worker.ts` and has said that it is able. `onError`: a frame could not be drawn. */
  constructor(worker: Worker, onError: (error: unknown) => void) {
    this.#worker = worker;
    worker.onerror = (event) => onError(event.error ?? event.message);
    worker.onmessage = ({ data }: MessageEvent<FromDrawWorker>) => {
      if (data.type === 'drawn') this.#drawn(data.sheet, data.atMs, data.tookMs);
    };
  }

  portrait(slot: number, label: Said): Portrait {
    const canvas = canvasFor(label);
    const id = ++this.#lastId;
    const offscreen = canvas.transferControlToOffscreen();
    this.#post({ type: 'add', id, slot, canvas: offscreen }, [offscreen]);
    this.#portraits += 1;
    const stop = followSize(canvas, (width, height) => this.#post({ type: 'size', id, width, height }));
    return {
      canvas,
      pose: (values, awake) => this.#pose(id, values, awake),
      choose: (scene) => this.#post({ type: 'scene', id, scene }),
      remove: () => {
        stop();
        this.#portraits -= 1;
        this.#post({ type: 'remove', id });
      },
    };
  }

  light(surroundings: Surroundings): void {
    this.#post({ type: 'light', surroundings });
  }

  flush(nowMs: number): boolean {
    const sheet = this.#sheet;
    const rows = this.#rows;
    this.#rows = 0;
    if (!sheet || rows === 0) return false;
    if (this.#waiting.length >= MAX_WAITING) {
      this.figures.skipped += 1;
      return false;
    }
    this.#sheet = undefined;
    sheet[0] = nowMs;
    this.#waiting.push(sharedNowMs());
    this.#post({ type: 'poses', sheet, rows }, [sheet.buffer]);
    return true;
  }

  #pose(id: number, values: Float32Array, awake: boolean): void {
    const length = sheetLength(this.#portraits);
    this.#sheet ??= this.#free.pop();
    if (!this.#sheet || this.#sheet.length < length) {
      const larger: Sheet = new Float64Array(length);
      if (this.#sheet) larger.set(this.#sheet);
      this.#sheet = larger;
    }
    writePose(this.#sheet, this.#rows, id, awake, values);
    this.#rows += 1;
  }

  #drawn(sheet: Sheet, atMs: number, tookMs: number): void {
    const { figures } = this;
    const posedMs = this.#waiting.shift() ?? atMs;
    this.#free.push(sheet);
    figures.drawn += 1;
    figures.drawMs += tookMs;
    figures.waitMs += (Math.max(0, atMs - posedMs) - figures.waitMs) * 0.05;
  }

  #post(message: ToDrawWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}
