import {
  type Engine,
  type EngineSession,
  engineAvailable,
  type LinkOptions,
  type LinkProfile,
  openEngine,
} from '@hayate/engine';
import { ConfigError } from '../errors.ts';
import type { Metric, Series, Tags } from '../metrics/registry.ts';
import type { Contains, MetricType } from '../metrics/sinks.ts';
import type { TestRun } from '../runner/run.ts';
import { SentTimes } from './sent-times.ts';
import { findTarget, type Target } from './target.ts';

/** Viewers whose links have no state of their own share this many sockets, as many users share a machine's. */
const SHARED_SOCKETS = 32;
/** The runner's lateness is looked at so often. */
const DELAY_PERIOD_MS = 20;
const VIEWERS_EVERY = 50;
const LOST_LOGGED = 5;
const CONNECT_TIMEOUT_MS = 15_000;

const METRICS = {
  motion_lag: ['trend', 'time'],
  motion_arrival_lag: ['trend', 'time'],
  voice_lag: ['trend', 'time'],
  voice_arrival_lag: ['trend', 'time'],
  comment_lag: ['trend', 'time'],
  gift_lag: ['trend', 'time'],
  join_time: ['trend', 'time'],
  rejoin_time: ['trend', 'time'],
  speak_time: ['trend', 'time'],
  clock_uncertainty: ['trend', 'time'],
  runner_delay: ['trend', 'time'],
  runner_skipped: ['counter', 'default'],
  motion_exact: ['rate', 'default'],
  motion_late: ['rate', 'default'],
  voice_gap: ['rate', 'default'],
  gift_lost: ['rate', 'default'],
  gift_doubled: ['rate', 'default'],
  viewers: ['gauge', 'default'],
  sessions_lost: ['counter', 'default'],
  webtransport_connecting: ['trend', 'time'],
  webtransport_session_duration: ['trend', 'time'],
  webtransport_sessions: ['counter', 'default'],
  webtransport_datagrams_sent_count: ['counter', 'default'],
  webtransport_datagrams_sent_bytes: ['counter', 'data'],
  webtransport_datagrams_received_count: ['counter', 'default'],
  webtransport_datagrams_received_bytes: ['counter', 'data'],
  webtransport_read_count: ['counter', 'default'],
  webtransport_read_bytes: ['counter', 'data'],
  webtransport_read_size: ['trend', 'data'],
  webtransport_write_count: ['counter', 'default'],
  webtransport_write_bytes: ['counter', 'data'],
  webtransport_write_size: ['trend', 'data'],
  webtransport_streams_total: ['counter', 'default'],
} as const satisfies Record<string, [MetricType, Contains]>;

export type DomainMetric = keyof typeof METRICS;

/** What all virtual users of a test share: the engine, the relay under test, what livers of this process sent when. */
export class Rig {
  readonly run: TestRun;
  readonly engine: Engine;
  readonly target: Target;
  readonly sent = new SentTimes();
  readonly #metrics: Record<DomainMetric, Metric>;
  readonly #series = new Map<DomainMetric, WeakMap<Tags, Series>>();
  readonly #timer: ReturnType<typeof setInterval>;
  /** By what is in it. */
  readonly #links = new Map<string, number>();
  #sessions = 0;
  #viewers = 0;
  #lost = 0;
  #behind = false;

  constructor(run: TestRun, metrics: Record<DomainMetric, Metric>) {
    const available = engineAvailable();
    if (!available.ok) throw new ConfigError(`rooms and sessions need the native engine: ${available.reason}`);
    this.run = run;
    this.#metrics = metrics;
    this.target = findTarget({ ...process.env, ...envOf() });
    this.engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
    let dueMs = performance.now() + DELAY_PERIOD_MS;
    const tags = run.options.tags;
    let looks = 0;
    this.#timer = setInterval(() => {
      // An early timer is no delay.
      this.add('runner_delay', Math.max(0, performance.now() - dueMs), tags);
      dueMs = performance.now() + DELAY_PERIOD_MS;
      looks += 1;
      if (looks % VIEWERS_EVERY === 0) this.add('viewers', this.#viewers, tags);
    }, DELAY_PERIOD_MS);
    this.#timer.unref();
    run.onEnd(() => this.#close());
  }

