import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Found } from './fault.ts';
import { cannotMount, type Mounts, openMounts } from './mounts.ts';
import { cannotShim, ERRNO, openShim, type Shim, type Told } from './shim.ts';
import type { Stage } from './stage.ts';

const HOUR_MS = 3_600_000;
/** A full or failed ledger is opened again after 1 s, and after 2 s more. */
const BACK_MS = 6000;

/** How long until a gift is acked again. */
async function giftsBack(stage: Stage, limitMs: number): Promise<Found> {
  const since = performance.now();
  const before = stage.load.acked.length;
  while (stage.load.acked.length === before && performance.now() - since < 2 * limitMs) await sleep(20);
  const ms = Math.round(performance.now() - since);
  return { ok: ms <= limitMs, measured: `gifts acked again after ${ms} ms` };
}

/** Gifts that were acked while the disk refused: what was under way when it began may still be. */
async function noneAcked(stage: Stage, ms: number): Promise<Found> {
  await sleep(300);
  const before = stage.load.acked.length;
  await sleep(ms);
  const count = stage.load.acked.length - before;
  return { ok: count === 0, measured: `${count} gifts acked meanwhile` };
}

const REFUSES = {
  none: 'no gift is acked meanwhile',
  back: `gifts are acked again within ${BACK_MS} ms`,
};

/** What the relay is told by its C library, for a while. */
function told(
  fault: Pick<Fault, 'name' | 'does' | 'limits' | 'also'>,
  while_: (shim: Shim, stage: Stage) => Promise<Record<string, Found>>,
): Fault {
  let shim: Shim | undefined;
  return {
    ...fault,
    cannot: cannotShim,
    async setup(folder) {
      shim = await openShim(folder);
      return { around: shim.around, clean: () => shim?.close() };
    },
    inflict: (stage) => while_(shim!, stage),
  };
}

function refusing(name: string, does: string, faults: Told): Fault {
  return told({ name, does, limits: { ended: 0, stillMs: 200, duringMs: 10 }, also: REFUSES }, async (shim, stage) => {
    shim.tell(faults);
    const none = await noneAcked(stage, 2000);
    shim.tell({});
    return { none, back: await giftsBack(stage, BACK_MS) };
  });
}

function clock(name: string, hours: number): Fault {
  return told(
    {
      name,
      does: `the relay's time of day jumps by ${hours} h (its C library says so: a time namespace has no such clock), and back 3 s later${hours < 0 ? '; tickets signed meanwhile are of its future' : ''}`,
      limits: { ended: 0, stillMs: 200, duringMs: 10, ...(hours < 0 && { refused: 40 }) },
      also: { seen: 'the relay did see the other time' },
    },
    async (shim, stage) => {
      shim.tell({ clockOffsetMs: hours * HOUR_MS });
      const date = (await fetch(new URL('/healthz', stage.running.http))).headers.get('date');
      await sleep(3000);
      shim.tell({});
      await sleep(500);
      const off = Math.round((Date.parse(date ?? '') - Date.now()) / HOUR_MS);
      return { seen: { ok: off === hours, measured: `its answers bore a time ${off} h off` } };
    },
  );
}

/** A file system of its own for the relay's state. */
function onOwnDisk(
  fault: Pick<Fault, 'name' | 'does' | 'limits' | 'also'>,
  megabytes: number,
  while_: (mounts: Mounts, folder: string, stage: Stage) => Promise<Record<string, Found>>,
): Fault {
  let mounts: Mounts | undefined;
  let own = '';
  return {
    ...fault,
    cannot: cannotMount,
    async setup(folder) {
      own = join(folder, 'state');
      mkdirSync(own);
      const mounted = await openMounts(`mount -t tmpfs -o size=${megabytes}m none ${own}`);
      mounts = mounted;
      return {
        around: { wrap: mounted.wrap },
        relayStateDir: own,
        stateDir: mounted.outside(own),
        clean: () => mounted.close(),
      };
    },
    inflict: (stage) => while_(mounts!, own, stage),
  };
}

export const diskFaults: Fault[] = [
  onOwnDisk(
    {
      name: 'disk-full',
      does: 'the file system of the relay’s state (a tmpfs of 8 MB in a mount namespace) is filled to the last byte, and emptied 2 s later',
      limits: { ended: 0, stillMs: 200, duringMs: 10 },
      also: REFUSES,
    },
    8,
    async (mounts, folder, stage) => {
      // dd ends with an error once nothing more fits.
      await mounts.sh(`dd if=/dev/zero of=${folder}/fill bs=4k 2>/dev/null || true; echo x >> ${folder}/fill2 || true`);
      // A log of writes that is there already takes some more before it has to grow.
      await sleep(1500);
      const none = await noneAcked(stage, 2000);
      await mounts.sh(`rm -f ${folder}/fill ${folder}/fill2`);
      return { none, back: await giftsBack(stage, BACK_MS) };
    },
  ),
  refusing(
    'disk-read-only',
    'writes to the relay’s files fail with EROFS for 2 s (its C library says so: a mount with files open for writing cannot be made read-only)',
    { writeErrno: ERRNO.EROFS },
  ),
  refusing('disk-fails', 'every sync of a file fails with EIO for 2 s (its C library says so)', {
    syncErrno: ERRNO.EIO,
  }),
  told(
    {
      name: 'disk-slow',
      does: 'every sync of a file takes 500 ms for 4 s (its C library says so)',
      limits: { ended: 0, stillMs: 200, duringMs: 10 },
      also: { acked: 'gifts are acked all the while, those given meanwhile within 3 s' },
    },
    async (shim, stage) => {
      const { load } = stage;
      shim.tell({ syncDelayMs: 500 });
      await sleep(600);
      const before = load.acked.length;
      await sleep(3400);
      const acked = load.acked.length - before;
      const waiting = load.givingNow;
      shim.tell({});
      // 10 a second are given: so many wait who gave within the last 3 s.
      const ok = acked > 0 && waiting <= 30;
      return { acked: { ok, measured: `${acked} gifts acked in 3.4 s, ${waiting} waiting at their end` } };
    },
  ),
  clock('clock-ahead-1h', 1),
  clock('clock-back-1h', -1),
];
