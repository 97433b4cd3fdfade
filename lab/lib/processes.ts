import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { equal } from './children.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const running = new Set<Running>();

// Children live in groups of their own, so nothing takes them down with this process but this.
process.on('exit', () => {
  for (const child of running) child.signal('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

/** A child process whose lines are collected; killed with its group by `stop`. */
export class Running {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly exited: Promise<number>;
  readonly #child: ChildProcess;
  #listeners = new Set<(line: string) => void>();

  constructor(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    // A group of its own, so that stop() reaches grandchildren (npm, bootstrap, node) and nothing else. It makes a session as
    // well, whose share of the machine would be the ordinary one whatever this one has.
    this.#child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options });
    if (this.#child.pid !== undefined) equal(this.#child.pid);
    this.exited = new Promise((resolve) => {
      this.#child.on('error', () => resolve(127));
      this.#child.on('close', (code) => resolve(code ?? 128));
    });
    running.add(this);
    void this.exited.then(() => running.delete(this));
    this.#collect(this.#child.stdout, this.stdout);
    this.#collect(this.#child.stderr, this.stderr);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  #collect(stream: NodeJS.ReadableStream | null, into: string[]): void {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        into.push(line);
        for (const listener of this.#listeners) listener(line);
      }
    });
  }

  /** Resolves with the first line, past or future, that matches; rejects at exit or after `timeoutMs`. */
  line(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    for (const line of [...this.stdout, ...this.stderr]) {
      const hit = pattern.exec(line);
      if (hit) return Promise.resolve(hit);
    }
    return new Promise((resolve, reject) => {
      const done = (act: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        act();
      };
      const fail = (why: string) =>
        done(() => reject(new Error(`no line like ${pattern} ${why}:\n${this.stderr.slice(-15).join('\n')}`)));
      const listener = (line: string) => {
        const hit = pattern.exec(line);
        if (hit) done(() => resolve(hit));
      };
      const timer = setTimeout(() => fail(`within ${timeoutMs} ms`), timeoutMs);
      this.#listeners.add(listener);
      void this.exited.then((code) => fail(`before exit ${code}`));
    });
  }

  /** What reads its output is gone, as a log collector that died: its next write fails with EPIPE. */
  cutOutput(): void {
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.destroy();
  }

  /** Nobody reads its output any more, until `stop`. */
  holdOutput(): void {
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.pause();
  }

  /** To the whole group; nothing happens when it is gone. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // Gone already.
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 8000): Promise<number> {
    // Its end is told only once all that it wrote was read.
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.resume();
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }
}

const bin = `${root}cli/bin/hayate.ts`;
/** Of Node, as the first line of the command has them. */
const binFlags = readFileSync(bin, 'utf8')
  .split('\n', 1)[0]!
  .split(' ')
  .filter((word) => word.startsWith('--'));

/** What `npx hayate` runs. */
export const hayateCommand: readonly string[] = [process.execPath, ...binFlags, bin];

/** `npx hayate ...` as a child of its own. `wrap`: a command that ends by running the arguments after its own (`exec "$@"`). */
export function hayate(
  args: string[],
  { wrap = [], ...options }: { cwd?: string; env?: NodeJS.ProcessEnv; wrap?: readonly string[] } = {},
): Running {
  const [program, ...rest] = [...wrap, ...hayateCommand, ...args];
  return new Running(program!, rest, options);
}
