import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { auditGifts } from '../faults/gift-audit.ts';
import { ledgerRecords } from '../faults/ledger-records.ts';
import { Random } from '../faults/random.ts';
import { openWebhookReceiver, type WebhookReceiver } from '../lib/app-backend.ts';
import { prefer } from '../lib/children.ts';
import { startRelayProcess } from '../lib/relay-process.ts';
import { Sleepers } from '../lib/sleepers.ts';
import { Crowd } from './crowd.ts';
import { judged, type SoakResult } from './result.ts';
import { beyond, count, gauges, type Sample, Sampler } from './sampler.ts';

export type Leak = 'heap' | 'fds';

export interface SoakOptions {
  minutes: number;
  seed: number;
  /** Put into the relay, to see that it is found. */
  leak?: Leak;
}

const INTERVAL_S = 10;
/** Garbage is collected and the heap read with one sample in so many. */
const COLLECT_EACH = 6;
/** A short run has as many intervals as it takes to judge. */
const LEAST_INTERVALS = 60;
const SETTLE_MS = 30_000;
/** What is killed is noticed after the idle timeout of 15 s, its place is kept for 5 more. */
const ZERO_MS = 90_000;
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
    const mb = (bytes: number) => Number((bytes / 1e6).toFixed(2));
    return judged({
      minutes: options.minutes,
      interval_s: intervalS,
      load: {
        ...crowd.counts,
        killed: crowd.killed,
        comments: givers.comments.sent,
        comments_taken: givers.comments.taken,
      },
      gifts: {
        ...auditGifts({ records, acked: givers.acked, shown: givers.shown(), delivered: webhook.delivered }),
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
    });
  } finally {
    await crowd?.close();
    sleepers.close();
    if (!ended) await relay.stop();
    await webhook.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Samples of the whole run, one an interval, while the crowd comes and goes. */
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
    const heap = samples.findLast(({ heap_mb }) => heap_mb !== null)?.heap_mb;
    log(
      `${Math.round((n * intervalS) / 60)} of ${minutes} min: ${sample.rss_mb} MB, heap ${heap} MB, ${sample.fds} fds, ` +
        `${sample.sessions} sessions, ${sample.rooms} rooms, lag ${sample.lag_p50_ms} / ${sample.lag_p99_ms} ms, ` +
        `cpu ${sample.relay_cpu} + ${sample.clients_cpu}, late ${sample.host_late_ms} ms, no core ${sample.no_core_ms} ms`,
    );
  }
  return samples;
}

/** Whether the backend has all gifts that were acked. */
function delivered({ givers }: Crowd, webhook: WebhookReceiver): boolean {
  const keys = new Set(webhook.delivered.map(({ data }) => data.key));
  return givers.acked.every(({ ticket }) => keys.has(ticket.jti));
}

/** Resolves once it is so, or after the limit all the same: who asks looks again. */
async function settled(is: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  for (const until = performance.now() + limitMs; !(await is()) && performance.now() < until; ) await sleep(100);
}
