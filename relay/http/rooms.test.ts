import { codeError } from '@hayate/codec/messages';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Community } from '../community/index.ts';
import { MemoryCommunityStore } from '../community/memory.ts';
import { Counters } from '../telemetry/counters.ts';
import { FakeModeration } from '../test/moderation.ts';
import { serviceApp } from './service.ts';

const TOKEN = 't'.repeat(40);
const limits = { visitDays: 10, maxVisits: 1000, auditDays: 10 };
const summary = { room: 'r', members: 2, viewers: 1, livers: 1 };

let community: Community;
let store: MemoryCommunityStore;
let moderation: FakeModeration;
let banned: string[];
let app: ReturnType<typeof serviceApp>;
beforeEach(async () => {
  store = new MemoryCommunityStore();
  const log = pino({ level: 'silent' });
  community = await Community.open({ store, limits, counters: new Counters(), log });
  banned = [];
  community.subscribe({ banned: ({ subject }) => banned.push(subject), revoked: () => banned.push('revoked') });
  moderation = new FakeModeration();
  moderation.rooms.set('r', [
    { sub: 'mio', roles: ['liver'] },
    { sub: 'ann', name: 'Ann', roles: ['viewer'], isNew: true },
  ]);
  const rooms = { community, moderation, rooms: () => [summary], room: () => undefined };
  app = serviceApp({ isService: (header) => header === `Bearer ${TOKEN}`, rooms, perSecond: 1000, burst: 1000 });
});
afterEach(() => community.close());

async function ask(method: string, path: string, body?: unknown) {
  const answer = await app.request(path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>) };
}
const get = (path: string) => ask('GET', path);

describe('rooms', () => {
  it('are listed, with their people page by page', async () => {
    expect((await get('/v1/rooms')).body).toEqual({ count: 1, rooms: [summary] });
    expect((await get('/v1/rooms/r/members?limit=1')).body).toEqual({
      members: [{ sub: 'mio', roles: ['liver'] }],
      next: 'mio',
    });
    expect((await get('/v1/rooms/r/members?after=mio')).body).toEqual({
      members: [{ sub: 'ann', name: 'Ann', roles: ['viewer'], isNew: true }],
    });
    for (const path of ['/v1/rooms/q', '/v1/rooms/q/members']) {
      expect(await get(path)).toMatchObject({ status: 404, body: { code: 'no_such_room', retryable: false } });
    }
  });

  it.each([
    ['POST', '/mutes?by=eve', { sub: 'ann', seconds: 60 }, { action: 'mute', sub: 'ann', seconds: 60, reason: '' }],
    ['DELETE', '/mutes/ann?by=eve', undefined, { action: 'unmute', sub: 'ann' }],
    ['POST', '/kicks?by=eve', { sub: 'ann', reason: 'rude' }, { action: 'kick', sub: 'ann', reason: 'rude' }],
    ['PUT', '/slow-mode?by=eve', { seconds: 0 }, { action: 'slow', seconds: 0 }],
    ['POST', '/close?by=eve', {}, { action: 'close', reason: '' }],
    ['DELETE', '/comments/7?by=eve', undefined, { action: 'delete', n: 7 }],
    [
      'DELETE',
      `/members/${encodeURIComponent('a/b 星')}/comments?by=eve`,
      undefined,
      { action: 'delete', sub: 'a/b 星' },
    ],
  ])('are moderated: %s %s', async (method, path, body, order) => {
    expect((await ask(method, `/v1/rooms/r${path}`, body)).status).toBe(204);
    expect(moderation.orders).toEqual([['r', order, 'eve']]);
    expect(await ask(method, `/v1/rooms/q${path}`, body)).toMatchObject({
      status: 404,
      body: { code: 'no_such_room' },
    });
  });

  it('say what is not there', async () => {
    expect(await ask('POST', '/v1/rooms/r/kicks', { sub: 'bo' })).toMatchObject({
      status: 404,
      body: { code: 'no_such_member' },
    });
    expect(await ask('DELETE', '/v1/rooms/r/comments/404')).toMatchObject({ body: { code: 'no_such_comment' } });
  });

  it.each([
    ['POST', '/bans', {}],
    ['POST', '/bans', { sub: '' }],
    ['POST', '/bans', { sub: 'ann', seconds: 0 }],
    ['POST', '/bans', { sub: 'ann', reason: 'x'.repeat(201) }],
    ['POST', `/bans?by=${'x'.repeat(129)}`, { sub: 'ann' }],
    ['POST', '/mutes', { sub: 'ann', seconds: 1.5 }],
    ['PUT', '/slow-mode', { seconds: -1 }],
    ['DELETE', '/comments/x', undefined],
    ['GET', '/members?limit=0', undefined],
  ])('refuse %s %s %j', async (method, path, body) => {
    expect(await ask(method, `/v1/rooms/r${path}`, body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_argument' },
    });
    expect([moderation.orders, banned]).toEqual([[], []]);
  });
});

