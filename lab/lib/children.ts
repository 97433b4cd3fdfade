import { type ChildProcess, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, getPriority, setPriority } from 'node:os';

/**
 * Node's options for children that stand in for phones. V8 collects with helper threads, which the thread that needs the
 * memory waits for: where every core is wanted they do not get to run, and a phone stands still for tens of ms.
 */
export const PHONE_ARGV = [...process.execArgv, '--single-threaded-gc'];

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

/**
 * Ahead of everything else on the machine, all its threads, where that is allowed: a bench measures itself, not its
 * neighbours. The engine's thread stays above JavaScript. Threads made later inherit it. `nice`: -20 for what
 * stands in for phones, which have processors of their own: on any core, for pinned to one beside others they are late all the
 * same. Real-time priority locks up: threads spin on locks whose holders do not get to run.
 */
export function prefer(pid: number, nice = -15): void {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      setPriority(Number(task), Math.max(-20, getPriority(Number(task)) + nice));
    } catch {
      // Not allowed, or the thread has ended.
    }
  }
  // Priorities count within a session only; this is the session's own.
  share(pid, nice);
}

/** What the session of `pid` gets of the machine beside others: -20 to 19, where that is allowed. */
export function share(pid: number, nice: number): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch {
    // Not allowed, gone, or a kernel without.
  }
}

/**
 * Gives the session of `pid` the share of the machine that this session has. Linux shares cores out by session first
 * (autogroups), so that a browser, which leads a session of its own, would get a thirtieth beside processes of a preferred
 * one. Its threads' priorities among each other stay its own.
 */
export function equal(pid: number): void {
  try {
    const nice = /nice (-?\d+)/.exec(readFileSync('/proc/self/autogroup', 'utf8'))?.[1];
    if (nice !== undefined) share(pid, Number(nice));
  } catch {
    // Not allowed, or a kernel without.
  }
}

/** Keeps a process (all its threads) on one core; does nothing on a machine with one. */
export function pin(pid: number, cpu: number): void {
  if (cpus().length < 2) return;
  execFileSync('taskset', ['-a', '-p', '-c', String(cpu), String(pid)], { stdio: 'ignore' });
}
