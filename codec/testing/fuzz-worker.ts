// A worker: fuzzes `count` units of motion from `seed`, posts { done, heapBytes } each `every` units, then { report }.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { MotionFuzz, type MotionFuzzReport } from './motion-fuzz.ts';

export interface FuzzTask {
  seed: number;
  count: number;
  every: number;
}

export type FuzzMessage = { done: number; heapBytes: number } | { report: MotionFuzzReport };

const { seed, count, every } = workerData as FuzzTask;
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const fuzz = new MotionFuzz({ seed, now: () => performance.now() * 1000 });
for (let done = 0; done < count; done += every) {
  fuzz.run(Math.min(every, count - done));
  gc();
  post({ done: fuzz.report.units, heapBytes: process.memoryUsage().heapUsed });
}
post({ report: fuzz.report });

function post(message: FuzzMessage): void {
  parentPort!.postMessage(message);
}
