import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { sameBytes } from '../checksum.ts';
import { ledgerError } from '../errors.ts';
import { ledgerFailure } from './failure.ts';
import { LedgerSnapshot } from './snapshot.ts';
import { LedgerStore } from './store.ts';
import { readWitness, syncFolder, type Witnessed } from './witness.ts';

/** Pages copied in one step, between two calls of `onProgress`. */
const STEP_PAGES = 100;
const HASH_BYTES = 1 << 20;

export interface CopiedLedger {
  /** Records in it, and so its last id. */
  records: number;
  bytes: number;
  /** Of the backup file, hex. */
  sha256: string;
}

export interface BackupOptions {
  /** From 0 to 1. */
  onProgress?: (done: number) => void;
}

/**
 * Copies a ledger as it is at one moment to a single file (mode 0600), while relays go on writing; then reads the copy and
 * checks all of it. The file appears when it is whole and on the disk.
 * @throws HayateError `invalid_argument` (no ledger, or `target` is there), `ledger_corrupt`, and others of `ledgerCodes`
 */
export async function backupLedger(
  path: string,
  target: string,
  { onProgress }: BackupOptions = {},
): Promise<CopiedLedger> {
  if (existsSync(target))
    throw ledgerError('invalid_argument', `${target} is there already: a backup overwrites nothing`);
  const partial = `${target}.partial-${process.pid}`;
  const source = new LedgerSnapshot(path);
  try {
    // A ledger that lost its end is no source: its backup would hide that.
    source.verifyEnd();
    // The snapshot is a read transaction: without one, each commit of a relay would start the copy anew.
    const records = source.count();
    await backup(source.db, partial, {
      rate: STEP_PAGES,
      progress: ({ totalPages, remainingPages }) =>
        onProgress?.(totalPages === 0 ? 1 : 1 - remainingPages / totalPages),
    });
    chmodSync(partial, 0o600);
    const copy = new DatabaseSync(partial);
    // One file without a log beside it.
    copy.exec('PRAGMA journal_mode = DELETE');
    copy.close();
    const { last, copied } = checkCopy(partial);
    if (last.id !== records) throw ledgerError('ledger_corrupt', `the copy has ${last.id} of ${records} records`);
    publish(partial, target);
    return copied;
  } catch (error) {
    throw ledgerFailure(error);
  } finally {
    source.close();
    rmSync(partial, { force: true });
  }
}

export interface RestoreOptions {
  /** The ledger that was at this place had records which the backup has not: give them up. */
  acceptLoss?: boolean;
}

export interface RestoredLedger extends CopiedLedger {
  /** Records that the witness knew and the backup has not. */
  lost: number;
}

/**
 * Puts a backup in the place of a ledger that is gone, after checking all of it, and opens it once. The witness of the ledger
 * before is removed; if it knows of records that the backup has not, only with `acceptLoss`. What was delivered since the backup
 * is delivered again, under its old idempotency keys.
 * @throws HayateError `invalid_argument` (no backup, or a ledger is there), `ledger_corrupt`, and others of `ledgerCodes`
 */
export function restoreLedger(from: string, path: string, { acceptLoss = false }: RestoreOptions = {}): RestoredLedger {
  for (const end of ['', '-wal', '-journal']) {
    // A reader leaves an empty log behind.
    if ((statSync(path + end, { throwIfNoEntry: false })?.size ?? 0) > 0 || (end === '' && existsSync(path))) {
      throw ledgerError('invalid_argument', `${path}${end} is there: move it away first, restoring overwrites nothing`);
    }
  }
  const partial = `${path}.partial-${process.pid}`;
  try {
    if (!existsSync(from)) throw ledgerError('invalid_argument', `there is no backup ${from}`);
    copyFileSync(from, partial, constants.COPYFILE_EXCL);
    chmodSync(partial, 0o600);
    const { last, copied } = checkCopy(partial);
    const witnessed = readWitness(`${path}-witness`);
    const lost = Math.max(0, (witnessed?.id ?? 0) - last.id);
    if (!acceptLoss && witnessed) refuseLoss(partial, witnessed, last);
    for (const end of ['-wal', '-shm', '-witness']) rmSync(path + end, { force: true });
    publish(partial, path);
    // Makes it a ledger with log and witness of its own, and checks it once more where it lies.
    new LedgerStore(path).close();
    return { ...copied, lost };
  } catch (error) {
    throw ledgerFailure(error);
  } finally {
    rmSync(partial, { force: true });
  }
}

function refuseLoss(copy: string, witnessed: Witnessed, last: Witnessed): void {
  if (witnessed.id > last.id) {
    throw ledgerError(
      'ledger_corrupt',
      `the ledger here had ${witnessed.id} records, the backup has ${last.id}: its witness says that gifts would be lost`,
    );
  }
  if (witnessed.id === 0) return;
  const db = new DatabaseSync(copy, { readOnly: true });
  const row = db.prepare('SELECT checksum FROM records WHERE id = ?').get(witnessed.id) as { checksum: Uint8Array };
  db.close();
  if (!sameBytes(row.checksum, witnessed.checksum)) {
    throw ledgerError('ledger_corrupt', 'the witness here is that of another ledger than the backup');
  }
}

/** Reads all of a copy as it will be read when it is needed. */
function checkCopy(file: string): { last: Witnessed; copied: CopiedLedger } {
  const snapshot = new LedgerSnapshot(file);
  try {
    const last = snapshot.verify();
    snapshot.verifyDeliverable();
    return { last, copied: { records: last.id, bytes: statSync(file).size, sha256: fileHash(file) } };
  } finally {
    snapshot.close();
  }
}

/** A name for what is whole, durable, and never over another file. */
function publish(partial: string, target: string): void {
  const fd = openSync(partial, 'r+');
  fsyncSync(fd);
  closeSync(fd);
  linkSync(partial, target);
  rmSync(partial);
  syncFolder(dirname(target));
}

function fileHash(file: string): string {
  const hash = createHash('sha256');
  const bytes = Buffer.alloc(HASH_BYTES);
  const fd = openSync(file, 'r');
  try {
    for (let read = readSync(fd, bytes); read > 0; read = readSync(fd, bytes)) hash.update(bytes.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
