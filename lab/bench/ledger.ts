import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GiftTicket, openSqliteLedger, type SqliteLedger } from '@hayate/relay/ledger';
import { cpuUs } from '../lib/proc.ts';

export interface LedgerOptions {
  /** Gifts that wait for their answer at once, under load. */
  together: number;
  rooms: number;
  /** Measured seconds of each part. */
  seconds: number;
}

interface Times {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

export interface LedgerLoad {
  gifts: number;
  gifts_per_s: number;
  gifts_per_sync: number;
  /** From the call to the durable answer. */
  ack_ms: Times;
  /** Of the whole process, the ledger's thread and the caller; without what the same timers take with nothing to do. */
  cpu_us_per_gift: number;
  /** How long the caller's event loop stood still at most, and the most CPU its thread took in such a gap. */
  event_loop_stall_ms: { wall: number; cpu: number };
}

export interface LedgerResult extends LedgerOptions {
  /** Appends of 4 kB, each synced, alone on the same disk: before and after. */
  sync_floor_ms: { before: Times; after: Times };
  /** The same timers with nothing to do: what the machine and its neighbours add. */
  timers_alone: { cpu_us_per_s: number; event_loop_stall_ms: LedgerLoad['event_loop_stall_ms'] };
  at_100_per_s: LedgerLoad;
  saturated: LedgerLoad;
  /** p50 at 100 gifts a second over p50 of one sync. */
  ack_to_sync: number;
  /** Opening checks every record. */
  open_ms: number;
  records_checked_per_s: number;
}

/** Durable gifts on this disk, beside what one sync of it costs. */
export async function ledger(options: LedgerOptions, log: (text: string) => void): Promise<LedgerResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-ledger-bench-'));
  const path = join(folder, 'ledger.db');
  try {
    log('syncs of 4 kB');
    const before = syncFloor(folder, options.seconds / 2);
    let ledger = await openSqliteLedger({ path });
    const gifts = new Gifts(options.rooms);
    await saturate(ledger, gifts, options.together, 1);
    log('timers alone');
    const { stall, cpuUsPerS: idle } = await timersAlone(options.seconds);
    log('100 gifts a second');
    const steady = await measure(ledger, idle, (times) => paced(ledger, gifts, options.seconds, times));
    log(`${options.together} gifts at once`);
    const saturated = await measure(ledger, idle, (times) =>
      saturate(ledger, gifts, options.together, options.seconds, times),
    );
    const records = gifts.made;
    await ledger.close();
    const after = syncFloor(folder, options.seconds / 2);
    log(`opening ${records} records`);
    const since = performance.now();
    ledger = await openSqliteLedger({ path });
    const openMs = performance.now() - since;
    await ledger.close();
    return {
      ...options,
      sync_floor_ms: { before, after },
      timers_alone: { cpu_us_per_s: Math.round(idle), event_loop_stall_ms: stall },
      at_100_per_s: steady,
      saturated,
      ack_to_sync: round(steady.ack_ms.p50 / ((before.p50 + after.p50) / 2)),
      open_ms: Math.round(openMs),
      records_checked_per_s: Math.round((records / openMs) * 1000),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Gifts {
  made = 0;
  readonly #rooms: number;

  constructor(rooms: number) {
    this.#rooms = rooms;
  }

  next(): GiftTicket {
    const n = this.made++;
    const room = n % this.#rooms;
    // Scattered as random ids are: the index of ids is not appended to.
    const jti = `${((n * 0x9e3779b1) >>> 0).toString(36)}-${n}`;
    const gift = { jti, room: `room-${room}`, sender: `viewer-${n % 997}`, liver: `liver-${room}` };
    return { ...gift, item: 'star', amount: 100, currency: 'JPY', reg: 'jp' };
  }
}

/** @param idle us a second, taken off */
async function measure(
  ledger: SqliteLedger,
  idle: number,
  run: (times: number[]) => Promise<void>,
): Promise<LedgerLoad> {
  const times: number[] = [];
  const stalls = new Stalls();
  const commits = ledger.stats().commits;
  const cpu = cpuUs(process.pid);
  const since = performance.now();
  await run(times);
  const seconds = (performance.now() - since) / 1000;
  const stall = stalls.stop();
  const used = cpuUs(process.pid) - cpu - idle * seconds;
  return {
    gifts: times.length,
    gifts_per_s: Math.round(times.length / seconds),
    gifts_per_sync: round(times.length / (ledger.stats().commits - commits)),
    ack_ms: timesOf(times),
    cpu_us_per_gift: round(used / times.length),
    event_loop_stall_ms: stall,
  };
}

/** Gaps between ticks of 1 ms. The wall clock also counts when a neighbour has the core, CPU time does not. */
class Stalls {
  #wall = 0;
  #cpu = 0;
  #lastMs = performance.now();
  #lastUs = threadCpuUs();
  readonly #timer = setInterval(() => this.#tick(), 1);

  stop(): { wall: number; cpu: number } {
    clearInterval(this.#timer);
    return { wall: round(this.#wall), cpu: round(this.#cpu) };
  }

  #tick(): void {
    const [ms, us] = [performance.now(), threadCpuUs()];
    this.#wall = Math.max(this.#wall, ms - this.#lastMs - 1);
    this.#cpu = Math.max(this.#cpu, (us - this.#lastUs) / 1000);
    [this.#lastMs, this.#lastUs] = [ms, us];
  }
}

function threadCpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

async function timersAlone(seconds: number) {
  const stalls = new Stalls();
  const cpu = cpuUs(process.pid);
  const since = performance.now();
  await hundredPerSecond(seconds, () => {});
  const passed = (performance.now() - since) / 1000;
  return { stall: stalls.stop(), cpuUsPerS: (cpuUs(process.pid) - cpu) / passed };
}

async function hundredPerSecond(seconds: number, act: () => void): Promise<void> {
  const since = performance.now();
  for (let n = 0; n < seconds * 100; n++) {
    await sleep(Math.max(0, since + n * 10 - performance.now()));
    act();
  }
}

async function paced(ledger: SqliteLedger, gifts: Gifts, seconds: number, times: number[]): Promise<void> {
  const waiting: Promise<unknown>[] = [];
  await hundredPerSecond(seconds, () => waiting.push(timed(ledger, gifts, times)));
  await Promise.all(waiting);
}

async function saturate(
  ledger: SqliteLedger,
  gifts: Gifts,
  together: number,
  seconds: number,
  times: number[] = [],
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  const sender = async () => {
    while (performance.now() < end) await timed(ledger, gifts, times);
  };
  await Promise.all(Array.from({ length: together }, sender));
}

async function timed(ledger: SqliteLedger, gifts: Gifts, times: number[]): Promise<void> {
  const since = performance.now();
  await ledger.claim(gifts.next(), Date.now());
  times.push(performance.now() - since);
}

function syncFloor(folder: string, seconds: number): Times {
  const fd = openSync(join(folder, 'floor'), 'w');
  const page = Buffer.alloc(4096, 1);
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  try {
    while (performance.now() < end) {
      const since = performance.now();
      writeSync(fd, page);
      fdatasyncSync(fd);
      times.push(performance.now() - since);
    }
  } finally {
    closeSync(fd);
  }
  return timesOf(times);
}

function timesOf(times: readonly number[]): Times {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

const round = (value: number) => Math.round(value * 100) / 100;
