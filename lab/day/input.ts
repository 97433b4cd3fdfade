import { emptyTransfer, Forecast, type ForecastMemory, observeTransfer } from '@hayate/fleet/internal';
import { Random } from '../faults/random.ts';
import type { DayInput } from './day.ts';
import { pastDays, rooms, type TracedRoom } from './load.ts';
import { DAY_MS, DAYS_SPREAD, LIMITS, LOAD, REGIONS, START_MS, STUCK, VIEWER, WARM_MS } from './plan.ts';

const PAST_STEP_MS = 30_000;
const PAST_DAYS = 7;
const HOUR_MS = 3_600_000;
/** Before the warm hours, so that there are rooms of every age. */
const BEFORE_MS = 4 * HOUR_MS;
const LOOK_MS = 600_000;

/** The rooms of the day, and what a fleet that ran for a week before would remember. */
export function dayInput(seed: number): DayInput {
  const random = new Random(seed);
  const endMs = START_MS - WARM_MS;
  const all: TracedRoom[] = [];
  const forecasts: Record<string, ForecastMemory> = {};
  const past: number[] = [];
  for (const region of REGIONS) {
    const forecast = new Forecast();
    const days = pastDays(LOAD, region, { days: PAST_DAYS, endMs, spread: DAYS_SPREAD, stepMs: PAST_STEP_MS }, random);
    for (const [n, [atMs, viewers]] of days.entries()) {
      forecast.observe(atMs, (viewers * VIEWER.cpu) / LIMITS.cpu);
      past[n] = (past[n] ?? 0) + viewers;
    }
    forecasts[region.region] = forecast.memory();
    const scale = Math.exp(DAYS_SPREAD * (2 * random.next() - 1));
    const from = { fromMs: endMs - BEFORE_MS, toMs: START_MS + DAY_MS, scale, stuck: STUCK };
    all.push(...rooms(LOAD, region, from, random));
  }
  return { rooms: all, forecasts, transfer: transferOf(past, endMs) };
}

/** As the fleet would have seen it each ten minutes. */
function transferOf(viewers: readonly number[], endMs: number) {
  let memory = emptyTransfer();
  let usedGb = 0;
  for (const [n, each] of viewers.entries()) {
    const atMs = endMs - (viewers.length - 1 - n) * PAST_STEP_MS;
    usedGb += (each * VIEWER.egressBps * (PAST_STEP_MS / 1000)) / 1e9;
    if (atMs % LOOK_MS !== 0) continue;
    const machines = Math.max(4, Math.ceil(((each * VIEWER.cpu) / LIMITS.cpu) * 1.1));
    memory = observeTransfer(memory, { usedGb, quotaGb: 0 }, machines, atMs);
  }
  // The fake's account begins with the warm hours.
  return { ...memory, used: 0, atMs: 0 };
}
