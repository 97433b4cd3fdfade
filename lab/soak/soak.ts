import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { auditGifts, type GiftAudit } from '../faults/gift-audit.ts';
import { ledgerRecords } from '../faults/ledger-records.ts';
import { Random } from '../faults/random.ts';
import { openWebhookReceiver, type WebhookReceiver } from '../lib/app-backend.ts';
import { prefer } from '../lib/children.ts';
import { startRelayProcess } from '../lib/relay-process.ts';
import { Crowd } from './crowd.ts';
import { type Growth, growthOf, type LagChange, LIMITS, lagChange } from './judge.ts';
import { beyond, count, GAUGES, gauges, type Sample, Sampler } from './sampler.ts';
import { Sleepers } from './sleepers.ts';

export type Leak = 'heap' | 'fds';

export interface SoakOptions {
  minutes: number;
  seed: number;
  /** Put into the relay, to see that it is found. */
  leak?: Leak;
}

export interface SoakResult {
  minutes: number;
  /** Of an interval. */
  interval_s: number;
  growth: Record<keyof typeof LIMITS, Growth>;
  lag: LagChange;
  /** Mean shares of a core. */
  cpu: { relay: number; clients: number };
  /** What came and went. */
  load: Record<string, number>;
  gifts: GiftAudit & { given: number; acked: number; refused: Record<string, number>; forged: number };
  end: {
    /** Gauges above those of the relay before anybody came, and how long it took the others, s. */
    standing: Record<string, number>;
    /** Of the relay before anybody came: an idle one has two connections of its own, the ends of one over loopback. */
    idle: Record<string, number>;
    zero_after_s: number;
    fds: { before: number; after: number };
    /** Handles and timers of the JavaScript side, by Node's names. */
    resources: { before: Record<string, number>; after: Record<string, number> };
    heap_mb: { before: number; after: number };
    exit_code: number;
  };
  samples: Sample[];
  /** Empty: passed. */
  broken: string[];
  /** What nothing can be said of, with its reason. */
  skipped: string[];
}

type Judged = Omit<SoakResult, 'broken' | 'skipped'>;

const INTERVAL_S = 10;
/** Garbage is collected and the heap read with one sample in so many. */
const COLLECT_EACH = 6;
/** A short run has as many intervals as it takes to judge. */
const LEAST_INTERVALS = 60;
const SETTLE_MS = 30_000;
/** What is killed is noticed after the idle timeout of 15 s, its place is kept for 5 more. */
const ZERO_MS = 90_000;
/** Databases and sockets that are opened at first use and stay. */
const FDS_MORE = 4;
const HOOK = fileURLToPath(new URL('relay-hook.ts', import.meta.url));
const LEAK = fileURLToPath(new URL('leak.ts', import.meta.url));

