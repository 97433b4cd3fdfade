import type { Prices, Transfer } from '../provider/types.ts';

const HOUR_MS = 3_600_000;
/** Of an hour's use, how much a new day weighs at least; of the first days, as much as each other. */
const DAY_WEIGHT = 0.08;

/** What the fleet learned of an account's transfer. Plain JSON; times are ms since 1970, sizes GB of 10^9 bytes. */
export interface TransferMemory {
  /** The month that `used` is of, as `2026-11`. */
  month: string;
  /** The last answer, and the fleet's machines then. */
  atMs: number;
  used: number;
  machines: number;
  /** GB and machine-hours of the hour that goes on. */
  open: { hour: number; fromMs: number; used: number; machineHours: number };
  /** What a day's hours used, by hour of the day (UTC), weighted towards the latest. Undefined: not seen yet. */
  usePerHour: (number | null)[];
  machinesPerHour: (number | null)[];
  /** Days that each of these hours is of. */
  seen: number[];
  /** By weekday (UTC): what it uses, as a share of the mean; 1 until seen. */
  weekdays: { gb: number; days: number }[];
  day: { day: number; gb: number; whole: boolean };
}

export interface TransferForecast {
  /** Of the whole account, at the month's end. */
  usedGb: number;
  quotaGb: number;
  overageGb: number;
  overageDollars: number;
  /** When what was used passes what the month's pool will be; undefined: not in this month. */
  crossesMs: number | undefined;
}

export const emptyTransfer = (): TransferMemory => ({
  month: '',
  atMs: 0,
  used: 0,
  machines: 0,
  open: { hour: -1, fromMs: 0, used: 0, machineHours: 0 },
  usePerHour: Array.from({ length: 24 }, () => null),
  machinesPerHour: Array.from({ length: 24 }, () => null),
  seen: Array.from({ length: 24 }, () => 0),
  weekdays: Array.from({ length: 7 }, () => ({ gb: 0, days: 0 })),
  day: { day: -1, gb: 0, whole: false },
});

/** The memory after one more answer of the provider. Answers may come at any distance; ten minutes are good. */
export function observeTransfer(
  before: TransferMemory,
  seen: Transfer,
  machines: number,
  nowMs: number,
): TransferMemory {
  const memory = structuredClone(before);
  const month = monthOf(nowMs);
  const hour = Math.floor(nowMs / HOUR_MS);
  // Used counts from nothing each month, and lags: it may come down a little.
  const more = month === memory.month ? Math.max(0, seen.usedGb - memory.used) : seen.usedGb;
  const sinceMs = memory.atMs === 0 ? 0 : nowMs - memory.atMs;
  if (memory.atMs > 0) countDay(memory, more, nowMs);
  if (memory.open.hour === hour && memory.atMs > 0) {
    memory.open.used += more;
    memory.open.machineHours += (machines * sinceMs) / HOUR_MS;
  } else {
    closeHour(memory, nowMs, more, machines, sinceMs);
    memory.open = { hour, fromMs: nowMs, used: 0, machineHours: 0 };
  }
  memory.month = month;
  memory.used = seen.usedGb;
  memory.machines = machines;
  memory.atMs = nowMs;
  return memory;
}

function closeHour(memory: TransferMemory, nowMs: number, more: number, machines: number, sinceMs: number): void {
  const { hour, fromMs, used, machineHours } = memory.open;
  const tookMs = nowMs - fromMs;
  // A gap in which nobody looked says nothing about one hour.
  if (hour < 0 || sinceMs > HOUR_MS || tookMs < HOUR_MS / 2) return;
  const slot = hour % 24;
  // As on a mean day.
  const weight = weights(memory)[weekdayOf(Math.floor(hour / 24))]! || 1;
  const days = (memory.seen[slot] ?? 0) + 1;
  memory.seen[slot] = days;
  memory.usePerHour[slot] = blend(memory.usePerHour[slot], ((used + more) * HOUR_MS) / tookMs / weight, days);
  const hours = machineHours + (machines * sinceMs) / HOUR_MS;
  memory.machinesPerHour[slot] = blend(memory.machinesPerHour[slot], (hours * HOUR_MS) / tookMs, days);
}

