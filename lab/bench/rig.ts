import { fork } from 'node:child_process';
import { join } from 'node:path';
import { askChild, pin } from '../lib/children.ts';
import { root } from '../lib/processes.ts';

export interface Loaded {
  sent: number;
  received: number;
  lag: { p50: number; p95: number; p99: number; max: number };
}

const here = join(root, 'lab', 'bench');

/** An engine with one room in a process of its own, viewers and a publisher in another, each on its core. */
export class FanoutRig {
  readonly #relay = fork(join(here, 'fanout-relay.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--expose-gc'],
  });
  readonly #loader = fork(join(here, 'fanout-loader.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  #target: { port: number; hash: string } | undefined;

  get relayPid(): number {
    return this.#relay.pid ?? 0;
  }

  get loaderPid(): number {
    return this.#loader.pid ?? 0;
  }

  async listen(maxSessions: number): Promise<void> {
    this.#target = await askChild(this.#relay, 'listen', { viewers: maxSessions });
    pin(this.relayPid, 0);
    pin(this.loaderPid, 1);
  }

  /** Connects viewers, then a publisher, and waits until its first bundle came back. */
  async connect(viewers: number): Promise<void> {
    await askChild(this.#loader, 'connect', { ...this.#target, viewers });
  }

  /** Opens and closes so many viewer sessions. */
  async churn(sessions: number): Promise<void> {
    await askChild(this.#loader, 'churn', { ...this.#target, viewers: sessions });
  }

  load(hz: number, bytes: number, seconds: number): Promise<Loaded> {
    return askChild(this.#loader, 'load', { hz, bytes, seconds });
  }

  /** The engine's stats in the relaying process. */
  stats(): Promise<Record<string, number>> {
    return askChild(this.#relay, 'stats');
  }

  /** Collects the relaying process's JavaScript garbage: what is left after it is held by somebody. */
  async collect(): Promise<void> {
    await askChild(this.#relay, 'collect');
  }

  /** Blocks the relaying process's JavaScript thread for `ms`, `times` times a second apart; resolves with its longest turn. */
  stall(ms: number, times: number): Promise<number> {
    return askChild(this.#relay, 'stall', { ms, times });
  }

  close(): void {
    this.#relay.kill();
    this.#loader.kill();
  }
}
