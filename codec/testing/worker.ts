import { Worker } from 'node:worker_threads';

/**
 * Runs a worker of this folder, by its file name, to its end; gives its last message. Plain Node: a test runner's own
 * modules make the codec many times slower.
 */
export function runWorker<Message>(
  name: string,
  workerData: unknown,
  onMessage: (message: Message) => void = () => {},
): Promise<Message> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(name, import.meta.url), { workerData, execArgv: [] });
    let last: { message: Message } | undefined;
    worker.on('message', (message: Message) => {
      last = { message };
      onMessage(message);
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      if (code === 0 && last !== undefined) resolve(last.message);
      else reject(new Error(`${name} ended with ${code}`));
    });
  });
}
