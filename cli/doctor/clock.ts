import { type Finding, fail, ok, skip, warn } from './finding.ts';
import type { Machine } from './machine.ts';

/** Tokens and tickets are taken so long after their end: a clock that is further off refuses good ones. */
const LEEWAY_S = 5;
const WARN_S = 0.5;
/** Reading these takes a system call, or worse, each time. */
const SLOW_SOURCES = ['hpet', 'acpi_pm', 'jiffies', 'refined-jiffies', 'pit'];
const LOOKS = 20_000;

interface Sync {
  by: string;
  synchronised: boolean;
  /** Seconds that this clock is ahead of true time, as far as it is known. */
  offsetS?: number;
}

/** The time of day, which tokens and certificates are judged by. Media has clocks of its own (docs/protocol.md, section 2). */
export async function checkClock(machine: Machine): Promise<Finding[]> {
  return [await synchronisation(machine), monotonic(), ...(await clockSource(machine))];
}

async function synchronisation(machine: Machine): Promise<Finding> {
  const check = 'clock.synchronised';
  const sync = (await fromChrony(machine)) ?? (await fromSystemd(machine));
  if (sync === undefined) {
    return skip(check, 'neither chronyc nor timedatectl says anything here (a container has the clock of its host)');
  }
  const { by, synchronised, offsetS } = sync;
  const offset = offsetS === undefined ? '' : `, off by ${(offsetS * 1000).toFixed(1)} ms`;
  if (offsetS !== undefined && Math.abs(offsetS) > LEEWAY_S) {
    const advice = 'Good tokens are refused and ended ones taken: let chrony or systemd-timesyncd step the clock.';
    return fail(check, `${by}${offset}`, advice);
  }
  if (!synchronised) {
    return warn(check, `${by}: not synchronised${offset}`, 'Run chrony or systemd-timesyncd and let UDP 123 out.');
  }
  const found = `${by}: synchronised${offset}`;
  if (offsetS !== undefined && Math.abs(offsetS) > WARN_S) {
    return warn(check, found, 'The clock is being brought back: look at its server, and run doctor again.');
  }
  return ok(check, found);
}

/** `chronyc -c tracking`: the fifth value is what the clock is slow by, the last one its leap status. */
async function fromChrony(machine: Machine): Promise<Sync | undefined> {
  const fields = (await machine.run('chronyc', ['-c', 'tracking']))?.trim().split(',');
  const offsetS = Number(fields?.[4]);
  if (fields === undefined || fields.length < 14 || !Number.isFinite(offsetS)) return undefined;
  const synchronised = fields.at(-1) !== 'Not synchronised';
  return { by: 'chrony', synchronised, ...(synchronised && { offsetS: -offsetS }) };
}

async function fromSystemd(machine: Machine): Promise<Sync | undefined> {
  const shown = await machine.run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  if (shown === undefined) {
    // It cannot talk to systemd, which leaves a mark once it has set the clock.
    if ((await machine.kernel('run/systemd/timesync/synchronized')) === undefined) return undefined;
    return { by: 'systemd-timesyncd', synchronised: true };
  }
  const status = await machine.run('timedatectl', ['timesync-status']);
  const offset = /^\s*Offset: ([+-]?)([\d.]+)(us|ms|s)$/m.exec(status ?? '');
  const offsetS =
    offset && Number(`${offset[1]}${offset[2]}`) * { us: 1e-6, ms: 1e-3, s: 1 }[offset[3] as 'us' | 'ms' | 's'];
  return { by: 'systemd', synchronised: shown.trim() === 'yes', ...(offsetS !== null && { offsetS }) };
}

/** @param read ns; tests bring a clock that goes back */
export function monotonic(read: () => bigint = process.hrtime.bigint): Finding {
  const check = 'clock.monotonic';
  const first = read();
  let last = first;
  for (let n = 0; n < LOOKS; n += 1) {
    const now = read();
    if (now < last) {
      return fail(
        check,
        `it went back by ${last - now} ns`,
        'Lag cannot be measured here: choose another clock source or machine.',
      );
    }
    last = now;
  }
  if (last === first)
    return fail(check, `it stood still over ${LOOKS} looks`, 'Choose another clock source or machine.');
  return ok(check, `never back in ${LOOKS} looks of ${(Number(last - first) / LOOKS) | 0} ns`);
}

async function clockSource(machine: Machine): Promise<Finding[]> {
  const check = 'clock.source';
  const source = (await machine.kernel('sys/devices/system/clocksource/clocksource0/current_clocksource'))?.trim();
  if (source === undefined) return [];
  if (!SLOW_SOURCES.includes(source)) return [ok(check, source)];
  return [
    warn(
      check,
      `${source}, which is slow to read`,
      'Each datagram reads the clock: choose tsc or kvm-clock (clocksource= of the kernel).',
    ),
  ];
}
