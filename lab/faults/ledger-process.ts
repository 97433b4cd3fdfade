import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { GiftTicket } from '@hayate/relay/ledger';
import { root } from '../lib/processes.ts';
import type { ChildLine } from './ledger-child.ts';

const child = fileURLToPath(new URL('./ledger-child.ts', import.meta.url));

export interface LedgerProcessOptions {
  path: string;
  /** The control: acks without a sync. */
  noSync?: boolean;
  /** Runs it under strace with these arguments. */
  strace?: readonly string[];
  onLine(line: Exclude<ChildLine, { type: 'ready' }>): void;
}

/** A ledger process: tickets in, answers out, killed when asked. */
export class LedgerProcess {
  readonly ready: Promise<void>;
  readonly exited: Promise<unknown>;
  readonly #process: ChildProcess;
  #pid: number | undefined;

  constructor({ path, noSync, strace, onLine }: LedgerProcessOptions) {
    const node = [process.execPath, child, path, ...(noSync ? ['--no-sync'] : [])];
    const [command = '', ...args] = strace ? ['strace', ...strace, ...node] : node;
    this.#process = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.exited = once(this.#process, 'close');
    // A killed process leaves its pipe to nobody.
    this.#process.stdin?.on('error', () => {});
    let rest = '';
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const each of lines) {
        const line = JSON.parse(each) as ChildLine;
        if (line.type === 'ready') {
          this.#pid = line.pid;
          ready.resolve();
        } else {
          if (line.type === 'refused') ready.resolve();
          onLine(line);
        }
      }
    });
    this.#process.on('error', ready.reject);
    void this.exited.then(() => ready.reject(new Error('the ledger process ended before it was ready')));
    this.ready.catch(() => {});
  }

  send(ticket: GiftTicket): void {
    this.#process.stdin?.write(`${JSON.stringify(ticket)}\n`);
  }

  async kill(): Promise<void> {
    if (this.#pid !== undefined) process.kill(this.#pid, 'SIGKILL');
    else this.#process.kill('SIGKILL');
    await this.exited;
  }

  /** Lets it answer what it has and close its file. */
  async finish(): Promise<void> {
    this.#process.stdin?.end();
    await this.exited;
  }
}
