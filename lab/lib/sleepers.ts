import { type ChildProcess, fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { pin, prefer } from './children.ts';

const MAX_CORES = 4;

/**
 * Tells stalls of the machine from those of the relay for hours, at about 1 % of a core: a process on each core that sleeps,
 * goes before all others and says how late it woke. `machineStalls` works on the cores, and is for a few seconds.
 */
export class Sleepers {
  readonly #children: ChildProcess[];
  readonly #lateMs: number[];

  constructor() {
    const cores = cpus().slice(0, MAX_CORES);
    this.#lateMs = cores.map(() => 0);
    this.#children = cores.map((_, core) => {
      const child = fork(fileURLToPath(new URL('sleeper-child.ts', import.meta.url)), {
        // A session of its own goes before all others; in this one all of it would.
        detached: true,
      });
      pin(child.pid ?? 0, core);
      prefer(child.pid ?? 0, -20);
      child.on('message', (lateMs: number) => {
        this.#lateMs[core]! += lateMs;
      });
      return child;
    });
  }

  /** Of the worst core, since it was last asked, ms. */
  take(): number {
    const worst = Math.max(...this.#lateMs);
    this.#lateMs.fill(0);
    return worst;
  }

  close(): void {
    for (const child of this.#children) if (child.connected) child.disconnect();
  }
}
