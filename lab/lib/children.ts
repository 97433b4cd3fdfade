import { type ChildProcess, execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

/**
 * Asks a forked child for one answer: `{ask, ...}` out, `{answer: ask, value}` back. Rejects when the child ends before, so
 * that a fault there does not wait here for ever.
 */
export function askChild<T>(child: ChildProcess, question: string, fields: object = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: { answer: string; value: T }) => {
      if (message.answer === question) end(() => resolve(message.value));
    };
    const onExit = (code: number | null) => end(() => reject(new Error(`the child ended with ${code} at ${question}`)));
    const end = (settle: () => void) => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      settle();
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send({ ask: question, ...fields }, (error) => {
      if (error) end(() => reject(error));
    });
  });
}

/** Keeps a process (all its threads) on one core; does nothing on a machine with one. */
export function pin(pid: number, cpu: number): void {
  if (cpus().length < 2) return;
  execFileSync('taskset', ['-a', '-p', '-c', String(cpu), String(pid)], { stdio: 'ignore' });
}
