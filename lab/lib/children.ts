import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';

/** Asks a forked child for one answer: `{ask, ...}` out, `{answer: ask, value}` back. */
export async function askChild<T>(child: ChildProcess, question: string, fields: object = {}): Promise<T> {
  child.send({ ask: question, ...fields });
  for (;;) {
    const [message] = (await once(child, 'message')) as [{ answer: string; value: T }];
    if (message.answer === question) return message.value;
  }
}

/** Keeps a process (all its threads) on one core; does nothing on a machine with one. */
export function pin(pid: number, cpu: number): void {
  if (cpus().length < 2) return;
  execFileSync('taskset', ['-a', '-p', '-c', String(cpu), String(pid)], { stdio: 'ignore' });
}
