import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteLedger } from '@hayate/relay/ledger';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT } from './program.ts';
import { call } from './test/call.ts';

const NOW = Date.UTC(2026, 0, 31, 14, 30);

let dir: string;
let ledger: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-cli-gifts-'));
  ledger = join(dir, 'ledger.db');
  await fill();
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

const gifts = (...args: string[]) => call('gifts', ...args, '--ledger', ledger);
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Four gifts: two delivered, one dead, one waiting. */
async function fill(): Promise<void> {
  const open = await openSqliteLedger({ path: ledger });
  for (let n = 1; n <= 4; n++) {
    const of = { room: 'r', sender: n === 4 ? '=ann\u202e' : 'ann', liver: n === 3 ? 'rin' : 'mio', item: 'star' };
    await open.claim({ jti: `jti-${n}`, ...of, amount: n * 100, currency: 'JPY', reg: 'jp' }, NOW + n * 1_800_000);
  }
  await open.settle([
    { id: 1, outcome: 'delivered', atMs: NOW },
    { id: 2, outcome: 'delivered', atMs: NOW },
    { id: 3, outcome: 'dead' },
  ]);
  await open.close();
}

function tamper(sql: string): void {
  const db = new DatabaseSync(ledger);
  db.exec('DROP TRIGGER records_stay; DROP TRIGGER records_remain');
  db.exec(sql);
  db.close();
}

