import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Amendment, type GiftTicket, type LedgerRecord, MemoryLedger, openSqliteLedger } from './index.ts';
import { type Answer, type Request, runBatch } from './sqlite/requests.ts';
import { LedgerStore } from './sqlite/store.ts';

const SEED = 20_261_123;
const FOREVER = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };

/** Few values, so that repeats, conflicts and crowded rooms are common. */
const few = (name: string, count: number) => fc.integer({ min: 1, max: count }).map((n) => `${name}-${n}`);
const ticket: fc.Arbitrary<GiftTicket> = fc.record({
  jti: few('jti', 12),
  room: few('room', 2),
  sender: few('sender', 1),
  liver: few('liver', 1),
  item: few('item', 1),
  amount: fc.constantFrom(100, 100, 100, 250),
  currency: fc.constant('JPY'),
  reg: fc.constant('jp'),
});
const amendment: fc.Arbitrary<Amendment> = fc
  .record({
    kind: fc.constantFrom('void', 'refund'),
    key: few('key', 6),
    gift: few('jti', 12),
    amount: fc.constantFrom(30, 70),
  })
  .map(({ kind, amount, ...rest }) =>
    kind === 'void' ? { ...rest, kind: 'void', reason: 'r' } : { ...rest, kind: 'refund', amount, reason: 'r' },
  );
const call = fc.oneof(
  { weight: 6, arbitrary: ticket.map((each) => ({ method: 'claim' as const, args: [each] })) },
  { weight: 2, arbitrary: amendment.map((each) => ({ method: 'amend' as const, args: [each] })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 15 }), fc.constantFrom('delivered', 'retry', 'dead'))
      .map(([id, outcome]) => ({ method: 'settle' as const, args: [[{ id, outcome, atMs: 9, nextAtMs: 5 }]] })),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 15 }).map((id) => ({ method: 'redeliver' as const, args: [[id]] })),
  },
  { weight: 1, arbitrary: fc.nat(20).map((id) => ({ method: 'moveCursor' as const, args: ['backend', id] })) },
);
type Call = Pick<Request, 'method' | 'args'>;

const batch = fc.record({
  calls: fc.array(call, { minLength: 1, maxLength: 8 }),
  /** A crash after so many calls and before the commit, after it, or none. */
  crash: fc.constantFrom('no', 'no', 'no', 'before commit', 'after commit'),
});

function timed({ method, args }: Call, nowMs: number): Call {
  return { method, args: method === 'claim' || method === 'amend' ? [...args, nowMs] : args };
}

async function modelAnswer(model: MemoryLedger, { method, args }: Call): Promise<unknown> {
  try {
    return {
      value: await (model[method] as (...args: readonly unknown[]) => Promise<unknown>).apply(model, [...args]),
    };
  } catch (error) {
    return { code: (error as { code: string }).code };
  }
}

const plain = (answer: Answer) => ('fault' in answer ? { code: answer.fault.code } : { value: answer.value });

async function expectSame(store: LedgerStore, model: MemoryLedger): Promise<void> {
  expect(store.since(0, 1000)).toEqual(await model.since(0, 1000));
  for (const room of ['room-1', 'room-2']) expect(store.resume(room, 1, 3)).toEqual(await model.resume(room, 1, 3));
  expect(store.head('room-1')).toEqual(await model.head('room-1'));
  expect(store.read(FOREVER, undefined, 7)).toEqual(await model.read(FOREVER, undefined, 7));
  expect(store.outbox(5, 1000)).toEqual(await model.outbox(5, 1000));
  expect(store.outbox(4, 1000)).toEqual(await model.outbox(4, 1000));
  expect(store.outbox(5, 3, 2)).toEqual(await model.outbox(5, 3, 2));
  expect(store.deadLetters(0, 1000)).toEqual(await model.deadLetters(0, 1000));
  expect(store.cursor('backend')).toBe(await model.cursor('backend'));
}

