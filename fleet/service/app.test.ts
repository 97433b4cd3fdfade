import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { mintToken, openTokenKeys, readSharedKey, TokenVerifier } from '@hayate/relay';
import type { KnownRelay } from '@hayate/relay/directory';
import { afterAll, expect, it } from 'vitest';
import { collectedLog } from '../../relay/test/collected-log.ts';
import { fleetApp, type Target } from './app.ts';

const relay: KnownRelay = {
  ...{ id: 'jp-1', region: 'jp', url: 'https://jp-1.example.com/v1', certificateHashes: ['ab'], draining: false },
  ...{ trunk: { host: '192.0.2.1', port: 1 }, loadFresh: true },
  load: { viewers: 0, rooms: 0, cpu: 0.25, egressBps: 0 },
};
const wishes: object[] = [];
let targets: Target[] | undefined;
const folder = mkdtempSync(join(tmpdir(), 'hayate-fleet-app-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const keyFile = join(folder, 'token.key');
writeFileSync(keyFile, Buffer.alloc(32, 7).toString('base64url'));
const key = readSharedKey(keyFile);
const keys = await openTokenKeys({ keyFile }, collectedLog().log);
const verifier = new TokenVerifier({ keys });
const app = fleetApp({
  fleet: {
    place: async (wish) => {
      wishes.push(wish);
      if (wish.room === 'full') throw new HayateError('overloaded', 'no relay has room', { retryable: true });
      return { placement: undefined, relays: [relay] };
    },
    replace: async (wish) => {
      wishes.push(wish);
      const placement = { relay: 'jp-2', region: 'jp', fullness: 0.5, stretched: false };
      return { placement, relays: [{ ...relay, id: 'jp-2' }, relay] };
    },
    shift: async ({ from, to, percent, dryRun = false }) => {
      if (to === 'nobody') throw new HayateError('invalid_argument', 'no provider nobody with zones');
      const regions = {
        jp: { before: { [from]: 100, [to]: 0 }, after: { [from]: 100 - percent, [to]: percent }, relays: 2 },
      };
      return { dryRun, regions };
    },
    release: async ({ machine }) => {
      if (machine === 'jp-1') throw new HayateError('invalid_argument', 'jp-1 is serving, not lost');
      return { label: `hayate-${machine}` };
    },
    status: () => ({ owner: 'a' }) as never,
  },
  targets: () => targets,
  metrics: () => '# a page\n',
  isService: (header) => header === 'Bearer right',
  verifier,
  key,
  nowMs: () => 1_000_000,
});
const post = async (body: unknown, token = 'right', path = '/v1/rooms') => {
  const answer = await app.request(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return { status: answer.status, retry: answer.headers.get('retry-after'), body: (await answer.json()) as object };
};

it('answers with relays, and with a token for a liver that is named', async () => {
  const { status, body } = await post({ room: 'r', region: 'jp', viewers: 40, liver: 'ann' });
  expect(status).toBe(200);
  expect(wishes.at(-1)).toEqual({ room: 'r', region: 'jp', viewers: 40 });
  expect(body).toMatchObject({ room: 'r', relays: [{ id: 'jp-1', load: 0.25, certificateHashes: ['ab'] }] });
  const [, claims] = (body as { tokens: { liver: string } }).tokens.liver.split('.');
  expect(JSON.parse(Buffer.from(claims!, 'base64url').toString())).toMatchObject({
    room: 'r',
    sub: 'ann',
    iat: 1000,
    exp: 4600,
  });
  expect((await post({ room: 'r' })).body).not.toHaveProperty('tokens');
});

it('refuses who has no token, what it does not know, and what is too much', async () => {
  expect(await post({ room: 'r' }, 'wrong')).toMatchObject({ status: 401, body: { code: 'token_invalid' } });
  expect(await post({ room: 'r', colour: 'red' })).toMatchObject({ status: 400, body: { code: 'invalid_argument' } });
  expect(await post({ room: 'full' })).toMatchObject({
    status: 503,
    retry: '5',
    body: { code: 'overloaded', retryable: true },
  });
  expect((await app.request('/v1/fleet')).status).toBe(401);
  expect((await app.request('/healthz')).status).toBe(200);
});

it('shifts relays between providers for who has the token, and refuses what makes no sense', async () => {
  const shift = (body: object, token?: string) =>
    post({ from: 'a', to: 'b', percent: 25, ...body }, token, '/v1/shift');
  expect(await shift({})).toMatchObject({
    status: 200,
    body: { dryRun: false, regions: { jp: { after: { b: 25 } } } },
  });
  expect(await shift({ dryRun: true })).toMatchObject({ body: { dryRun: true } });
  expect(await shift({}, 'wrong')).toMatchObject({ status: 401 });
  for (const wrong of [{ percent: 101 }, { to: 'nobody' }, { colour: 'red' }]) {
    expect(await shift(wrong)).toMatchObject({ status: 400, body: { code: 'invalid_argument' } });
  }
});

it('releases a machine for who has the token and says what becomes of its gifts', async () => {
  const release = (body: object, token?: string) =>
    post({ machine: 'jp-2', gifts: 'recovered', by: 'ann', ...body }, token, '/v1/release');
  expect(await release({})).toMatchObject({ status: 200, body: { label: 'hayate-jp-2' } });
  expect(await release({}, 'wrong')).toMatchObject({ status: 401 });
  for (const wrong of [{ gifts: undefined }, { gifts: 'lost' }, { by: '' }, { machine: 'jp-1' }]) {
    expect(await release(wrong)).toMatchObject({ status: 400, body: { code: 'invalid_argument' } });
  }
});

it('tells Prometheus where metrics are, without a token, and nothing while it does not know', async () => {
  expect((await app.request('/v1/targets')).status).toBe(503);
  targets = [{ targets: ['192.0.2.1:9464'], labels: { relay: 'jp-1', region: 'jp' } }];
  const answer = await app.request('/v1/targets');
  expect([answer.status, await answer.json()]).toEqual([200, targets]);
});

it('tells a client with a token of the room where to go, and marks the relay that was chosen', async () => {
  const token = await mintToken(key, { room: 'r', sub: 'ann', roles: ['viewer'], nowMs: 1_000_000 });
  const ask = (room: string, bearer: string) =>
    app.request(`/v1/rooms/${room}/relays?region=jp&left=https%3A%2F%2Fjp-9%2Fv1`, {
      headers: { authorization: `Bearer ${bearer}`, origin: 'https://app.example' },
    });
  const answer = await ask('r', token);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  expect(await answer.json()).toMatchObject({ relays: [{ id: 'jp-2', placed: true }, { id: 'jp-1' }] });
  expect(wishes.at(-1)).toEqual({ room: 'r', region: 'jp', left: 'https://jp-9/v1' });
  expect((await ask('r', 'right')).status).toBe(200);
  // Another room's, none, and the one that opens nothing else.
  expect((await ask('other', token)).status).toBe(401);
  expect((await app.request('/v1/rooms/r/relays')).status).toBe(401);
  expect(await post({ room: 'r' }, token)).toMatchObject({ status: 401 });
  const ended = await mintToken(key, { room: 'r', sub: 'ann', roles: ['viewer'], nowMs: 1, ttlSeconds: 1 });
  expect((await ask('r', ended)).status).toBe(401);
});

it('lets pages of any origin ask with a token', async () => {
  const headers = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
  const preflight = await app.request('/v1/rooms/r/relays', {
    method: 'OPTIONS',
    headers: { ...headers, 'access-control-request-headers': 'authorization' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization');
  expect((await app.request('/v1/rooms', { method: 'OPTIONS', headers })).status).toBe(401);
});

it('shows Prometheus its page without a token', async () => {
  const answer = await app.request('/metrics');
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  expect(await answer.text()).toBe('# a page\n');
});
