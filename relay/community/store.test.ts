import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryCommunityStore } from './memory.ts';
import { openSqliteCommunity } from './sqlite/client.ts';
import { SqliteStore, type StoreMethod } from './sqlite/store.ts';
import { type Ban, type NewAuditEntry, VISIT_GAP_MS } from './types.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hayate-community-'));
  path = join(folder, 'sub', 'community.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Few values, so that repeats and crowded rooms are common; beyond ASCII, since order is by bytes of UTF-8. */
const room = fc.constantFrom('a', 'b', '部屋', '\u{1f300}', '\uff5e');
const subject = fc.constantFrom('ann', 'bo', '星', '');
const times = fc.integer({ min: 1, max: 9 }).map((n) => n * VISIT_GAP_MS);
const shared = { by: fc.constant('mod'), reason: fc.constantFrom('', 'spam'), atMs: times };
const entry: fc.Arbitrary<NewAuditEntry> = fc.record({
  atMs: times,
  room: fc.option(room),
  via: fc.constantFrom('api', 'session'),
  actor: subject,
  action: fc.constantFrom('ban', 'mute', 'close'),
  target: fc.option(subject),
  detail: fc.option(fc.constant('d')),
});
const revocation = fc.oneof(
  fc.record({ kind: fc.constant('token' as const), jti: subject, untilMs: times, ...shared }),
  fc.record({ kind: fc.constant('subject' as const), subject, notBeforeMs: times, untilMs: times, ...shared }),
);
const change = fc.option(
  fc.oneof(
    fc.record({ do: fc.constant('ban'), ban: fc.record({ room, subject, untilMs: fc.option(times), ...shared }) }),
    fc.record({ do: fc.constant('unban'), room, subject }),
    fc.record({ do: fc.constant('revoke'), revocation }),
    fc.record({ do: fc.constant('unrevoke'), kind: fc.constantFrom('token', 'subject'), value: subject }),
  ),
  { nil: undefined },
);
const limit = fc.integer({ min: 1, max: 5 });
const call: fc.Arbitrary<{ method: StoreMethod; args: unknown[] }> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(entry, change).map((args) => ({ method: 'record' as const, args })) },
  { weight: 4, arbitrary: fc.tuple(room, subject, times).map((args) => ({ method: 'visit' as const, args })) },
  { weight: 1, arbitrary: fc.tuple(room, subject, times).map((args) => ({ method: 'left' as const, args })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ nowMs: times, visitsBeforeMs: times, maxVisits: fc.nat(8), auditBeforeMs: times, limit })
      .map((options) => ({ method: 'prune' as const, args: [options] })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ room: fc.option(room, { nil: undefined }), afterId: fc.nat(5), limit })
      .map((query) => ({ method: 'audit' as const, args: [query] })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.option(room, { nil: undefined }), fc.option(fc.record({ room, subject }), { nil: undefined }), limit)
      .map((args) => ({ method: 'bans' as const, args })),
  },
);
type Call = (...args: unknown[]) => unknown;

