import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GiftTicket } from '../ledger/index.ts';
import { LedgerStore } from '../ledger/sqlite/store.ts';
import { idempotencyKey } from '../webhook/event.ts';
import { parseCsvLine } from './csv.ts';
import {
  backupLedger,
  CSV_HEAD,
  csvLine,
  Days,
  exportRecord,
  LedgerSnapshot,
  readBooked,
  reconcile,
  restoreLedger,
  type SnapshotQuery,
} from './index.ts';

const NOW = Date.UTC(2026, 0, 31, 14, 30);
const HOUR = 3_600_000;
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hayate-books-'));
  path = join(folder, 'ledger.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ticket = (n: number, change: Partial<GiftTicket> = {}): GiftTicket => ({
  jti: `jti-${n}`,
  room: `room-${n % 2}`,
  sender: 'ann',
  liver: n % 2 === 0 ? 'rin' : 'mio',
  item: 'star',
  amount: 100,
  currency: 'JPY',
  reg: 'jp',
  ...change,
});
const keyOf = (n: number) => idempotencyKey({ kind: 'gift', key: `jti-${n}` });

/** Six gifts an hour apart, a refund; 1, 2, 5 and the refund delivered, 3 dead, 4 and 6 waiting. */
function fill(store = new LedgerStore(path)): LedgerStore {
  store.begin();
  for (let n = 1; n <= 6; n++) store.claim(ticket(n), NOW + (n - 1) * 0.5 * HOUR);
  store.amend({ kind: 'refund', key: 'half', gift: 'jti-1', amount: 30, reason: 'asked' }, NOW + HOUR);
  store.settle([
    ...[1, 2, 5, 7].map((id) => ({ id, outcome: 'delivered' as const, atMs: NOW })),
    { id: 3, outcome: 'dead' },
  ]);
  store.commit();
  return store;
}

/** Changes the file behind the ledger's back. */
function tamper(sql: string): void {
  const db = new DatabaseSync(path);
  db.exec('DROP TRIGGER records_stay; DROP TRIGGER records_remain');
  db.exec(sql);
  db.close();
}

function withSnapshot<T>(use: (snapshot: LedgerSnapshot) => T, file = path): T {
  const snapshot = new LedgerSnapshot(file);
  try {
    return use(snapshot);
  } finally {
    snapshot.close();
  }
}
const compare = (options: Partial<Parameters<typeof reconcile>[1]> = {}) =>
  withSnapshot((snapshot) => reconcile(snapshot, { query: {}, days: new Days('UTC'), ...options }));
const sum = (records: number, amount: number) => ({ records, amount });
const corrupt = expect.objectContaining({ code: 'ledger_corrupt' });

