import type { GiftAudit } from '../faults/gift-audit.ts';
import { type Grower, type Growth, growthOf, type LagChange, LIMITS, lagChange } from './judge.ts';
import type { GAUGES, Sample } from './sampler.ts';

type Gauge = keyof typeof GAUGES;

/** What a run saw. */
export interface SoakEvidence {
  minutes: number;
  /** Of an interval. */
  interval_s: number;
  /** What came and went. */
  load: Record<string, number>;
  gifts: GiftAudit & { given: number; acked: number; refused: Record<string, number>; forged: number };
  end: {
    /** Gauges above those of the relay before anybody came, and how long it took the others, s. */
    standing: Partial<Record<Gauge, number>>;
    /** Of the relay before anybody came: an idle one has two connections of its own, the ends of one over loopback. */
    idle: Partial<Record<Gauge, number>>;
    zero_after_s: number;
    fds: { before: number; after: number };
    /** Handles and timers of the JavaScript side, by Node's names. */
    resources: { before: Record<string, number>; after: Record<string, number> };
    /** Collected. The crowd's standing people are there before, nobody is after. */
    heap_mb: { before: number; after: number };
    exit_code: number;
  };
  samples: Sample[];
}

/** And what follows from it. */
export interface SoakResult extends SoakEvidence {
  growth: Record<Grower, Growth>;
  lag: LagChange;
  /** Mean shares of a core. */
  cpu: { relay: number; clients: number };
  /** Empty: passed. */
  broken: string[];
  /** What nothing can be said of, with its reason. */
  skipped: string[];
}

/** Databases and sockets that are opened at first use and stay. */
export const FDS_MORE = 4;
/** A run in which one of these was 0 all the time has not done what it should. */
const SOMEBODY = ['sessions', 'rooms', 'viewers', 'people', 'livers'] as const satisfies readonly Gauge[];

export function judged(evidence: SoakEvidence): SoakResult {
  const { samples, interval_s: intervalS } = evidence;
  const names = Object.keys(LIMITS) as Grower[];
  const mean = (name: 'relay_cpu' | 'clients_cpu') =>
    Number((samples.reduce((sum, sample) => sum + sample[name], 0) / samples.length).toFixed(3));
  const findings = {
    growth: Object.fromEntries(names.map((name) => [name, growthOf(samples, name)])) as SoakResult['growth'],
    lag: lagChange(samples, intervalS),
    cpu: { relay: mean('relay_cpu'), clients: mean('clients_cpu') },
  };
  return {
    ...evidence,
    ...findings,
    broken: brokenBy({ ...evidence, ...findings }),
    skipped: findings.lag.unknown === undefined ? [] : [`lag over time: ${findings.lag.unknown}`],
  };
}

function brokenBy({ growth, lag, gifts, end, samples }: Omit<SoakResult, 'broken' | 'skipped'>): string[] {
  const broken: string[] = [];
  for (const [name, { grown, limit, perHour, ok }] of Object.entries(growth)) {
    if (!ok) broken.push(`${name} grew by ${grown} (${perHour} an hour), more than ${limit}`);
  }
  if (lag.unknown === undefined && !lag.ok) broken.push(`lag p99 went from ${lag.first.p99} to ${lag.last.p99} ms`);
  for (const [name, value] of Object.entries(end.standing)) broken.push(`${name} is ${value} after everybody left`);
  const { before, after } = end.fds;
  if (after > before + FDS_MORE) broken.push(`${after} file descriptors at the end, ${before} at the start`);
  if (end.exit_code !== 0) broken.push(`the relay ended with ${end.exit_code}`);
  for (const name of ['lost', 'doubled', 'reordered', 'webhook_missing', 'forged'] as const) {
    if (gifts[name] > 0) broken.push(`gifts ${name}: ${gifts[name]}`);
  }
  if (gifts.acked === 0) broken.push('no gift was taken');
  for (const name of SOMEBODY) {
    if (samples.every((sample) => sample[name] === 0)) broken.push(`${name} was 0 all the time`);
  }
  return broken;
}
