import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GiftTicket } from '../types.ts';
import { openSqliteLedger } from './ledger.ts';
import { LedgerStore } from './store.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hayate-store-'));
  path = join(folder, 'ledger.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ticket = (n: number): GiftTicket => ({
  jti: `jti-${n}`,
  room: `room-${n % 2}`,
  sender: 'ann',
  liver: 'mio',
  item: 'star',
  amount: 100,
  currency: 'JPY',
  reg: 'jp',
});

function fill(from: number, to: number): LedgerStore {
  const store = new LedgerStore(path);
  for (let n = from; n <= to; n++) {
    store.begin();
    store.claim(ticket(n), n);
    store.commit();
  }
  return store;
}

/** Changes the file behind the ledger's back. */
function tamper(sql: string): void {
  const db = new DatabaseSync(path);
  db.exec('DROP TRIGGER records_stay; DROP TRIGGER records_remain');
  db.exec(sql);
  db.close();
}

const corrupt = expect.objectContaining({ code: 'ledger_corrupt', retryable: false });

describe('a ledger file', () => {
  it('opens again as it was', () => {
    fill(1, 5).close();
    const store = fill(6, 7);
    expect(store.since(0, 10).map(({ key, sequence }) => [key, sequence])).toEqual([
      ['jti-1', 1],
      ['jti-2', 1],
      ['jti-3', 2],
      ['jti-4', 2],
      ['jti-5', 3],
      ['jti-6', 3],
      ['jti-7', 4],
    ]);
    store.close();
  });

  it.each([
    ['a changed amount', 'UPDATE records SET amount = 101 WHERE id = 3'],
    ['a changed checksum', 'UPDATE records SET checksum = zeroblob(16) WHERE id = 5'],
    ['a missing record', 'DELETE FROM records WHERE id = 3'],
    ['a missing last record', 'DELETE FROM records WHERE id = 5; DELETE FROM outbox WHERE id = 5'],
    ['two records exchanged', 'UPDATE records SET id = 99 WHERE id = 1'],
    ['a record that nobody would deliver', 'DELETE FROM outbox WHERE id = 2'],
    ['an attempt changed', 'UPDATE outbox SET next_at_ms = 4096 WHERE id = 2'],
  ])('is refused with %s', (_, sql) => {
    fill(1, 5).close();
    if (sql!.includes('next_at_ms')) {
      // The CHECK refuses it; a flipped bit does not ask.
      sql = `PRAGMA ignore_check_constraints = ON; ${sql}`;
    }
    tamper(sql!);
    expect(() => new LedgerStore(path)).toThrow(corrupt);
  });

  it('never lets a record change or go', () => {
    fill(1, 1).close();
    const db = new DatabaseSync(path);
    expect(() => db.exec('UPDATE records SET amount = 1')).toThrow('records never change');
    expect(() => db.exec('DELETE FROM records')).toThrow('records never go');
    db.close();
  });

  it('notices a damaged end of the log, which SQLite takes for an interrupted write', () => {
    const store = fill(1, 5);
    const files = ['', '-wal', '-witness'].map((end) => [end, readFileSync(path + end)] as const);
    store.close();
    const put = (change: (end: string, bytes: Buffer) => void) => {
      rmSync(`${path}-shm`, { force: true });
      for (const [end, bytes] of files) {
        const copy = Buffer.from(bytes);
        change(end, copy);
        writeFileSync(path + end, copy);
      }
    };
    put((end, bytes) => {
      if (end === '-wal') bytes[bytes.length - 100]! ^= 4;
    });
    expect(() => new LedgerStore(path)).toThrow(corrupt);
    put(() => {});
    const good = new LedgerStore(path);
    expect(good.since(0, 10)).toHaveLength(5);
    good.close();
  });

  it('reads a record that changed under it as damage', () => {
    const store = fill(1, 3);
    tamper('UPDATE records SET amount = 101 WHERE id = 1');
    expect(() => store.find('jti-1')).toThrow(corrupt);
    expect(() => store.since(0, 10)).toThrow(corrupt);
    store.close();
  });

  it('refuses an older copy of itself, and takes one whose witness was left behind', () => {
    fill(1, 3).close();
    const older = readFileSync(path);
    fill(4, 5).close();
    writeFileSync(path, older);
    expect(() => new LedgerStore(path)).toThrow(corrupt);
    rmSync(`${path}-witness`);
    const store = new LedgerStore(path);
    expect(store.since(0, 10)).toHaveLength(3);
    store.close();
  });

  it('opens with a torn end of its log', () => {
    const store = fill(1, 3);
    const wal = readFileSync(`${path}-wal`);
    const db = readFileSync(path);
    store.close();
    writeFileSync(path, db);
    writeFileSync(`${path}-wal`, wal);
    appendFileSync(`${path}-wal`, wal.subarray(4096, 9000));
    const again = new LedgerStore(path);
    expect(again.since(0, 10)).toHaveLength(3);
    again.close();
  });

  it.each([
    ['a newer version', 'PRAGMA user_version = 99', 'ledger_version'],
    ['another program', 'PRAGMA application_id = 7', 'ledger_corrupt'],
  ])('is refused when it is of %s', (_, sql, code) => {
    fill(1, 1).close();
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
    expect(() => new LedgerStore(path)).toThrow(expect.objectContaining({ code }));
  });

  it('is refused when it is no database', async () => {
    writeFileSync(path, 'gifts, gifts, gifts'.repeat(500));
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'ledger_corrupt' });
  });

  it('is refused when it was cut', () => {
    fill(1, 40).close();
    truncateSync(path, statSync(path).size - 8192);
    expect(() => new LedgerStore(path)).toThrow(corrupt);
  });

  it('can be written by two processes', () => {
    const one = fill(1, 2);
    const two = fill(3, 4);
    one.begin();
    expect(one.claim(ticket(3), 9)).toMatchObject({ id: 3, repeat: true });
    expect(one.claim(ticket(5), 9)).toMatchObject({ id: 5, sequence: 3 });
    one.commit();
    one.close();
    two.close();
    new LedgerStore(path).close();
  });
});

