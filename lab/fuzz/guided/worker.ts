// A worker: runs one target, posts its progress each second and its crashes and corpus at the end.
import { parentPort, workerData } from 'node:worker_threads';
import { loadTarget } from '../targets/index.ts';
import { type Crash, Guided, type GuidedReport } from './guided.ts';

export interface GuidedTask {
  target: string;
  seed: number;
  inputs: number;
  /** Most time, s. */
  seconds: number;
  corpus: string[];
  learns: boolean;
  /** Ends with the first crash. */
  first: boolean;
}

export type GuidedMessage = { report: GuidedReport } & (
  | { end: false }
  | { end: true; crashes: Crash[]; corpus: string[] }
);

const SLICE = 20_000;
const task = workerData as GuidedTask;
const target = await loadTarget(task.target);
const corpus = task.corpus.map((hex) => Buffer.from(hex, 'hex'));
const guided = await Guided.open({ target, seed: task.seed, corpus, learns: task.learns });
const end = performance.now() + 1000 * task.seconds;
const over = () => performance.now() > end || (task.first && guided.crashes.length > 0);
while (guided.report().inputs < task.inputs && !over()) {
  await guided.run(Math.min(SLICE, task.inputs - guided.report().inputs), over);
  post({ report: guided.report(), end: false });
}
guided.close();
post({
  report: guided.report(),
  end: true,
  crashes: guided.crashes,
  corpus: guided.corpus.map((each) => Buffer.from(each).toString('hex')),
});

function post(message: GuidedMessage): void {
  parentPort!.postMessage(message);
}
