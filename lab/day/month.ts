import { emptyTransfer, forecastTransfer, observeTransfer } from '@hayate/fleet/internal';
import { Random } from '../faults/random.ts';
import { pastDays } from './load.ts';
import { DAY_MS, DAYS_SPREAD, LIMITS, LOAD, REGIONS, VIEWER } from './plan.ts';

const LOOK_MS = 600_000;
const MONTH_MS = Date.UTC(2026, 2, 1);
const DAYS = 31;
/** Looked at before: what the fleet of an older cluster remembers. */
const BEFORE_DAYS = 7;
const TRANSFER_GB = 4000;

export interface MonthForecast {
  used_gb: number;
  quota_gb: number;
  /** Of the month's end, as shares of what it was: the worst of all midnights from that day on. */
  worst_error_from_day: Record<string, { used: number; quota: number }>;
}

/**
 * What the fleet says each midnight of the month's end, against what it was: viewers of each day as in the simulated one, days that
 * differ at random, machines as many as they fill.
 */
export function monthForecast(seed: number): MonthForecast {
  const random = new Random(seed);
  const days = BEFORE_DAYS + DAYS;
  const endMs = MONTH_MS + DAYS * DAY_MS;
  const all = REGIONS.map((region) =>
    pastDays(LOAD, region, { days, endMs, spread: DAYS_SPREAD, stepMs: LOOK_MS }, random),
  );
  const steps = all[0]!.map(([atMs], n) => {
    const loads = all.map((each) => (each[n]![1] * VIEWER.cpu) / LIMITS.cpu);
    const viewers = all.reduce((sum, each) => sum + each[n]![1], 0);
    const machines = loads.reduce((sum, load) => sum + Math.max(2, Math.ceil(load * 1.1)), 0);
    return { atMs, machines, gb: (viewers * VIEWER.egressBps * (LOOK_MS / 1000)) / 1e9 };
  });
  const perHour = TRANSFER_GB / (DAYS * 24);
  const hours = LOOK_MS / 3_600_000;
  const inMonth = steps.filter(({ atMs }) => atMs >= MONTH_MS);
  const used = inMonth.reduce((sum, { gb }) => sum + gb, 0);
  const quota = inMonth.reduce((sum, { machines }) => sum + machines * hours * perHour, 0);
  let memory = emptyTransfer();
  let [usedGb, brought] = [0, 0];
  const errors: { day: number; used: number; quota: number }[] = [];
  for (const { atMs, gb, machines } of steps) {
    if (atMs === MONTH_MS) [usedGb, brought] = [0, 0];
    const left = (atMs >= MONTH_MS ? endMs - atMs : 0) / 3_600_000;
    const seen = { usedGb, quotaGb: brought + machines * left * perHour };
    memory = observeTransfer(memory, seen, machines, atMs);
    if (atMs > MONTH_MS && (atMs - MONTH_MS) % DAY_MS === 0) {
      const prices = { machineTransferGb: TRANSFER_GB, overageGb: 0.005 };
      const forecast = forecastTransfer(memory, seen, prices, atMs);
      const day = (atMs - MONTH_MS) / DAY_MS;
      errors.push({ day, used: forecast.usedGb / used - 1, quota: forecast.quotaGb / quota - 1 });
    }
    usedGb += gb;
    brought += machines * hours * perHour;
  }
  const worst = (from: number, of: 'used' | 'quota') =>
    Math.max(...errors.filter(({ day }) => day >= from).map((each) => Math.abs(each[of])));
  const froms = [1, 7, 14, 21].map((from) => [from, { used: worst(from, 'used'), quota: worst(from, 'quota') }]);
  return { used_gb: used, quota_gb: quota, worst_error_from_day: Object.fromEntries(froms) };
}