function countDay(memory: TransferMemory, more: number, nowMs: number): void {
  const day = Math.floor(nowMs / (24 * HOUR_MS));
  if (memory.day.day === day) {
    memory.day.gb += more;
    return;
  }
  if (memory.day.whole && day === memory.day.day + 1) {
    const week = memory.weekdays[weekdayOf(memory.day.day)]!;
    week.gb = week.days === 0 ? memory.day.gb : week.gb + (memory.day.gb - week.gb) / 2;
    week.days += 1;
  }
  memory.day = { day, gb: more, whole: memory.day.day >= 0 };
}

const blend = (old: number | null | undefined, value: number, days: number): number =>
  (old ?? value) + Math.max(DAY_WEIGHT, 1 / days) * (value - (old ?? value));
/** 0 is Thursday, when 1970 began. */
const weekdayOf = (day: number): number => day % 7;
const monthOf = (ms: number): string => new Date(ms).toISOString().slice(0, 7);

export function monthEndMs(nowMs: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
}

/**
 * What the month will end with. The hours to come are taken as those of past days, weekdays by their weight; hours not
 * seen yet as the mean of the others. Each machine's hour brings its share of a month to the pool; the provider's answer takes
 * the present machines for those of the whole month to come.
 */
export function forecastTransfer(
  memory: TransferMemory,
  now: Transfer,
  prices: Pick<Prices, 'machineTransferGb' | 'overageGb'>,
  nowMs: number,
): TransferForecast {
  const endMs = monthEndMs(nowMs);
  const startMs = Date.UTC(new Date(nowMs).getUTCFullYear(), new Date(nowMs).getUTCMonth(), 1);
  const perMachineHour = prices.machineTransferGb / ((endMs - startMs) / HOUR_MS);
  const use = filled(memory.usePerHour);
  const machines = filled(memory.machinesPerHour);
  const week = weights(memory);
  let usedGb = now.usedGb;
  let quotaGb = now.quotaGb;
  const path: [number, number][] = [];
  for (let atMs = nowMs; atMs < endMs; ) {
    const hour = Math.floor(atMs / HOUR_MS);
    const untilMs = Math.min(endMs, (hour + 1) * HOUR_MS);
    const share = (untilMs - atMs) / HOUR_MS;
    usedGb += use[hour % 24]! * week[weekdayOf(Math.floor(hour / 24))]! * share;
    quotaGb += (machines[hour % 24]! - memory.machines) * perMachineHour * share;
    path.push([untilMs, usedGb]);
    atMs = untilMs;
  }
  const overageGb = Math.max(0, usedGb - quotaGb);
  const crossesMs = overageGb === 0 ? undefined : (path.find(([, used]) => used > quotaGb)?.[0] ?? endMs);
  return { usedGb, quotaGb, overageGb, overageDollars: overageGb * prices.overageGb, crossesMs };
}

function filled(hours: readonly (number | null)[]): number[] {
  const seen = hours.filter((each) => each !== null);
  const mean = seen.length === 0 ? 0 : seen.reduce((sum, each) => sum + each, 0) / seen.length;
  return hours.map((each) => each ?? mean);
}

/** A weekday that was seen so often is believed half: days differ by chance too. */
const WEEKDAY_DOUBT = 2;

/** By weekday against the mean of those that count in `usePerHour`; 1 before a whole week was seen. */
function weights({ weekdays }: TransferMemory): number[] {
  if (weekdays.some(({ days }) => days === 0)) return weekdays.map(() => 1);
  const mean = weekdays.reduce((sum, { gb }) => sum + gb, 0) / 7;
  return weekdays.map(({ gb, days }) => (mean === 0 ? 1 : 1 + ((gb / mean - 1) * days) / (days + WEEKDAY_DOUBT)));
}