describe('a snapshot', () => {
  it('says where each record is, at one moment, while the ledger goes on', () => {
    const store = fill();
    withSnapshot((snapshot) => {
      store.begin();
      store.claim(ticket(7), NOW);
      store.settle([{ id: 4, outcome: 'delivered', atMs: NOW }]);
      store.commit();
      const statuses = [...snapshot.records()]
        .map(({ id, status }) => [id, status])
        .sort(([a], [b]) => Number(a) - Number(b));
      expect(statuses).toEqual([
        [1, 'delivered'],
        [2, 'delivered'],
        [3, 'dead'],
        [4, 'waiting'],
        [5, 'delivered'],
        [6, 'waiting'],
        [7, 'delivered'],
      ]);
      const ids = (query: SnapshotQuery) => [...snapshot.records(query)].map(({ id }) => id);
      expect(ids({ status: 'dead' })).toEqual([3]);
      expect(ids({ liver: 'rin', fromMs: NOW + HOUR })).toEqual([4, 6]);
      expect(ids({ fromMs: NOW, toMs: NOW + 1 })).toEqual([1]);
      expect(snapshot.verify().id).toBe(7);
    });
    withSnapshot((snapshot) => expect(snapshot.count()).toBe(8));
    store.close();
  });

  it('changes nothing in the file', () => {
    fill().close();
    const before = readFileSync(path);
    withSnapshot((snapshot) => snapshot.verify());
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('finds a changed record, a cut end, and a file that is none', () => {
    fill().close();
    const whole = readFileSync(path);
    tamper('UPDATE records SET amount = 101 WHERE id = 2');
    expect(() => withSnapshot((snapshot) => snapshot.verify())).toThrow(corrupt);
    expect(() => withSnapshot((snapshot) => [...snapshot.records()])).toThrow(corrupt);
    writeFileSync(path, whole);
    const store = new LedgerStore(path);
    store.begin();
    store.claim(ticket(9), NOW);
    store.commit();
    store.close();
    writeFileSync(path, whole);
    expect(() => withSnapshot((snapshot) => snapshot.verify())).toThrow(corrupt);
    writeFileSync(path, 'gifts');
    expect(() => new LedgerSnapshot(path)).toThrow(corrupt);
    expect(() => new LedgerSnapshot(join(folder, 'absent'))).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
    expect(existsSync(join(folder, 'absent'))).toBe(false);
  });
});

describe('days', () => {
  it.each([
    ['UTC', '2026-01-31', '2026-01-31T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['Asia/Tokyo', '2026-01-31', '2026-01-30T15:00:00Z', '2026-01-31T15:00:00Z'],
    ['America/Chicago', '2026-03-08', '2026-03-08T06:00:00Z', '2026-03-09T05:00:00Z'],
    ['Asia/Kathmandu', '2026-01-31', '2026-01-30T18:15:00Z', '2026-01-31T18:15:00Z'],
    // Clocks went from 23:59 to 1:00: that day had no midnight.
    ['Africa/Cairo', '2024-04-26', '2024-04-25T22:00:00Z', '2024-04-26T21:00:00Z'],
    ['Pacific/Kiritimati', '2026-01-31', '2026-01-30T10:00:00Z', '2026-01-31T10:00:00Z'],
  ])('of %s: %s', (zone, day, start, end) => {
    const days = new Days(zone);
    expect([days.start(day), days.end(day)]).toEqual([Date.parse(start), Date.parse(end)]);
    expect([days.of(days.start(day)), days.of(days.end(day) - 1)]).toEqual([day, day]);
  });

  it('refuses what is no zone and no day', () => {
    expect(() => new Days('Mars/Olympus')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    for (const day of ['2026-13-01', 'yesterday', '2026-1-1', '']) {
      expect(() => new Days('UTC').start(day), day).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });
});

describe('reconciliation', () => {
  it('finds a ledger equal to what was delivered and what is on its way, by liver and day', () => {
    fill().close();
    const { rows, equal, orphans } = compare({ days: new Days('Asia/Tokyo') });
    expect([equal, orphans]).toEqual([true, 0]);
    const none = sum(0, 0);
    // 23:30 in Tokyo, so that only the first of each liver is of that day.
    expect(rows).toEqual(
      [
        ...[
          { day: '2026-01-31', liver: 'mio', ledger: sum(1, 100), delivered: sum(1, 100), waiting: none, dead: none },
        ],
        ...[
          {
            day: '2026-02-01',
            liver: 'mio',
            ledger: sum(3, 170),
            delivered: sum(2, 70),
            waiting: none,
            dead: sum(1, 100),
          },
          {
            day: '2026-02-01',
            liver: 'rin',
            ledger: sum(3, 300),
            delivered: sum(1, 100),
            waiting: sum(2, 200),
            dead: none,
          },
        ],
      ].map((row) => ({ ...row, currency: 'JPY', difference: none })),
    );
    expect(compare({ strict: true }).equal).toBe(false);
    expect(compare({ query: { toMs: NOW + HOUR / 2 }, strict: true }).equal).toBe(true);
  });

  it('finds a delivery that was removed, and one of nothing', () => {
    fill().close();
    tamper('DELETE FROM deliveries WHERE id = 2');
    const { rows, equal } = compare();
    expect(equal).toBe(false);
    expect(rows.find(({ liver, day }) => liver === 'rin' && day === '2026-01-31')).toMatchObject({
      difference: sum(1, 100),
    });
    tamper2('INSERT INTO deliveries VALUES (2, 5, (2 * 3 + 5 * 7) % 1000003)');
    expect(compare().equal).toBe(true);
    tamper2('INSERT INTO deliveries VALUES (99, 5, (99 * 3 + 5 * 7) % 1000003)');
    expect(compare()).toMatchObject({ orphans: 1, equal: false });
  });

  it("finds what the backend lacks, has too many, twice or otherwise; its file may be one of this program's own", async () => {
    fill().close();
    const file = join(folder, 'backend.csv');
    const all = withSnapshot((snapshot) => [...snapshot.records()].map(exportRecord));
    const booked = all.filter(({ status }) => status === 'delivered');
    const against = async (text: string, query = {}) => {
      writeFileSync(file, text);
      return compare({ query, booked: await readBooked(file) });
    };
    const good = CSV_HEAD + booked.map(csvLine).join('');
    expect(await against(good)).toMatchObject({ equal: true, against: { notYet: 3, missing: { count: 0 } } });
    expect(await against(booked.map((each) => `${JSON.stringify(each)}\n`).join(''))).toMatchObject({ equal: true });
    // Booked and of another time than asked for: no difference.
    expect(await against(good, { fromMs: NOW + HOUR })).toMatchObject({ equal: true });
    const [first, second, ...rest] = booked as [(typeof all)[0], (typeof all)[0], ...typeof all];
    const lines = [
      csvLine({ ...first, amount: 99 }),
      ...rest.map(csvLine),
      csvLine(rest[0]!),
      `x_unknown${','.repeat(9)},5,JPY\r\n`,
    ];
    const { against: report, equal } = await against(CSV_HEAD + lines.join(''));
    expect(equal).toBe(false);
    expect(report).toEqual({
      missing: { count: 1, examples: [{ idempotencyKey: second.idempotencyKey, id: second.id, ledger: 100 }] },
      differing: { count: 1, examples: [{ idempotencyKey: keyOf(1), id: 1, ledger: 100, backend: 99 }] },
      doubled: { count: 1, examples: [expect.objectContaining({ idempotencyKey: rest[0]!.idempotencyKey })] },
      extra: { count: 1, examples: [{ idempotencyKey: 'x_unknown', backend: 5 }] },
      notYet: 3,
    });
    expect(await against(good.replaceAll('JPY', 'USD'))).toMatchObject({ against: { differing: { count: 4 } } });
  });

  it.each([
    ['no key column', 'key,amount\n1,2\n', /its head has no idempotencyKey/],
    ['an amount that is no integer', 'idempotencyKey,amount\na,1.5\n', /line 2/],
    ['no amount', 'idempotencyKey,amount\na,\n', /line 2/],
    ['half a line of JSON', '{"idempotencyKey":"a","amount":1}\n{"idem\n', /line 2 is no JSON/],
    ['a text as amount', '{"idempotencyKey":"a","amount":"1"}\n', /line 1/],
  ])("refuses a backend's file with %s", async (_, text, message) => {
    const file = join(folder, 'wrong');
    writeFileSync(file, text);
    await expect(readBooked(file)).rejects.toThrow(message);
    await expect(readBooked(join(folder, 'absent'))).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

/** Without the triggers, which are gone. */
function tamper2(sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

describe('CSV', () => {
  it('gives no spreadsheet a formula, and every cell back', () => {
    const evil = ['=HYPERLINK("http://evil")', '+1', '-1', '@SUM(A1)', ' =1', '|x', '%x'];
    const store = new LedgerStore(path);
    store.begin();
    for (const [n, name] of [...evil, 'a,b', 'say "hi"', 'a;b', '普通'].entries())
      store.claim(ticket(n, { sender: name }), NOW);
    store.commit();
    store.close();
    const records = withSnapshot((snapshot) => [...snapshot.records()].map(exportRecord));
    const cells = records.map((record) => parseCsvLine(csvLine(record).trimEnd()));
    const column = parseCsvLine(CSV_HEAD.trimEnd()).indexOf('sender');
    for (const each of cells) expect(each).toHaveLength(cells[0]!.length);
    const senders = cells.map((each) => each[column]!);
    for (const sender of senders) expect(sender).not.toMatch(/^[\s=+\-@|%]/);
    expect(senders.map((text) => text.replace(/^'/, ''))).toEqual(records.map(({ sender }) => sender));
    expect(cells[0]![parseCsvLine(CSV_HEAD.trimEnd()).indexOf('status')]).toBe('waiting');
  });
});

describe('a backup', () => {
  const target = () => join(folder, 'backup.db');

  it('is the ledger of one moment, in one file, and comes to an end while a relay writes', async () => {
    const store = new LedgerStore(path);
    let n = 0;
    const claim = () => {
      store.begin();
      store.claim(ticket(++n), NOW);
      store.commit();
    };
    store.begin();
    while (n < 8000) store.claim(ticket(++n), NOW);
    store.commit();
    let steps = 0;
    const copied = await backupLedger(path, target(), {
      onProgress: () => {
        steps++;
        claim();
      },
    });
    expect(copied).toMatchObject({
      records: 8000,
      bytes: statSync(target()).size,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect([steps > 0, n > 8000, statSync(target()).mode & 0o777]).toEqual([true, true, 0o600]);
    store.close();
    expect(readdirSync(folder).filter((name) => name.startsWith('backup'))).toEqual(['backup.db']);
  });

  it('overwrites nothing, and is not made of a damaged ledger', async () => {
    fill().close();
    await backupLedger(path, target());
    await expect(backupLedger(path, target())).rejects.toMatchObject({ code: 'invalid_argument' });
    tamper('UPDATE records SET amount = 101 WHERE id = 2');
    await expect(backupLedger(path, join(folder, 'second.db'))).rejects.toMatchObject({ code: 'ledger_corrupt' });
    expect(readdirSync(folder).filter((name) => name.startsWith('second'))).toEqual([]);
    const fresh = join(folder, 'cut.db');
    const store = fill(new LedgerStore(fresh));
    store.close();
    const older = readFileSync(fresh);
    const later = new LedgerStore(fresh);
    later.begin();
    later.claim(ticket(9), NOW);
    later.commit();
    later.close();
    writeFileSync(fresh, older);
    // Whole in itself, but not all that there was: only the witness knows.
    await expect(backupLedger(fresh, join(folder, 'second.db'))).rejects.toMatchObject({ code: 'ledger_corrupt' });
    await expect(backupLedger(join(folder, 'absent'), join(folder, 'third'))).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });

  it('is restored to a ledger that goes on where it ended, under the old keys', async () => {
    fill().close();
    await backupLedger(path, target());
    for (const end of ['', '-witness']) renameSync(path + end, `${path}.lost${end}`);
    expect(restoreLedger(target(), path)).toMatchObject({ records: 7, lost: 0 });
    const store = new LedgerStore(path);
    store.begin();
    expect(store.claim(ticket(1), NOW + 99)).toMatchObject({ id: 1, atMs: NOW, repeat: true });
    expect(store.claim(ticket(8), NOW)).toMatchObject({ id: 8, repeat: false });
    store.commit();
    store.close();
    expect(existsSync(target())).toBe(true);
  });

  it('is not put over a ledger, nor in place of one that had more, unless that is given up', async () => {
    fill().close();
    await backupLedger(path, target());
    expect(() => restoreLedger(target(), path)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    const store = new LedgerStore(path);
    store.begin();
    store.claim(ticket(9), NOW);
    store.commit();
    store.close();
    rmSync(path);
    writeFileSync(`${path}-wal`, 'the log of another ledger');
    expect(() => restoreLedger(target(), path)).toThrow(/-wal is there/);
    rmSync(`${path}-wal`);
    expect(() => restoreLedger(target(), path)).toThrow(/had 8 records, the backup has 7/);
    expect([existsSync(path), existsSync(`${path}-witness`)]).toEqual([false, true]);
    expect(restoreLedger(target(), path, { acceptLoss: true })).toMatchObject({ records: 7, lost: 1 });
    new LedgerStore(path).close();
  });

  it('of another ledger is refused, and so is one that changed', async () => {
    fill().close();
    await backupLedger(path, target());
    const other = join(folder, 'other.db');
    const store = new LedgerStore(other);
    store.begin();
    store.claim(ticket(1, { sender: 'bob' }), NOW);
    store.commit();
    store.close();
    rmSync(other);
    expect(() => restoreLedger(target(), other)).toThrow(/another ledger/);
    rmSync(`${other}-witness`);
    const bytes = readFileSync(target());
    const at = bytes.indexOf('jti-3');
    bytes[at]! ^= 1;
    writeFileSync(target(), bytes);
    expect(() => restoreLedger(target(), other)).toThrow(corrupt);
    expect(readdirSync(folder).filter((name) => name.startsWith('other'))).toEqual([]);
  });
});
