import type { Painter } from './painter.ts';
import type { FromDrawWorker } from './sheet.ts';
import { WorkerPainter } from './worker-painter.ts';

/** A worker that says nothing for so long is none. */
const ANSWER_LIMIT_MS = 3000;

export interface DrawingSetting {
  /** Whether this page's canvases can be given away at all. */
  transferable: boolean;
  /** May throw. */
  startWorker: () => Worker;
  setTimer: (run: () => void, delayMs: number) => unknown;
}

/** A worker that can draw; undefined where this browser has none. */
export async function ableWorker({ transferable, startWorker, setTimer }: DrawingSetting): Promise<Worker | undefined> {
  if (!transferable) return undefined;
  let worker: Worker;
  try {
    worker = startWorker();
  } catch {
    return undefined;
  }
  const able = await new Promise<boolean>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<FromDrawWorker>) => resolve(data.type === 'able' && data.able);
    worker.onerror = () => resolve(false);
    setTimer(() => resolve(false), ANSWER_LIMIT_MS);
  });
  if (able) return worker;
  worker.terminate();
  return undefined;
}

/** Once a page: in a worker where the browser can, else on the page's own thread. `wanted` is for comparisons. */
export async function choosePainter(wanted: 'best' | 'page', onError: (error: unknown) => void): Promise<Painter> {
  if (wanted === 'page') return onPage();
  const worker = await ableWorker({
    transferable: 'transferControlToOffscreen' in HTMLCanvasElement.prototype,
    startWorker: () => new Worker('/draw-worker.js'),
    setTimer: (run, delayMs) => setTimeout(run, delayMs),
  });
  return worker ? new WorkerPainter(worker, onError) : onPage();
}

/** Loaded where it is used: elsewhere the worker has the drawing. */
async function onPage(): Promise<Painter> {
  const { PagePainter } = await import('./page-painter.ts');
  return new PagePainter();
}
