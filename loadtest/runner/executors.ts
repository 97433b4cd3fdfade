import { type Environment, until } from './environment.ts';
import type { Scenario } from './options.ts';
import { arrivals, vuSteps } from './ramp.ts';
import type { Vu } from './vu.ts';

/** What an executor drives; times on the environment's clock. */
interface ExecutorHost {
  readonly environment: Environment;
  readonly scenario: Scenario;
  readonly startedMs: number;
  /** Aborts when nothing more may start: the scenario's time is over, or the test ends. */
  readonly stop: AbortSignal;
  /** A VU of the pool; undefined when all are at work and no more may be made. */
  take(): Vu | undefined;
  give(vu: Vu): void;
  /** Aborts when what runs is to be cut short. */
  readonly kill: AbortSignal;
  /** One iteration; never rejects. It ends early when `signal` aborts: `kill`, or one that follows it. */
  iterate(vu: Vu, signal: AbortSignal): Promise<void>;
  /** An iteration that no VU was free for. */
  dropped(): void;
  readonly progress: Progress;
}

/** For the progress line; `total` undefined where there is no number of iterations. */
export interface Progress {
  done: number;
  total: number | undefined;
}

/** Resolves when every iteration that it started has ended. */
export type Executor = (host: ExecutorHost) => Promise<void>;

export const EXECUTORS: Record<Scenario['executor'], Executor> = {
  'shared-iterations': sharedIterations,
  'per-vu-iterations': perVuIterations,
  'constant-vus': constantVus,
  'ramping-vus': rampingVus,
  'constant-arrival-rate': arrivalRate,
  'ramping-arrival-rate': arrivalRate,
};

/** Each VU goes on while `next` says so. */
async function looping(host: ExecutorHost, vus: number, next: (vu: Vu) => boolean): Promise<void> {
  await Promise.all(
    Array.from({ length: vus }, async () => {
      const vu = host.take();
      if (!vu) return;
      while (!host.stop.aborted && next(vu)) {
        await host.iterate(vu, host.kill);
        host.progress.done += 1;
      }
      host.give(vu);
    }),
  );
}

async function sharedIterations(host: ExecutorHost): Promise<void> {
  let left = host.scenario.iterations;
  host.progress.total = left;
  await looping(host, host.scenario.vus, () => left-- > 0);
}

async function perVuIterations(host: ExecutorHost): Promise<void> {
  const { vus, iterations } = host.scenario;
  host.progress.total = vus * iterations;
  const begun = new Map<Vu, number>();
  await looping(host, vus, (vu) => {
    const count = begun.get(vu) ?? 0;
    begun.set(vu, count + 1);
    return count < iterations;
  });
}

function constantVus(host: ExecutorHost): Promise<void> {
  return looping(host, host.scenario.vus, () => true);
}

/** One place of a ramp: asked to go on or to stop, and cut short when stopping takes too long. */
interface Place {
  wanted: boolean;
  running: boolean;
  interrupt: AbortController;
  timer: unknown;
}

async function rampingVus(host: ExecutorHost): Promise<void> {
  const { environment, scenario, startedMs, stop } = host;
  const places: Place[] = Array.from({ length: scenario.maxVus }, () => ({
    wanted: false,
    running: false,
    interrupt: new AbortController(),
    timer: undefined,
  }));
  const running = new Set<Promise<void>>();

  const start = (place: Place) => {
    place.wanted = true;
    environment.clearTimer(place.timer);
    if (place.running) return;
    const vu = host.take();
    if (!vu) return;
    place.running = true;
    place.interrupt = new AbortController();
    // Once a start, not once an iteration: the signal that it follows lives as long as the test.
    const signal = AbortSignal.any([host.kill, place.interrupt.signal]);
    const loop = (async () => {
      // What was told to stop may be wanted again before its iteration has ended; not once that was cut short.
      while (place.wanted && !stop.aborted && !signal.aborted) {
        await host.iterate(vu, signal);
        host.progress.done += 1;
      }
      place.running = false;
      environment.clearTimer(place.timer);
      host.give(vu);
      if (place.wanted && !stop.aborted) start(place);
    })();
    running.add(loop);
    void loop.finally(() => running.delete(loop));
  };
  const end = (place: Place) => {
    place.wanted = false;
    if (!place.running) return;
    place.timer = environment.setTimer(() => place.interrupt.abort(), scenario.gracefulRampDownMs);
  };

  let active = 0;
  for (const { atMs, vus } of vuSteps(scenario.ramp)) {
    await until(environment, startedMs + atMs, stop);
    if (stop.aborted) break;
    for (; active < vus; active++) start(places[active]!);
    for (; active > vus; active--) end(places[active - 1]!);
  }
  await until(environment, startedMs + scenario.durationMs, stop);
  for (const place of places) place.wanted = false;
  await Promise.all(running);
}

/** Iterations start when they are due, however long those before take: what has no VU is dropped and counted. */
async function arrivalRate(host: ExecutorHost): Promise<void> {
  const { environment, scenario, startedMs, stop } = host;
  const running = new Set<Promise<void>>();
  for (const atMs of arrivals(scenario.ramp)) {
    await until(environment, startedMs + atMs, stop);
    if (stop.aborted) break;
    const vu = host.take();
    if (!vu) {
      host.dropped();
      continue;
    }
    const iteration = host.iterate(vu, host.kill).then(() => {
      host.progress.done += 1;
      host.give(vu);
    });
    running.add(iteration);
    void iteration.finally(() => running.delete(iteration));
  }
  await until(environment, startedMs + scenario.durationMs, stop);
  await Promise.all(running);
}