describe('a ledger in its thread', () => {
  it('refuses what is over its bound, without writing it, and goes on', async () => {
    const ledger = await openSqliteLedger({ path, maxWaiting: 3 });
    const claims = [1, 2, 3, 4].map((n) => ledger.claim(ticket(n), n));
    await expect(claims[3]).rejects.toMatchObject({ code: 'ledger_overloaded', retryable: true });
    await Promise.all(claims.slice(0, 3));
    expect(await ledger.claim(ticket(4), 4)).toMatchObject({ id: 4, repeat: false });
    expect(ledger.stats()).toMatchObject({ waiting: 0, records: 4, overloaded: 1 });
    await ledger.close();
  });

  it('shares a sync among what comes together', async () => {
    const ledger = await openSqliteLedger({ path });
    await Promise.all(Array.from({ length: 100 }, (_, n) => ledger.claim(ticket(n), n)));
    expect(ledger.stats().commits).toBeLessThan(5);
    await ledger.close();
  });

  it('says nothing more once it found damage, and names it to whoever waits', async () => {
    fill(1, 3).close();
    const ledger = await openSqliteLedger({ path });
    tamper('UPDATE records SET amount = 101 WHERE id = 1');
    const [first, later] = [ledger.find('jti-1'), ledger.claim(ticket(9), 9)];
    await expect(first).rejects.toMatchObject({ code: 'ledger_corrupt' });
    await later;
    expect(await ledger.ended).toMatchObject({ code: 'ledger_corrupt' });
    await expect(ledger.claim(ticket(9), 9)).rejects.toMatchObject({ code: 'ledger_corrupt' });
    await ledger.close();
  });
});

it('after a failed sync copies the log into the file before the first answer, or does not open', () => {
  const other = new LedgerStore(path);
  const claim = (n: number) => {
    other.begin();
    other.claim(ticket(n), 1);
    other.commit();
  };
  claim(1);
  /** What the file holds without its log. */
  const inFile = () => {
    const alone = join(folder, 'alone.db');
    copyFileSync(path, alone);
    const db = new DatabaseSync(alone);
    const there = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'records'").get() !== undefined;
    const records = there ? db.prepare('SELECT count(*) AS n FROM records').get()!['n'] : 0;
    db.close();
    return records;
  };
  new LedgerStore(path).close();
  expect(inFile()).toBe(0);
  new LedgerStore(path, { afterFailure: true }).close();
  expect(inFile()).toBe(1);

  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM records').get();
  claim(2);
  expect(() => new LedgerStore(path, { afterFailure: true })).toThrow(expect.objectContaining({ code: 'ledger_busy' }));
  new LedgerStore(path).close();
  reader.close();
  other.close();
});
