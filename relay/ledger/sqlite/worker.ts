// The thread of a ledger: takes calls from its port, runs all that wait as one batch, posts the answers.
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { ledgerFailure } from './failure.ts';
import { type Answer, type Fault, faultOf, type Request, runBatch } from './requests.ts';
import { LedgerStore } from './store.ts';

export interface WorkerTask {
  path: string;
  port: MessagePort;
  /** Calls in one transaction at most. */
  batch: number;
  durable: boolean;
  afterFailure: boolean;
}

export type ToWorker = Request[] | 'close';
export type FromWorker =
  | { type: 'opened' }
  | { type: 'answers'; answers: Answer[]; committed: boolean }
  | { type: 'ended'; fault: Fault };

const { path, port, batch, durable, afterFailure } = workerData as WorkerTask;
const post = (message: FromWorker) => port.postMessage(message);
const waiting: Request[] = [];
let closing = false;
let over = false;

function take(message: ToWorker): void {
  if (message === 'close') closing = true;
  else waiting.push(...message);
}

function serve(store: LedgerStore): void {
  port.on('message', (first: ToWorker) => {
    // A closed port still gives what had come.
    if (over) return;
    take(first);
    while (waiting.length > 0) {
      // What came during the last sync is in the port by now and shares the next one.
      while (waiting.length < batch) {
        const more = receiveMessageOnPort(port) as { message: ToWorker } | undefined;
        if (!more) break;
        take(more.message);
      }
      const { answers, committed, end } = runBatch(store, waiting.splice(0, batch));
      post({ type: 'answers', answers, committed });
      if (end) return finish(store, end);
    }
    if (closing) finish(store, undefined);
  });
}

function finish(store: LedgerStore, end: Fault | undefined): void {
  over = true;
  let fault = end;
  try {
    store.close();
  } catch (error) {
    fault ??= faultOf(ledgerFailure(error));
  }
  if (fault) post({ type: 'ended', fault });
  port.close();
}

try {
  serve(new LedgerStore(path, { durable, afterFailure }));
  post({ type: 'opened' });
} catch (error) {
  post({ type: 'ended', fault: faultOf(ledgerFailure(error)) });
  port.close();
}