/** Joins and leaves of every kind at one relay process for so long; then everybody leaves, and nothing may be left. */
export async function soak(options: SoakOptions, log: (text: string) => void): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-soak-'));
  const figuresFile = join(folder, 'figures.json');
  const webhook = await openWebhookReceiver(folder);
  const hooks = [HOOK, ...(options.leak ? [LEAK] : [])].map((file) => `--import=${file}`);
  const env = {
    ...process.env,
    NODE_OPTIONS: hooks.join(' '),
    HAYATE_SOAK_FIGURES: figuresFile,
    ...(options.leak && { HAYATE_SOAK_LEAK: options.leak }),
  };
  const relay = await startRelayProcess(folder, webhook.flags, { env });
  const sleepers = new Sleepers();
  let crowd: Crowd | undefined;
  let ended = false;
  try {
    for (const pid of [relay.pid, process.pid]) prefer(pid);
    const fdsBefore = count(`/proc/${relay.pid}/fd`);
    const idle = await gauges(relay.metrics);
    crowd = await Crowd.open(relay, new Random(options.seed));
    const { probes, givers } = crowd;
    const sampler = new Sampler({ pid: relay.pid, metrics: relay.metrics, figuresFile, lag: probes.lag, sleepers });
    const before = await sampler.inside();
    const intervalS = Math.min(INTERVAL_S, (options.minutes * 60) / LEAST_INTERVALS);
    const samples = await sampled(sampler, options.minutes, intervalS, log);
    log('nobody gives or comes any more');
    await crowd.quiet();
    await settled(() => givers.allShown && delivered(crowd!, webhook), SETTLE_MS);
    const sinceMs = performance.now();
    await crowd.leave();
    log('everybody leaves');
    let standing = beyond(await gauges(relay.metrics), idle);
    await settled(async () => {
      standing = beyond(await gauges(relay.metrics), idle);
      return Object.keys(standing).length === 0;
    }, ZERO_MS);
    const zeroAfterS = Math.round((performance.now() - sinceMs) / 100) / 10;
    const after = await sampler.inside();
    const fdsAfter = count(`/proc/${relay.pid}/fd`);
    const exitCode = await relay.stop();
    ended = true;
    const records = await ledgerRecords(join(folder, 'ledger.db'));
    const audit = auditGifts({ records, acked: givers.acked, shown: givers.shown(), delivered: webhook.delivered });
    const mean = (name: string) =>
      Number((samples.reduce((sum, sample) => sum + (sample[name] ?? 0), 0) / samples.length).toFixed(3));
    const mb = (bytes: number) => Number((bytes / 1e6).toFixed(2));
    const names = Object.keys(LIMITS) as (keyof typeof LIMITS)[];
    const result: Judged = {
      minutes: options.minutes,
      interval_s: intervalS,
      growth: Object.fromEntries(names.map((name) => [name, growthOf(samples, name)])) as SoakResult['growth'],
      lag: lagChange(samples, intervalS),
      cpu: { relay: mean('relay_cpu'), clients: mean('clients_cpu') },
      load: {
        ...crowd.counts,
        killed: crowd.killed,
        comments: givers.comments.sent,
        comments_taken: givers.comments.taken,
      },
      gifts: {
        ...audit,
        given: givers.given,
        acked: givers.acked.length,
        refused: givers.refused,
        forged: webhook.forged(),
      },
      end: {
        standing,
        idle: beyond(idle, {}),
        zero_after_s: zeroAfterS,
        fds: { before: fdsBefore, after: fdsAfter },
        resources: { before: before.resources, after: after.resources },
        heap_mb: { before: mb(before.heapBytes), after: mb(after.heapBytes) },
        exit_code: exitCode,
      },
      samples,
    };
    const skipped = result.lag.unknown === undefined ? [] : [`lag over time: ${result.lag.unknown}`];
    return { ...result, broken: brokenBy(result), skipped };
  } finally {
    await crowd?.close();
    sleepers.close();
    if (!ended) await relay.stop();
    await webhook.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sampled(sampler: Sampler, minutes: number, intervalS: number, log: (text: string) => void) {
  const samples: Sample[] = [];
  const intervals = Math.round((minutes * 60) / intervalS);
  const sinceMs = performance.now();
  let toldMs = sinceMs;
  for (let n = 1; n <= intervals; n += 1) {
    await sleep(Math.max(0, sinceMs + n * intervalS * 1000 - performance.now()));
    const sample = await sampler.take(Math.round(n * intervalS), n % COLLECT_EACH === 0);
    samples.push(sample);
    if (performance.now() - toldMs < 60_000 && n < intervals) continue;
    toldMs = performance.now();
    const heap = samples.findLast(({ heap_mb }) => heap_mb !== null)?.['heap_mb'];
    log(
      `${Math.round((n * intervalS) / 60)} of ${minutes} min: ${sample['rss_mb']} MB, heap ${heap} MB, ${sample['fds']} fds, ` +
        `${sample['sessions']} sessions, ${sample['rooms']} rooms, lag ${sample['lag_p50_ms']} / ${sample['lag_p99_ms']} ms, ` +
        `cpu ${sample['relay_cpu']} + ${sample['clients_cpu']}, late ${sample['host_late_ms']} ms, no core ${sample['no_core_ms']} ms`,
    );
  }
  return samples;
}

function delivered({ givers }: Crowd, webhook: WebhookReceiver): boolean {
  const keys = new Set(webhook.delivered.map(({ data }) => data.key));
  return givers.acked.every(({ ticket }) => keys.has(ticket.jti));
}

async function settled(is: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  for (const until = performance.now() + limitMs; !(await is()) && performance.now() < until; ) await sleep(100);
}

function brokenBy({ growth, lag, gifts, end, samples }: Judged): string[] {
  const broken: string[] = [];
  for (const [name, { grown, limit, perHour, ok }] of Object.entries(growth)) {
    if (!ok) broken.push(`${name} grew by ${grown} (${perHour} an hour), more than ${limit}`);
  }
  if (lag.unknown === undefined && !lag.ok) broken.push(`lag p99 went from ${lag.first.p99} to ${lag.last.p99} ms`);
  for (const [name, value] of Object.entries(end.standing)) broken.push(`${name} is ${value} after everybody left`);
  const { before, after } = end.fds;
  if (after > before + FDS_MORE) broken.push(`${after} file descriptors at the end, ${before} at the start`);
  if (end.exit_code !== 0) broken.push(`the relay ended with ${end.exit_code}`);
  for (const name of ['lost', 'doubled', 'reordered', 'webhook_missing'] as const) {
    if (gifts[name] > 0) broken.push(`gifts ${name}: ${gifts[name]}`);
  }
  if (gifts.acked === 0) broken.push('no gift was taken');
  for (const [name] of GAUGES.slice(0, 5)) {
    if (!samples.some((sample) => (sample[name] ?? 0) > 0)) broken.push(`${name} was 0 all the time`);
  }
  return broken;
}
