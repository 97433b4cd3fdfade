import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bodies, type Rig } from '../test/bodies.ts';

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await bodies[0]!.start();
  token = readFileSync(join(rig.stateDir, 'service.token'), 'utf8').trim();
});
afterAll(() => rig.close());

async function ask(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(rig.relay.apiAddress + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
}

it('the backend sees who is in a room, and mutes, kicks and bans whoever it likes', async () => {
  const mio = await rig.join({ room: 'api', sub: 'mio', roles: ['liver'] });
  const ann = await rig.join({ room: 'api', sub: 'ann', name: 'Ann', roles: ['viewer'] });
  const bo = await rig.join({ room: 'api', sub: 'bo', roles: ['viewer'] });
  expect((await ask('GET', '/v1/rooms/api/members?limit=2')).body).toMatchObject({
    members: [
      { sub: 'mio', roles: ['liver'] },
      { sub: 'ann', name: 'Ann' },
    ],
    next: 'ann',
  });
  expect((await ask('GET', '/v1/rooms/api/members?after=ann')).body).toMatchObject({ members: [{ sub: 'bo' }] });

  await ann.openComments();
  expect(await ann.comment('before')).toMatchObject({ t: 'done' });
  expect((await ask('POST', '/v1/rooms/api/mutes', { sub: 'ann' })).status).toBe(204);
  expect(await ann.comment('muted')).toMatchObject({ code: 'muted' });
  expect((await ask('DELETE', '/v1/rooms/api/mutes/ann')).status).toBe(204);
  expect(await ann.comment('again')).toMatchObject({ t: 'done', n: 2 });
  expect((await ask('DELETE', '/v1/rooms/api/comments/2')).status).toBe(204);
  expect(await ask('DELETE', '/v1/rooms/api/comments/2')).toMatchObject({
    status: 404,
    body: { code: 'no_such_comment' },
  });

  expect((await ask('POST', '/v1/rooms/api/kicks', { sub: 'bo' })).status).toBe(204);
  expect(await bo.ended()).toMatchObject({ closeCode: 303 });
  expect(await ask('POST', '/v1/rooms/api/kicks', { sub: 'bo' })).toMatchObject({ body: { code: 'no_such_member' } });
  await rig.join({ room: 'api', sub: 'bo' });

  // A liver too, and only here: the same person stays in another room.
  const elsewhere = await rig.join({ room: 'other', sub: 'mio' });
  expect((await ask('POST', '/v1/rooms/api/bans?by=eve', { sub: 'mio', reason: 'fraud' })).status).toBe(200);
  expect(await mio.ended()).toMatchObject({ closeCode: 304 });
  const back = await rig.connect();
  await back.open({ t: 'hello', v: 1, token: await rig.token({ room: 'api', sub: 'mio' }) });
  expect(await back.ended()).toMatchObject({ closeCode: 304 });
  expect(elsewhere.end).toBeUndefined();

  expect((await ask('POST', '/v1/rooms/api/close', {})).status).toBe(204);
  expect(await ann.ended()).toMatchObject({ closeCode: 302 });
  const { body } = await ask('GET', '/v1/audit?room=api');
  const lines = (body as { entries: { via: string; actor: string; action: string; target: string | null }[] }).entries;
  expect(lines.map(({ via, actor, action, target }) => [via, actor, action, target])).toEqual([
    ['api', 'backend', 'mute', 'ann'],
    ['api', 'backend', 'unmute', 'ann'],
    ['api', 'backend', 'delete', '2'],
    ['api', 'backend', 'kick', 'bo'],
    ['api', 'eve', 'ban', 'mio'],
    ['api', 'backend', 'close', null],
  ]);
});

it('a revoked token ends its session and no other', async () => {
  const first = await rig.join({ room: 'revoked', sub: 'ann', jti: 't1' });
  const second = await rig.join({ room: 'revoked', sub: 'ann', jti: 't2' });
  await ask('POST', '/v1/revocations', { kind: 'token', jti: 't1' });
  expect(await first.ended()).toMatchObject({ closeCode: 204 });
  expect(second.end).toBeUndefined();
  await ask('POST', '/v1/revocations', { kind: 'subject', subject: 'ann' });
  expect(await second.ended()).toMatchObject({ closeCode: 204 });
});