describe('the store', () => {
  it('agrees with its model on every answer and all it holds, with crashes before and after commits', async () => {
    let run = 0;
    const batch = fc.record({
      calls: fc.array(call, { minLength: 1, maxLength: 10 }),
      crash: fc.constantFrom('no', 'no', 'before commit', 'after commit'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), async (batches) => {
        const model = new MemoryCommunityStore();
        let file = join(folder, `${++run}`, 'c.db');
        let store = new SqliteStore(file);
        const left: SqliteStore[] = [];
        /** The process dies: its files stay as they are at this moment, the next one opens them. */
        const crash = () => {
          const next = join(folder, `${++run}`);
          cpSync(join(file, '..'), next, { recursive: true, filter: (each) => !each.endsWith('-shm') });
          left.push(store);
          file = join(next, 'c.db');
          store = new SqliteStore(file);
        };
        const all = { room: undefined, afterId: 0, limit: 1000 };
        for (const { calls, crash: when } of batches) {
          const ask = ({ method, args }: (typeof calls)[0]) => (store[method] as Call)(...structuredClone(args));
          if (when === 'before commit') {
            store.begin(true);
            calls.map(ask);
            crash();
          }
          store.begin(calls.some(({ method }) => method === 'record'));
          const answers = calls.map(ask);
          store.commit();
          const expected: unknown[] = [];
          for (const { method, args } of calls) expected.push(await (model[method] as Call)(...structuredClone(args)));
          expect(answers).toEqual(expected);
          if (when === 'after commit') crash();
          expect(store.bans(undefined, undefined, 1000)).toEqual(await model.bans(undefined, undefined, 1000));
          expect(store.revocations(undefined, 1000)).toEqual(await model.revocations(undefined, 1000));
          expect(store.audit(all)).toEqual(await model.audit(all));
        }
        for (const each of [...left, store]) {
          each.rollback();
          each.close();
        }
      }),
      { seed: 20_261_129, numRuns: 80 },
    );
  }, 120_000);

  it('counts a return within half an hour as the same visit', async () => {
    for (const store of [new MemoryCommunityStore(), await openSqliteCommunity({ path })]) {
      const at = (minutes: number) => minutes * 60_000;
      expect(await store.visit('r', 'ann', at(1))).toEqual({ firstAtMs: at(1), lastAtMs: at(1), count: 1 });
      expect(await store.visit('r', 'ann', at(31))).toMatchObject({ count: 1 });
      await store.left('r', 'ann', at(200));
      expect(await store.visit('r', 'ann', at(230))).toMatchObject({ lastAtMs: at(200), count: 1 });
      expect(await store.visit('r', 'ann', at(261))).toEqual({ firstAtMs: at(1), lastAtMs: at(230), count: 2 });
      expect(await store.visit('q', 'ann', at(261))).toMatchObject({ count: 1 });
      await store.close();
    }
  });
});

describe('the file', () => {
  const ban: Ban = { room: 'r', subject: 'ann', by: 'mod', reason: '', atMs: 1, untilMs: null };
  const line: NewAuditEntry = {
    ...{ atMs: 1, room: 'r', via: 'session', actor: 'mod', action: 'ban', target: 'ann', detail: null },
  };

  it('keeps what was answered, over openings', async () => {
    const first = await openSqliteCommunity({ path });
    const answers = await Promise.all([
      first.record(line, { do: 'ban', ban }),
      first.visit('r', 'ann', 1),
      first.record(line),
    ]);
    expect(answers).toEqual([1, { firstAtMs: 1, lastAtMs: 1, count: 1 }, 2]);
    expect(first.waiting).toBe(0);
    await first.close();
    await first.close();
    await expect(first.visit('r', 'ann', 1)).rejects.toMatchObject({ code: 'internal', retryable: true });
    const second = await openSqliteCommunity({ path });
    expect([await second.bans('r', undefined, 10), await second.audit({ afterId: 1, limit: 10 })]).toEqual([
      [ban],
      [{ id: 2, ...line }],
    ]);
    await second.close();
  });

  it('refuses what is over its bound, and gauges return to zero', async () => {
    const store = await openSqliteCommunity({ path, maxWaiting: 2 });
    const calls = [1, 2, 3].map((n) => store.visit('r', `s${n}`, n));
    expect(store.waiting).toBe(2);
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    await expect(calls[2]).rejects.toMatchObject({ code: 'overloaded', retryable: true });
    expect(store.waiting).toBe(0);
    await store.close();
  });

  it('answers a call that the disk refused with an error, and goes on', async () => {
    const store = await openSqliteCommunity({ path });
    await store.visit('r', 'ann', 1);
    const other = new DatabaseSync(path);
    other.exec("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'no place'); END");
    await expect(store.record(line, { do: 'ban', ban })).rejects.toMatchObject({ code: 'internal', retryable: true });
    expect(await store.bans(undefined, undefined, 10)).toEqual([]);
    other.exec('DROP TRIGGER no');
    expect(await store.record(line, { do: 'ban', ban })).toBe(1);
    other.close();
    await store.close();
  });

  it('that is damaged, of another kind or newer is not opened', async () => {
    const open = (file: string) => openSqliteCommunity({ path: file });
    const refused = { code: 'invalid_argument', message: expect.stringContaining('community.file') };
    writeFileSync(join(folder, 'text'), 'not a database, but long enough to be taken for one'.repeat(100));
    await expect(open(join(folder, 'text'))).rejects.toMatchObject(refused);
    const other = new DatabaseSync(join(folder, 'other.db'));
    other.exec('CREATE TABLE t (x)');
    other.close();
    await expect(open(join(folder, 'other.db'))).rejects.toMatchObject(refused);
    await (await open(path)).close();
    const newer = new DatabaseSync(path);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    await expect(open(path)).rejects.toMatchObject(refused);
  });
});