describe('bans', () => {
  it('hold at once, for rooms that are not open too, until they are over or taken back', async () => {
    const before = Date.now();
    const made = await ask('POST', '/v1/rooms/later/bans?by=eve', { sub: 'ann', seconds: 60, reason: 'spam' });
    expect(made).toMatchObject({ status: 200, body: { room: 'later', subject: 'ann', by: 'eve', reason: 'spam' } });
    expect(made.body!['untilMs']).toBeGreaterThanOrEqual(before + 60_000);
    expect(made.body!['untilMs']).toBeLessThanOrEqual(Date.now() + 60_000);
    for (const sub of ['bo', 'cy']) await ask('POST', '/v1/rooms/later/bans', { sub });
    expect(banned).toEqual(['ann', 'bo', 'cy']);
    expect(() => community.check({ sub: 'ann', room: 'later' })).toThrow(expect.objectContaining({ code: 'banned' }));
    const first = (await get('/v1/rooms/later/bans?limit=2')).body!;
    expect(first).toMatchObject({ bans: [{ subject: 'ann' }, { subject: 'bo', untilMs: null }], next: 'bo' });
    expect((await get('/v1/rooms/later/bans?limit=2&after=bo')).body).toMatchObject({ bans: [{ subject: 'cy' }] });
    expect((await ask('DELETE', '/v1/rooms/later/bans/ann')).status).toBe(204);
    expect((await ask('DELETE', '/v1/rooms/later/bans/ann')).status).toBe(204);
    expect(() => community.check({ sub: 'ann', room: 'later' })).not.toThrow();
  });

  it('that could not be written are answered with 503', async () => {
    store.record = () => Promise.reject(codeError('internal', 'the disk'));
    expect(await ask('POST', '/v1/rooms/r/bans', { sub: 'ann' })).toMatchObject({
      status: 503,
      body: { code: 'internal', retryable: true },
    });
    expect(banned).toEqual(['ann']);
  });
});

describe('revocations and the audit log', () => {
  it('take tokens back and say who did it', async () => {
    const token = await ask('POST', '/v1/revocations?by=eve', { kind: 'token', jti: 't1', seconds: 60 });
    expect(token).toMatchObject({ status: 200, body: { kind: 'token', jti: 't1', by: 'eve' } });
    const subject = await ask('POST', '/v1/revocations', { kind: 'subject', subject: 'ann', reason: 'left' });
    expect(subject).toMatchObject({ status: 200, body: { kind: 'subject', subject: 'ann', by: 'backend' } });
    expect(() => community.check({ sub: 'bo', room: 'r', jti: 't1' })).toThrow();
    expect(() => community.check({ sub: 'ann', room: 'r', iat: Date.now() / 1000 - 10 })).toThrow();
    expect((await get('/v1/revocations?kind=token')).body).toMatchObject({ revocations: [{ jti: 't1' }] });
    expect((await get('/v1/revocations?kind=subject')).body).toMatchObject({ revocations: [{ subject: 'ann' }] });
    expect((await get('/v1/revocations?kind=token&after=t1')).body).toEqual({ revocations: [] });
    expect((await ask('DELETE', '/v1/revocations/subject/ann')).status).toBe(204);
    expect(() => community.check({ sub: 'ann', room: 'r' })).not.toThrow();
    for (const wrong of [{ kind: 'token' }, { kind: 'subject', jti: 'x' }, { kind: 'all' }, {}]) {
      expect((await ask('POST', '/v1/revocations', wrong)).status, JSON.stringify(wrong)).toBe(400);
    }
    const first = (await get('/v1/audit?limit=2')).body!;
    expect(first).toMatchObject({
      entries: [
        { id: 1, via: 'api', actor: 'eve', action: 'revoke', target: 't1', room: null },
        { id: 2, actor: 'backend', action: 'revoke', target: 'ann', detail: 'subject: left' },
      ],
      next: 2,
      more: true,
    });
    expect((await get('/v1/audit?after=2')).body).toMatchObject({ entries: [{ action: 'unrevoke' }], more: false });
    expect((await get('/v1/audit?actor=eve')).body).toMatchObject({ entries: [{ id: 1 }] });
  });
});
