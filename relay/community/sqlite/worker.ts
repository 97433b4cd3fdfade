// The thread of a community's file: takes calls from its port, runs all that wait as one transaction, posts the answers.
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { HayateError } from '@hayate/codec/errors';
import { SqliteStore, type StoreMethod } from './store.ts';

/** Calls in one transaction at most. */
const BATCH = 512;

export interface WorkerTask {
  path: string;
  port: MessagePort;
}
export interface Request {
  id: number;
  method: StoreMethod;
  args: readonly unknown[];
}
export type ToWorker = Request[] | 'close';
export type FromWorker =
  | { type: 'opened' }
  /** The file cannot be used; `code` is a HayateError's, where it was one. */
  | { type: 'refused'; code: string | undefined; message: string }
  | { type: 'answers'; answers: { id: number; value: unknown }[] }
  /** None of these was carried out. */
  | { type: 'failed'; ids: number[]; message: string };

const { path, port } = workerData as WorkerTask;
const post = (message: FromWorker) => port.postMessage(message);
const waiting: Request[] = [];
let closing = false;

function take(message: ToWorker): void {
  if (message === 'close') closing = true;
  else waiting.push(...message);
}

function run(store: SqliteStore, requests: readonly Request[]): void {
  try {
    store.begin(requests.some(({ method }) => method === 'record'));
    const answers = requests.map(({ id, method, args }) => {
      return { id, value: (store[method] as (...args: readonly unknown[]) => unknown).apply(store, [...args]) };
    });
    store.commit();
    post({ type: 'answers', answers });
  } catch (error) {
    store.rollback();
    post({ type: 'failed', ids: requests.map(({ id }) => id), message: (error as Error).message });
  }
}

function serve(store: SqliteStore): void {
  port.on('message', (first: ToWorker) => {
    take(first);
    while (waiting.length > 0) {
      // What came during the last sync is in the port by now and shares the next one.
      while (waiting.length < BATCH) {
        const more = receiveMessageOnPort(port) as { message: ToWorker } | undefined;
        if (!more) break;
        take(more.message);
      }
      run(store, waiting.splice(0, BATCH));
    }
    if (!closing) return;
    store.close();
    port.close();
  });
}

try {
  serve(new SqliteStore(path));
  post({ type: 'opened' });
} catch (error) {
  const code = error instanceof HayateError ? error.code : undefined;
  post({ type: 'refused', code, message: (error as Error).message });
  port.close();
}
