import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Finding, fail, ok, reasonOf, warn } from './finding.ts';

const MB = 1_000_000;
const [FAIL_BYTES, WARN_BYTES] = [100 * MB, 1000 * MB];
const WRITES = 32;
const WRITE_BYTES = 4096;
/** A gift waits for one sync, of which a transaction of many shares the cost. */
const SLOW_MS = 20;
/** What `statfs` calls them. */
const [TMPFS, RAMFS, NFS] = [0x01021994, 0x858458f6, 0x6969];

/** Of the disk, as it is seen by who would write there. */
export interface Disk {
  freeBytes: number;
  type: number;
  /** Each took so long, ms. */
  syncMs: readonly number[];
}

/**
 * A folder that is written to: space, and how long a sync takes.
 * @param look tests bring another disk
 */
export function checkFolder(name: string, folder: string, look: (folder: string) => Disk = lookAt): Finding[] {
  const check = `folder.${name}`;
  const path = resolve(folder);
  if (!existsSync(path)) return [missing(check, path)];
  let disk: Disk;
  try {
    disk = look(path);
  } catch (error) {
    const advice = `Give ${path} to the user that runs this program, on a disk that can be written to.`;
    return [fail(check, reasonOf(error), advice)];
  }
  return [space(`${check}.space`, path, disk), sync(`${check}.sync`, path, disk)];
}

/** It is made at the start. */
function missing(check: string, path: string): Finding {
  let parent = dirname(path);
  while (!existsSync(parent)) parent = dirname(parent);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
    return ok(check, `${path} is not there yet and can be made`);
  } catch {
    return fail(
      check,
      `${path} is not there, and ${parent} cannot be written to`,
      `Make ${path} for the user that runs this program.`,
    );
  }
}

function space(check: string, path: string, { freeBytes }: Disk): Finding {
  const found = `${path}: ${Math.round(freeBytes / MB)} MB free`;
  const advice = `Free space on the disk of ${path}: a ledger that cannot write takes no gifts.`;
  if (freeBytes < FAIL_BYTES) return fail(check, found, advice);
  if (freeBytes < WARN_BYTES) return warn(check, found, advice);
  return ok(check, found);
}

function sync(check: string, path: string, { type, syncMs }: Disk): Finding {
  const sorted = [...syncMs].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? 0;
  const found = `${path}: fsync takes ${median.toFixed(2)} ms, at most ${(sorted.at(-1) ?? 0).toFixed(2)} ms of ${syncMs.length}`;
  if (type === TMPFS || type === RAMFS) {
    return warn(
      check,
      `${found}; it is in memory`,
      'What is kept there is lost with the machine: choose a folder on a disk.',
    );
  }
  if (type === NFS)
    return warn(
      check,
      `${found}; it is on NFS`,
      'SQLite is not safe there: choose a folder on a disk of this machine.',
    );
  if (median > SLOW_MS)
    return warn(check, found, 'Gifts are answered after a sync: choose a faster disk for the state.');
  return ok(check, found);
}

/** Writes a file of its own and takes it away again. Whether the disk keeps what it says it synced nobody can see from here. */
function lookAt(folder: string): Disk {
  const file = join(folder, `.doctor-${randomBytes(6).toString('hex')}`);
  const block = Buffer.alloc(WRITE_BYTES);
  const syncMs: number[] = [];
  const handle = openSync(file, 'wx', 0o600);
  try {
    for (let n = 0; n < WRITES; n += 1) {
      writeSync(handle, block);
      const from = performance.now();
      fsyncSync(handle);
      syncMs.push(performance.now() - from);
    }
  } finally {
    closeSync(handle);
    rmSync(file, { force: true });
  }
  const { bavail, bsize, type } = statfsSync(folder);
  return { freeBytes: bavail * bsize, type, syncMs };
}