describe('hayate gifts', () => {
  it('lists records of a time, also beside a ledger in use', async () => {
    const open = await openSqliteLedger({ path: ledger });
    const { code, out } = await gifts('list', '--from', '2026-02-01', '--tz', 'Asia/Tokyo', '--json');
    await open.close();
    expect([code, lines(out).map(({ id, status }) => [id, status])]).toEqual([
      EXIT.ok,
      [
        [1, 'delivered'],
        [2, 'delivered'],
        [3, 'dead'],
        [4, 'waiting'],
      ],
    ]);
    const one = await gifts('list', '--limit', '1', '--status', 'delivered');
    expect(one.out).toMatch(
      /^1 {2}2026-01-31T15:00:00.000Z {2}gift {2}100 JPY {2}ann to mio {2}star {2}r {2}jti-1 {2}delivered\n$/,
    );
    expect(one.err).toContain('--limit gives more');
    const last = await gifts('list', '--from', '2026-01-31T16:30:00Z');
    expect(last.out).toContain('=ann? to mio');
  });

  it('exports CSV without formulas, and JSON lines as they are, to a new file only', async () => {
    const file = join(dir, 'out.csv');
    expect(await gifts('export', '--format', 'csv', '--out', file, '--json')).toMatchObject({
      code: EXIT.ok,
      out: `${JSON.stringify({ records: 4, file })}\n`,
    });
    const csv = readFileSync(file, 'utf8').split('\r\n');
    expect([csv.length, csv[0]!.startsWith('idempotencyKey,id,room'), csv[4]!.includes(",'=ann")]).toEqual([
      6,
      true,
      true,
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await gifts('export', '--out', file)).code).toBe(EXIT.failed);
    const { out } = await gifts('export', '--liver', 'mio', '--to', '2026-01-31');
    expect(lines(out)).toMatchObject([{ id: 1 }, { id: 2 }, { id: 4, sender: '=ann\u202e' }]);
  });

  it('reconciles: 0 when equal, 1 when a delivery is gone, when strict, and when the backend differs', async () => {
    const equal = await gifts('reconcile', '--from', '2026-01-31', '--to', '2026-01-31');
    expect(equal.code).toBe(EXIT.ok);
    expect(equal.out.split('\n')).toEqual([
      'day         liver  currency  ledger   delivered  waiting  dead     difference',
      '2026-01-31  mio    JPY       700 (3)  300 (2)    400 (1)  -        -',
      '2026-01-31  rin    JPY       300 (1)  -          -        300 (1)  -',
      '',
    ]);
    expect((await gifts('reconcile', '--strict')).code).toBe(EXIT.failed);
    const booked = join(dir, 'booked.jsonl');
    await gifts('export', '--status', 'delivered', '--out', booked);
    expect((await gifts('reconcile', '--against', booked)).code).toBe(EXIT.ok);
    writeFileSync(booked, readFileSync(booked, 'utf8').replace('"amount":200', '"amount":250'));
    const differs = await gifts('reconcile', '--against', booked);
    expect([differs.code, differs.out]).toEqual([
      EXIT.failed,
      expect.stringMatching(/another amount or currency: 1\n {2}gift_\S+ {2}record 2 {2}ledger 200 {2}backend 250/),
    ]);
    tamper('DELETE FROM deliveries WHERE id = 2');
    const gone = await gifts('reconcile', '--json');
    expect([gone.code, gone.err]).toEqual([EXIT.failed, 'hayate: the ledger and the deliveries differ\n']);
    expect(lines(gone.out)[0]).toMatchObject({ equal: false, rows: [{ difference: { records: 1, amount: 200 } }, {}] });
  });

  it('refuses to reconcile a changed ledger', async () => {
    tamper('UPDATE records SET amount = 1 WHERE id = 1');
    expect(await gifts('reconcile')).toMatchObject({
      code: EXIT.failed,
      err: expect.stringContaining('ledger_corrupt'),
    });
  });

  it('shows dead letters and puts them, or any, into the outbox again', async () => {
    expect((await gifts('dead')).out).toMatch(/^3 {2}.* dead {2}1 attempts\n$/);
    expect((await gifts('redeliver', '1', '99')).err).toContain('1 ids do not exist');
    expect((await gifts('redeliver', '--dead', '--json')).out).toBe('{"redelivered":1}\n');
    expect((await gifts('dead', '--json')).out).toBe('');
    const open = await openSqliteLedger({ path: ledger });
    expect((await open.outbox(0, 10)).map(({ record }) => record.id)).toEqual([1, 3, 4]);
    await open.close();
  });

  it('voids and refunds once a key', async () => {
    const refund = () => gifts('refund', 'jti-4', '--amount', '150', '--reason', 'asked', '--key', 'k1', '--json');
    expect(lines((await refund()).out)).toMatchObject([{ id: 5, repeat: false }]);
    expect(lines((await refund()).out)).toMatchObject([{ id: 5, repeat: true }]);
    const voided = (jti: string) => gifts('void', jti, '--reason', 'fraud', '--key', 'k2');
    expect(await voided('jti-4')).toMatchObject({ code: EXIT.failed, err: expect.stringContaining('gift_amended') });
    expect(await voided('jti-1')).toMatchObject({ code: EXIT.ok, out: 'void of jti-1 is record 6\n' });
    expect((await voided('jti-9')).err).toContain('gift_conflict');
  });

  it('backs up and restores, and overwrites nothing', async () => {
    const file = join(dir, 'backup.db');
    const copied = await gifts('backup', file, '--json');
    expect([copied.code, lines(copied.out)]).toEqual([EXIT.ok, [expect.objectContaining({ file, records: 4 })]]);
    expect((await gifts('backup', file)).err).toContain('overwrites nothing');
    expect((await gifts('restore', file)).err).toContain('move it away first');
    await gifts('refund', 'jti-4', '--amount', '150', '--reason', 'asked', '--key', 'k1');
    rmSync(ledger);
    expect(await gifts('restore', file)).toMatchObject({
      code: EXIT.failed,
      err: expect.stringContaining('gifts would be lost'),
    });
    expect((await gifts('restore', file, '--accept-loss')).out).toBe(
      `4 records in ${ledger}, checked, 1 records given up\n`,
    );
    expect((await gifts('reconcile')).code).toBe(EXIT.ok);
  });

  it.each([
    [['redeliver'], /ids, or --dead/],
    [['redeliver', '1', '--dead'], /ids, or --dead/],
    [['redeliver', 'x'], /integers from 1/],
    [['list', '--from', 'yesterday'], /no day/],
    [['list', '--from', '2026-01-31T09:00'], /no time/],
    [['list', '--from', '2026-02-01', '--to', '2026-01-31'], /not before/],
    [['list', '--tz', 'Mars'], /no time zone/],
    [['refund', 'jti-1', '--amount', '0.5', '--reason', 'r', '--key', 'k'], /integers from 1/],
    [['void', 'jti-1', '--reason', 'r'], /--key/],
    [['export', '--format', 'xml'], /jsonl, csv/],
  ])('%j is wrong usage', async (args, text) => {
    expect(await gifts(...args)).toMatchObject({ code: EXIT.usage, out: '', err: expect.stringMatching(text) });
  });

  it.each([['list'], ['reconcile'], ['dead'], ['backup', 'x'], ['redeliver', '--dead']])(
    '%s makes no ledger where there is none',
    async (...args) => {
      const absent = join(dir, 'absent.db');
      const { code, err } = await call('gifts', ...args, '--ledger', absent);
      expect([code, err]).toEqual([EXIT.failed, expect.stringContaining('there is no ledger')]);
      expect(existsSync(absent)).toBe(false);
    },
  );
});
