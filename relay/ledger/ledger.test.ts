import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GiftTicket, type LocalLedger, MemoryLedger, openSqliteLedger } from './index.ts';

const NOW = 1_790_000_000_000;

function ticket(n: number, more: Partial<GiftTicket> = {}): GiftTicket {
  return {
    jti: `gift-${n}`,
    room: 'room',
    sender: 'ann',
    liver: 'mio',
    item: 'star',
    amount: 100 + n,
    currency: 'JPY',
    reg: 'jp',
    ...more,
  };
}

const bodies: { name: string; open(folder: string): Promise<LocalLedger> }[] = [
  { name: 'memory', open: async () => new MemoryLedger() },
  { name: 'sqlite', open: (folder) => openSqliteLedger({ path: join(folder, 'ledger.db') }) },
];

describe.each(bodies)('the ledger in $name', ({ open }) => {
  let folder: string;
  let ledger: LocalLedger;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hayate-ledger-'));
    ledger = await open(folder);
  });
  afterEach(async () => {
    await ledger.close();
    rmSync(folder, { recursive: true });
  });

  it('gives each room one sequence and the whole ledger one id', async () => {
    const rooms = ['a', 'b', 'a', 'a', 'b'];
    const receipts = await Promise.all(rooms.map((room, n) => ledger.claim(ticket(n, { room }), NOW + n)));
    expect(receipts.map(({ id, room, sequence }) => [id, room, sequence])).toEqual([
      [1, 'a', 1],
      [2, 'b', 1],
      [3, 'a', 2],
      [4, 'a', 3],
      [5, 'b', 2],
    ]);
    expect((await ledger.resume('a', 1, 10)).map(({ key, sequence }) => [key, sequence])).toEqual([
      ['gift-2', 2],
      ['gift-3', 3],
    ]);
    expect(await ledger.resume('a', 0, 1)).toHaveLength(1);
    expect(await ledger.resume('nowhere', 0, 10)).toEqual([]);
    expect(await ledger.head('a')).toEqual({ sequence: 3, id: 5 });
    expect(await ledger.head('nowhere')).toEqual({ sequence: 0, id: 5 });
    expect((await ledger.since(3, 10)).map(({ id }) => id)).toEqual([4, 5]);
  });

  it('answers a repeat with the first answer, also within one batch', async () => {
    const [first, again] = await Promise.all([
      ledger.claim(ticket(1, { shownAtMs: 7 }), NOW),
      ledger.claim(ticket(1), NOW + 5),
    ]);
    expect(first).toEqual({ id: 1, room: 'room', sequence: 1, atMs: NOW, repeat: false });
    expect(again).toEqual({ ...first, repeat: true });
    expect(await ledger.claim(ticket(1), NOW + 1e9)).toEqual({ ...first, repeat: true });
    expect(await ledger.resume('room', 0, 10)).toHaveLength(1);
    expect(await ledger.find('gift-1')).toMatchObject({ sequence: 1, amount: 101, shownAtMs: 7 });
    expect(await ledger.find('gift-2')).toBeUndefined();
    expect(ledger.stats()).toMatchObject({ waiting: 0, records: 1, repeats: 2 });
  });

  it.each(['room', 'sender', 'liver', 'item', 'currency', 'reg'] as const)(
    'refuses a jti again with another %s',
    async (name) => {
      await ledger.claim(ticket(1), NOW);
      await expect(ledger.claim(ticket(1, { [name]: 'XXX' }), NOW)).rejects.toMatchObject({
        code: 'gift_conflict',
        retryable: false,
      });
      await expect(ledger.claim(ticket(1, { amount: 1 }), NOW)).rejects.toMatchObject({ code: 'gift_conflict' });
      expect(await ledger.since(0, 10)).toHaveLength(1);
    },
  );

  it.each<[string, Partial<GiftTicket>]>([
    ['half a yen', { amount: 0.5 }],
    ['nothing', { amount: 0 }],
    ['more than an integer holds', { amount: 2 ** 53 }],
    ['a currency in words', { currency: 'yen' }],
    ['an empty jti', { jti: '' }],
    ['half a surrogate', { sender: '\ud800' }],
    ['a zero character', { item: 'a\0b' }],
    ['a long room', { room: 'r'.repeat(129) }],
  ])('refuses %s', async (_, wrong) => {
    await expect(ledger.claim(ticket(1, wrong), NOW)).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(await ledger.since(0, 10)).toEqual([]);
  });

  it('takes back no more than there is', async () => {
    await ledger.claim(ticket(1, { amount: 100 }), NOW);
    await ledger.claim(ticket(2, { amount: 100 }), NOW);
    const half = { kind: 'refund', key: 'half', gift: 'gift-1', amount: 50, reason: 'asked' } as const;
    const first = await ledger.amend(half, NOW + 1);
    expect(first).toEqual({ id: 3, room: 'room', sequence: 3, atMs: NOW + 1, repeat: false });
    expect(await ledger.amend(half, NOW + 2)).toEqual({ ...first, repeat: true });
    await expect(ledger.amend({ ...half, amount: 40 }, NOW)).rejects.toMatchObject({ code: 'gift_conflict' });
    await expect(ledger.amend({ ...half, key: 'more', amount: 51 }, NOW)).rejects.toMatchObject({
      code: 'gift_amended',
    });
    const all = { kind: 'void', key: 'all', gift: 'gift-1', reason: 'fraud' } as const;
    await expect(ledger.amend(all, NOW)).rejects.toMatchObject({ code: 'gift_amended' });
    await expect(ledger.amend({ ...all, gift: 'gift-9' }, NOW)).rejects.toMatchObject({ code: 'gift_unknown' });
    expect(await ledger.amend({ ...all, gift: 'gift-2' }, NOW + 3)).toMatchObject({ sequence: 4 });
    await expect(ledger.amend({ ...half, key: 'x', gift: 'gift-2', amount: 1 }, NOW)).rejects.toMatchObject({
      code: 'gift_amended',
    });
    expect(await ledger.resume('room', 2, 10)).toMatchObject([
      { kind: 'refund', key: 'half', gift: 'gift-1', amount: 50, liver: 'mio', sender: 'ann', reason: 'asked' },
      { kind: 'void', key: 'all', gift: 'gift-2', amount: 100, currency: 'JPY', reason: 'fraud' },
    ]);
  });

  it('reads a time of one liver page by page, set clocks or not', async () => {
    for (const [n, atMs] of [5, 3, 3, 9, 4].entries()) {
      await ledger.claim(ticket(n, { liver: n === 4 ? 'rin' : 'mio' }), NOW + atMs);
    }
    await ledger.settle([{ id: 2, outcome: 'delivered', atMs: NOW + 50 }]);
    const query = { fromMs: NOW + 3, toMs: NOW + 9, liver: 'mio' };
    const first = await ledger.read(query, undefined, 2);
    expect(first.records.map(({ id, deliveredAtMs }) => [id, deliveredAtMs])).toEqual([
      [2, NOW + 50],
      [3, null],
    ]);
    const second = await ledger.read(query, first.next, 2);
    expect(second.records.map(({ id }) => id)).toEqual([1]);
    expect(second.next).toBeUndefined();
    const all = await ledger.read({ fromMs: 0, toMs: NOW * 2 }, undefined, 1000);
    expect(all.records.map(({ id }) => id)).toEqual([2, 3, 5, 1, 4]);
  });

  it('keeps what is to be delivered until it is', async () => {
    for (let n = 1; n <= 4; n++) await ledger.claim(ticket(n), NOW);
    await ledger.settle([
      { id: 1, outcome: 'delivered', atMs: NOW },
      { id: 2, outcome: 'retry', nextAtMs: NOW + 100 },
      { id: 3, outcome: 'dead' },
      { id: 99, outcome: 'delivered', atMs: NOW },
    ]);
    const due = async (nowMs: number) =>
      (await ledger.outbox(nowMs, 10)).map(({ record, attempts }) => [record.id, attempts]);
    expect(await due(NOW)).toEqual([[4, 0]]);
    expect(await due(NOW + 100)).toEqual([
      [2, 1],
      [4, 0],
    ]);
    expect(await ledger.deadLetters(0, 10)).toMatchObject([{ record: { id: 3 }, attempts: 1 }]);
    expect(await ledger.deadLetters(3, 10)).toEqual([]);
    expect(await ledger.redeliver([1, 3, 99])).toBe(2);
    expect(await due(NOW)).toEqual([
      [1, 0],
      [3, 0],
      [4, 0],
    ]);
  });

  it('moves cursors forward only', async () => {
    expect(await ledger.cursor('backend')).toBe(0);
    await ledger.moveCursor('backend', 7);
    await ledger.moveCursor('backend', 5);
    await ledger.moveCursor('other', 1);
    expect([await ledger.cursor('backend'), await ledger.cursor('other')]).toEqual([7, 1]);
  });

  it('takes nothing after close', async () => {
    await ledger.close();
    await ledger.close();
    await expect(ledger.claim(ticket(1), NOW)).rejects.toMatchObject({ code: 'ledger_closed', retryable: true });
  });
});
