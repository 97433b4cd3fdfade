import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LagCounts } from '../lib/lag-counts.ts';
import { type Sample as MetricSample, readMetrics, total } from '../lib/metrics.ts';
import { cpuUs, engineWaitUs, rssKb } from '../lib/proc.ts';
import type { Sleepers } from '../lib/sleepers.ts';
import type { InsideFigures } from './relay-hook.ts';

const gauge = (metric: string, labels?: Record<string, string>) => ({ metric, labels });
const open = (what: string) => gauge('hayate_engine_open', { what });

/** What must be what it was before anybody came (0 for all but the engine's own connections) once everybody has left. */
export const GAUGES = {
  sessions: gauge('hayate_sessions'),
  rooms: gauge('hayate_rooms'),
  viewers: gauge('hayate_viewers'),
  people: gauge('hayate_people'),
  livers: gauge('hayate_livers'),
  connections: open('connections'),
  engine_sessions: open('sessions'),
  streams: open('streams'),
  engine_rooms: open('rooms'),
  members: open('members'),
  publishers: open('publishers'),
  delivery_classes: gauge('hayate_delivery_class'),
  congestion_levels: gauge('hayate_congestion_level'),
  community_waiting: gauge('hayate_community_waiting'),
  ledger_waiting: gauge('hayate_ledger_waiting'),
  gift_oldest_waiting_s: gauge('hayate_gift_oldest_waiting_seconds'),
};

type Gauges = Record<keyof typeof GAUGES, number>;

/** Of the resident memory; the rest is the engine's, the databases' and other allocations outside JavaScript. */
export interface Where {
  /** Mapped of files: the program. */
  files: number;
  /** The heap of JavaScript, its free space included. */
  heap: number;
  /** Of that, compiled code. */
  code: number;
  /** The heaps of the other threads, not collected. */
  workers: number;
}

/** Of one interval, or at its end. Later versions must read the samples of lab/results/soak.json. */
export interface Sample extends Gauges {
  /** Since the first visitor, whole. */
  second: number;
  rss_mb: number;
  /** JavaScript's, once its garbage was collected. `null`, as the next two: not read in this interval. */
  heap_mb: number | null;
  external_mb: number | null;
  /** What keeps JavaScript's event loop: sockets, servers, timers. */
  resources: number | null;
  /** What the resident memory is of. `null`: not read in this interval; missing: in no sample of that run. */
  where_mb?: Where | null;
  fds: number;
  threads: number;
  /** Shares of a core. */
  relay_cpu: number;
  clients_cpu: number;
  /** From capture to arrival at the probes. `null`: nothing came. */
  lag_p50_ms: number | null;
  lag_p99_ms: number | null;
  /** How late the worst core woke its sleeper, in sum. */
  host_late_ms: number;
  /** How long the engines of relay and clients were ready to run and had no core, in sum. */
  no_core_ms: number;
  /** Of the engine. Not a gauge that must be back: its own connections set some at any time. */
  timers: number;
}

const TIMERS = open('timers');
const ANSWER_MS = 10_000;
const MB = 1e6;

export interface SampleSources {
  pid: number;
  /** Address of its `/metrics`. */
  metrics: string;
  /** That the hook in the relay writes. */
  figuresFile: string;
  lag: LagCounts;
  sleepers: Sleepers;
}

/** Reads the relay from outside, and by its hook from inside. */
export class Sampler {
  readonly #from: SampleSources;
  #answers = 0;
  #atMs = performance.now();
  #relayUs: number;
  #clientsUs: number;
  #waitedUs: number;

  constructor(from: SampleSources) {
    this.#from = from;
    this.#relayUs = cpuUs(from.pid);
    this.#clientsUs = cpuUs(process.pid);
    this.#waitedUs = this.#waits();
  }

  /** @param collect garbage is collected first, and the heap is read */
  async take(second: number, collect: boolean): Promise<Sample> {
    const { pid, metrics, lag, sleepers } = this.#from;
    const page = await readMetrics(metrics);
    const inside = collect ? await this.inside() : undefined;
    const nowMs = performance.now();
    const [relayUs, clientsUs, waitedUs] = [cpuUs(pid), cpuUs(process.pid), this.#waits()];
    const share = (us: number) => round(us / 1000 / (nowMs - this.#atMs), 3);
    const sample: Sample = {
      second,
      rss_mb: round((rssKb(pid) * 1024) / MB, 1),
      heap_mb: inside ? round(inside.heapBytes / MB, 2) : null,
      external_mb: inside ? round(inside.externalBytes / MB, 2) : null,
      resources: inside ? Object.values(inside.resources).reduce((sum, n) => sum + n, 0) : null,
      where_mb: inside ? where(pid, inside) : null,
      fds: count(`/proc/${pid}/fd`),
      threads: count(`/proc/${pid}/task`),
      relay_cpu: share(relayUs - this.#relayUs),
      clients_cpu: share(clientsUs - this.#clientsUs),
      lag_p50_ms: lag.received > 0 ? lag.percentile(0.5) : null,
      lag_p99_ms: lag.received > 0 ? lag.percentile(0.99) : null,
      host_late_ms: round(sleepers.take(), 1),
      no_core_ms: round((waitedUs - this.#waitedUs) / 1000, 1),
      timers: total(page, TIMERS.metric, TIMERS.labels),
      ...gaugesOf(page),
    };
    lag.reset();
    this.#atMs = nowMs;
    [this.#relayUs, this.#clientsUs, this.#waitedUs] = [relayUs, clientsUs, waitedUs];
    return sample;
  }

  /** Collects the relay's garbage. Rejects when it does not answer. */
  async inside(): Promise<InsideFigures> {
    const { pid, figuresFile } = this.#from;
    this.#answers += 1;
    process.kill(pid, 'SIGUSR2');
    for (const until = performance.now() + ANSWER_MS; performance.now() < until; await sleep(20)) {
      if (!existsSync(figuresFile)) continue;
      const figures = JSON.parse(readFileSync(figuresFile, 'utf8')) as InsideFigures;
      if (figures.number >= this.#answers) return figures;
    }
    throw new Error('the relay does not tell its figures');
  }

  /** us, of all time. */
  #waits(): number {
    return engineWaitUs(this.#from.pid) + engineWaitUs(process.pid);
  }
}

function where(pid: number, { committedBytes, codeBytes, workersBytes }: InsideFigures): Where {
  const mb = (bytes: number) => round(bytes / MB, 2);
  const files = mb(rssKb(pid, 'RssFile') * 1024);
  return { files, heap: mb(committedBytes), code: mb(codeBytes), workers: mb(workersBytes) };
}

function gaugesOf(page: MetricSample[]): Gauges {
  const values = Object.entries(GAUGES).map(([name, { metric, labels }]) => [name, total(page, metric, labels)]);
  return Object.fromEntries(values) as Gauges;
}

/** @param metrics address of `/metrics` */
export async function gauges(metrics: string): Promise<Gauges> {
  return gaugesOf(await readMetrics(metrics));
}

/** Those that are above what they were `before`. */
export function beyond(now: Gauges, before: Partial<Gauges>): Partial<Gauges> {
  const above = Object.entries(now).filter(([name, value]) => value > (before[name as keyof Gauges] ?? 0));
  return Object.fromEntries(above) as Partial<Gauges>;
}

/** How many entries a folder has. */
export function count(folder: string): number {
  return readdirSync(folder).length;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