  add(name: DomainMetric, value: number, tags: Tags): void {
    let byTags = this.#series.get(name);
    if (!byTags) {
      byTags = new WeakMap();
      this.#series.set(name, byTags);
    }
    let series = byTags.get(tags);
    if (!series) {
      series = this.run.series(this.#metrics[name], tags);
      byTags.set(tags, series);
    }
    series.add(value);
  }

  /** `hits` of `total` units at once. */
  addShare(name: DomainMetric, hits: number, total: number, tags: Tags): void {
    for (let unit = 0; unit < total; unit++) this.add(name, unit < hits ? 1 : 0, tags);
  }

  /** Bytes of sessions, both ways, since the last time. */
  addBytes(received: number, sent: number, tags: Tags): void {
    if (received > 0) this.run.sample(this.run.metrics.dataReceived, received, tags);
    if (sent > 0) this.run.sample(this.run.metrics.dataSent, sent, tags);
  }

  /** A session ended that nobody of the test ended. The first few are told. */
  lost(error: unknown, tags: Tags): void {
    this.add('sessions_lost', 1, tags);
    this.#lost += 1;
    if (this.#lost <= LOST_LOGGED)
      this.run.log.warn(`a session was lost: ${error instanceof Error ? error.message : String(error)}`);
    if (this.#lost === LOST_LOGGED) this.run.log.warn('further lost sessions are counted in sessions_lost');
  }

  /** Units that livers of this process should have sent long ago. The first are told. */
  skipped(units: number): void {
    this.add('runner_skipped', units, this.run.options.tags);
    if (this.#behind) return;
    this.#behind = true;
    this.run.log.warn(
      'the runner is over 400 ms behind: units of its livers are left out and counted in runner_skipped',
    );
  }

  /** A session without the SDK; `hashes`: SHA-256 (hex) of self-made certificates. */
  connect(
    url: string,
    hashes: readonly string[] | undefined,
    link: LinkOptions | undefined,
    connectTimeoutMs = CONNECT_TIMEOUT_MS,
  ): EngineSession {
    const ofHash = (hash: string) => ({ algorithm: 'sha-256' as const, value: Buffer.from(hash, 'hex') });
    return this.engine.connect(url, {
      ...(hashes && { serverCertificateHashes: hashes.map(ofHash) }),
      ...this.path(link),
      connectTimeoutMs,
    });
  }

  /** Where the next session of this process goes out. */
  path(link: LinkOptions | undefined): { link?: LinkOptions; socketGroup?: number } {
    this.#sessions += 1;
    const shared = this.#sessions % SHARED_SOCKETS;
    if (!link) return { socketGroup: shared };
    if (onlyDelays(link)) return { link, socketGroup: SHARED_SOCKETS * (1 + this.#indexOf(link)) + shared };
    // Else all users of a profile would lose the same packets.
    const seed = 2 * this.#sessions;
    return { link: { ...link, tx: { ...link.tx, seed }, rx: { ...link.rx, seed: seed + 1 } } };
  }

  #indexOf(link: LinkOptions): number {
    const key = JSON.stringify(link);
    const index = this.#links.get(key) ?? this.#links.size;
    this.#links.set(key, index);
    return index;
  }

  watching(change: 1 | -1, tags: Tags): void {
    this.#viewers += change;
    this.add('viewers', this.#viewers, tags);
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await this.engine.close();
  }
}

/** What one user sends on it changes nothing for another. */
function onlyDelays({ tx = {}, rx = {}, rebindEveryMs = 0 }: LinkOptions): boolean {
  const stateless = ({ loss, burst, rateKbps, reorder, duplicate }: LinkProfile) =>
    [loss, burst, rateKbps, reorder, duplicate].every((each) => !each);
  return rebindEveryMs === 0 && stateless(tx) && stateless(rx);
}

const rigs = new WeakMap<TestRun, { metrics: Record<DomainMetric, Metric>; rig: Rig | undefined }>();

/** Makes the metrics of this file in a test whose script imports them, so that thresholds on them are known. */
export function registerDomain(run: TestRun): void {
  if (rigs.has(run)) return;
  const made = Object.entries(METRICS).map(([name, [type, contains]]) => [
    name,
    run.registry.create(name, type, contains),
  ]);
  rigs.set(run, { metrics: Object.fromEntries(made), rig: undefined });
}

/** The rig of a test, opened when it is first used. */
export function rigOf(run: TestRun): Rig {
  const entry = rigs.get(run)!;
  entry.rig ??= new Rig(run, entry.metrics);
  return entry.rig;
}

/** The relay under test; undefined where the script has no rooms, or none is found. */
export function targetOf(run: TestRun): Target | undefined {
  if (!rigs.has(run)) return undefined;
  try {
    return rigs.get(run)?.rig?.target ?? findTarget({ ...process.env, ...envOf() });
  } catch {
    return undefined;
  }
}

function envOf(): Record<string, string> {
  return (globalThis as { __ENV?: Record<string, string> }).__ENV ?? {};
}
