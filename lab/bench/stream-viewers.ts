import type { ChildProcess } from 'node:child_process';
import { askChild, pin, prefer } from '../lib/children.ts';
import { spawnChild } from './stream-child.ts';
import type { RoomPlan, Sent, Traffic } from './stream-plan.ts';
import type { Summary } from './stream-present.ts';

/** Of the traffic and the analysis: groups of viewers by their name. */
type ByGroup<T> = Record<string, T>;

/**
 * Viewers in two processes. Those that log tell the lag, and go before everything else, as livers do: a phone has a processor
 * of its own. The others are the load: they acknowledge and count.
 */
export class StreamViewers {
  readonly #logging = spawnChild('stream-loader.ts');
  readonly #load = spawnChild('stream-loader.ts');

  get pids(): number[] {
    return this.#both.map(({ pid }) => pid ?? 0);
  }

  /** Before `open`: threads made later inherit priority and core. `cpu`: all of them on that core. */
  goFirst(cpu?: number): void {
    const load = this.#load.pid ?? 0;
    if (cpu !== undefined) for (const pid of this.pids) pin(pid, cpu);
    // Acknowledgements that are late say that the path is long: the load may not starve either.
    prefer(load);
    prefer(this.#logging.pid ?? 0, -20);
  }

  async open(plans: readonly RoomPlan[]): Promise<void> {
    const part = (of: (plan: RoomPlan) => number) =>
      plans.map((plan) => ({ ...plan, viewers: of(plan) })).filter(({ viewers }) => viewers > 0);
    const logging = part(({ logged }) => logged);
    const load = part(({ viewers, logged }) => viewers - logged).map((plan) => ({ ...plan, logged: 0 }));
    await askChild(this.#logging, 'open', { plans: logging });
    if (load.length > 0) await askChild(this.#load, 'open', { plans: load });
  }

  /** What arrives from now on is logged anew. */
  async record(groups: string[]): Promise<void> {
    await askChild(this.#logging, 'record', { groups });
  }

  async stop(): Promise<void> {
    await askChild(this.#logging, 'stop');
  }

  /** Counters begin anew. */
  async mark(groups: string[]): Promise<void> {
    await Promise.all(this.#both.map((child) => askChild(child, 'mark', { groups })));
  }

  /** Totals since `mark`. */
  async traffic(groups: string[]): Promise<ByGroup<Traffic>> {
    const parts = await Promise.all(
      this.#both.map((child) => askChild<ByGroup<Traffic>>(child, 'traffic', { groups })),
    );
    const out: ByGroup<Traffic> = {};
    for (const [group, counts] of parts.flatMap((part) => Object.entries(part))) {
      const total = out[group] ?? { viewers: 0 };
      out[group] = total;
      for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
    }
    return out;
  }

  /** What those that log got of [fromUs, toUs), added to what is known under that name. */
  analyse(question: {
    groups: string[];
    sent: Sent[];
    fromUs: number;
    toUs: number;
    name: string;
  }): Promise<ByGroup<Summary>> {
    return askChild(this.#logging, 'analyse', question);
  }

  kill(): void {
    for (const child of this.#both) child.kill();
  }

  get #both(): readonly ChildProcess[] {
    return [this.#logging, this.#load];
  }
}
