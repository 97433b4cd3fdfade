import { Worker } from 'node:worker_threads';
import type { GuidedReport } from './guided.ts';
import type { GuidedMessage, GuidedTask } from './worker.ts';

export type GuidedEnd = Extract<GuidedMessage, { end: true }>;

/** A worker that says nothing for so many seconds hangs. Seconds in which this process was stopped do not count. */
const SILENT_SECONDS = 300;

/** Runs a target in a thread of its own, so that coverage and speed are of nothing else. Rejects when it hangs or dies. */
export function runTarget(task: GuidedTask, onReport: (report: GuidedReport) => void = () => {}): Promise<GuidedEnd> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task, execArgv: [] });
    let silent = 0;
    const timer = setInterval(() => {
      silent += 1;
      if (silent < SILENT_SECONDS) return;
      reject(new Error(`${task.target}: an input takes longer than ${SILENT_SECONDS} s`));
      void worker.terminate();
    }, 1000);
    let last: GuidedEnd | undefined;
    worker.on('message', (message: GuidedMessage) => {
      silent = 0;
      onReport(message.report);
      if (message.end) last = message;
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      clearInterval(timer);
      if (last !== undefined) resolve(last);
      else reject(new Error(`${task.target} ended with ${code}`));
    });
  });
}
