import { codeError } from '@hayate/codec/messages';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Counters } from '../telemetry/counters.ts';
import { Community } from './community.ts';
import { MemoryCommunityStore } from './memory.ts';

const by = { via: 'session', actor: 'mod' } as const;
const log = pino({ level: 'silent' });
const limits = { visitDays: 10, maxVisits: 100, auditDays: 10 };
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);

let now: number;
let store: MemoryCommunityStore;
let counters: Counters;
let community: Community;
let told: string[];
const open = async () => {
  const opened = await Community.open({ store, limits, counters, log, nowMs: () => now });
  opened.subscribe({
    banned: ({ room, subject }) => told.push(`${subject} from ${room}`),
    revoked: (isMeant) => {
      const tokens = [
        { sub: 'ann', jti: 't1' },
        { sub: 'ann', jti: 't2' },
        { sub: 'bo', iat: NOW / 1000 },
      ];
      told.push(JSON.stringify(tokens.map(isMeant)));
    },
  });
  return opened;
};
beforeEach(async () => {
  now = NOW;
  store = new MemoryCommunityStore();
  counters = new Counters();
  told = [];
  community = await open();
});
afterEach(() => community.close());

const codeOf = (sub: string, { room = 'r', ...marks }: { room?: string; jti?: string; iat?: number } = {}) => {
  try {
    community.check({ sub, room, ...marks });
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const ban = (subject: string, untilMs: number | null = null) =>
  community.ban({ room: 'r', subject, reason: 'spam', untilMs }, by);

describe('a ban', () => {
  it('keeps one person out of one room, until it is over or taken back, also after a restart', async () => {
    await ban('ann');
    await ban('bo', NOW + 1000);
    expect(told).toEqual(['ann from r', 'bo from r']);
    community = await open();
    expect([codeOf('ann'), codeOf('bo'), codeOf('cy'), codeOf('ann', { room: 'q' })]).toEqual([
      'banned',
      'banned',
      undefined,
      undefined,
    ]);
    now += 1000;
    expect([codeOf('ann'), codeOf('bo')]).toEqual(['banned', undefined]);
    expect([await community.unban('r', 'ann', by), await community.unban('r', 'ann', by)]).toEqual([true, false]);
    expect(codeOf('ann')).toBeUndefined();
    community = await open();
    expect([codeOf('ann'), community.stats()]).toEqual([undefined, { bans: 0, revocations: 0, waiting: 0 }]);
  });

  it('is listed while it is in force, page by page', async () => {
    for (const subject of ['a', 'b', 'c']) await ban(subject);
    await ban('b', NOW + 1);
    now += 1;
    const first = await community.bans('r', undefined, 2);
    expect(first).toMatchObject({ items: [{ subject: 'a' }], next: { room: 'r', subject: 'b' } });
    expect(await community.bans('r', first.next, 2)).toMatchObject({ items: [{ subject: 'c' }], next: undefined });
    expect((await community.bans('q', undefined, 2)).items).toEqual([]);
  });

  it('holds while the disk does not answer, and who asked for it hears that it is not durable', async () => {
    store.record = () => Promise.reject(codeError('internal', 'the disk'));
    await expect(ban('ann')).rejects.toMatchObject({ code: 'internal', retryable: true });
    expect([codeOf('ann'), told]).toEqual(['banned', ['ann from r']]);
  });
});

describe('a revocation', () => {
  const iat = NOW / 1000;
  it('of a token means that token, one of a subject all that were issued up to then', async () => {
    const untilMs = NOW + DAY_MS;
    await community.revoke({ kind: 'token', jti: 't1', reason: 'lost', untilMs }, by);
    await community.revoke({ kind: 'subject', subject: 'bo', notBeforeMs: NOW, reason: '', untilMs }, by);
    expect(told).toEqual(['[true,false,false]', '[false,false,true]']);
    community = await open();
    expect([codeOf('ann', { jti: 't1' }), codeOf('ann', { jti: 't2' }), codeOf('ann')]).toEqual([
      'token_revoked',
      undefined,
      undefined,
    ]);
    expect([codeOf('bo', { iat }), codeOf('bo'), codeOf('bo', { iat: iat + 1 }), codeOf('ann', { iat })]).toEqual([
      'token_revoked',
      'token_revoked',
      undefined,
      undefined,
    ]);
    expect(await community.unrevoke({ kind: 'subject', value: 'bo' }, by)).toBe(true);
    expect(codeOf('bo', { iat })).toBeUndefined();
    now = untilMs;
    expect(codeOf('ann', { jti: 't1' })).toBeUndefined();
    await community.prune();
    expect([community.stats().revocations, await store.revocations(undefined, 10)]).toEqual([0, []]);
  });
});

describe('what is remembered', () => {
  it('has a line for each action', async () => {
    await ban('ann', NOW + 1000);
    await community.audit({ room: 'r', ...by, action: 'mute', target: 'bo', detail: '60 s' });
    await community.unban('r', 'ann', { via: 'api', actor: 'backend' });
    await community.revoke({ kind: 'token', jti: 't1', reason: '', untilMs: NOW + 1 }, by);
    const lines = await community.auditLog({ afterId: 0, limit: 10 });
    expect(
      lines.map(({ id, room, via, actor, action, target, detail }) => [id, room, via, actor, action, target, detail]),
    ).toMatchInlineSnapshot(`
      [
        [
          1,
          "r",
          "session",
          "mod",
          "ban",
          "ann",
          "until 2026-01-01T00:00:01.000Z: spam",
        ],
        [
          2,
          "r",
          "session",
          "mod",
          "mute",
          "bo",
          "60 s",
        ],
        [
          3,
          "r",
          "api",
          "backend",
          "unban",
          "ann",
          null,
        ],
        [
          4,
          null,
          "session",
          "mod",
          "revoke",
          "t1",
          "token",
        ],
      ]
    `);
    expect((await community.auditLog({ room: 'r', actor: 'mod', afterId: 1, limit: 10 })).map(({ id }) => id)).toEqual([
      2,
    ]);
  });

  it('is lost rather than waited for: a disk that does not answer stops no join and no mute', async () => {
    store.visit = () => Promise.reject(codeError('overloaded', 'busy'));
    store.left = () => Promise.reject(codeError('overloaded', 'busy'));
    store.record = () => Promise.reject(codeError('internal', 'the disk'));
    expect(await community.visit('r', 'ann')).toBeUndefined();
    community.left('r', 'ann');
    await community.audit({ room: 'r', ...by, action: 'mute', target: 'bo', detail: null });
    expect([counters.total('community_visits_lost'), counters.total('community_audit_lost')]).toEqual([2, 1]);
  });

  it('goes when it is old or too much, however many rows that are', async () => {
    for (let n = 0; n < 5000; n++) await store.visit('r', `s${n}`, NOW + n);
    await ban('ann');
    await community.prune();
    expect((await community.visit('r', 's4899'))?.count).toBe(1);
    expect((await store.visit('r', 's4950', NOW + 4950)).firstAtMs).toBe(NOW + 4950);
    now += 11 * DAY_MS;
    await community.prune();
    expect(await community.auditLog({ afterId: 0, limit: 10 })).toEqual([]);
    expect((await store.visit('r', 's4950', now)).firstAtMs).toBe(now);
    // A ban for ever stays, whatever became of its line.
    expect(codeOf('ann')).toBe('banned');
  });
});