describe('the ledger against its model', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hayate-property-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('agrees on every answer and every record, with crashes between writes and commits', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 8 }), async (batches) => {
        run++;
        let lives = 0;
        let path = join(folder, `${run}-0`, 'ledger.db');
        const left: LedgerStore[] = [];
        let store = new LedgerStore(path);
        const model = new MemoryLedger();
        /** The process dies: its files stay as they are at this moment, the next one opens them. */
        const crash = () => {
          const next = join(folder, `${run}-${++lives}`);
          const before = join(path, '..');
          cpSync(before, next, { recursive: true, filter: (file) => !file.endsWith('-shm') });
          left.push(store);
          path = join(next, 'ledger.db');
          store = new LedgerStore(path);
        };
        let nowMs = 1000;
        for (const { calls, crash: when } of batches) {
          const requests = calls.map((each, id) => ({ id, ...timed(each, nowMs++) }) as Request);
          if (when === 'before commit') {
            store.begin();
            for (const { method, args } of requests) {
              try {
                (store[method] as (...args: readonly unknown[]) => unknown).apply(store, [...args]);
              } catch {
                // Refused; the batch is lost anyway.
              }
            }
            crash();
            await expectSame(store, model);
          }
          const expected: unknown[] = [];
          for (const request of requests) expected.push(await modelAnswer(model, request));
          const { answers, end } = runBatch(store, requests);
          expect(end).toBeUndefined();
          expect(answers.map(plain)).toEqual(expected);
          if (when === 'after commit') crash();
        }
        await expectSame(store, model);
        for (const each of [...left, store]) {
          each.rollback();
          each.close();
        }
        for (let life = 0; life <= lives; life++) rmSync(join(folder, `${run}-${life}`), { recursive: true });
      }),
      { seed: SEED, numRuns: 60 },
    );
  }, 120_000);

  it('keeps what it acked when its thread is ended at any moment, and takes the rest again', async () => {
    let run = 0;
    let cutShort = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }), async (turns) => {
        const path = join(folder, `thread-${++run}`, 'ledger.db');
        const acked = new Map<string, unknown>();
        const tickets = Array.from({ length: 60 }, (_, n): GiftTicket => {
          const room = `room-${n % 3}`;
          return { jti: `jti-${n}`, room, sender: 's', liver: 'l', item: 'i', amount: 1, currency: 'JPY', reg: 'jp' };
        });
        for (const wait of [...turns, undefined]) {
          const ledger = await openSqliteLedger({ path, batch: 4 });
          const claims = tickets.map(async (each) => {
            const { repeat: _, ...place } = await ledger.claim(each, 1);
            const before = acked.get(each.jti);
            if (before) expect(place).toEqual(before);
            acked.set(each.jti, place);
          });
          const all = Promise.allSettled(claims);
          if (wait === undefined) await ledger.close();
          else {
            // Turns of the event loop, not time: the answers of a batch come in one.
            for (let n = 0; n < wait; n++) await new Promise((resolve) => setImmediate(resolve));
            await ledger.abort();
          }
          for (const each of await all) {
            if (each.status === 'fulfilled') continue;
            cutShort++;
            expect(each.reason).toMatchObject({ code: 'ledger_closed', retryable: true });
          }
        }
        expect(acked.size).toBe(tickets.length);
        const store = new LedgerStore(path);
        const records: LedgerRecord[] = store.since(0, 1000);
        store.close();
        expect(records.map(({ id, room, sequence, atMs }) => ({ id, room, sequence, atMs }))).toEqual(
          records.map(({ key }) => acked.get(key)),
        );
        expect(records.map(({ id }) => id)).toEqual(tickets.map((_, n) => n + 1));
        expect(existsSync(`${path}-wal`)).toBe(false);
      }),
      { seed: SEED, numRuns: 6 },
    );
    expect(cutShort).toBeGreaterThan(0);
  }, 120_000);
});
