import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodies, type Rig } from '../test/bodies.ts';
import { httpApp } from './app.ts';

const memory = bodies[0]!;
let rig: Rig;
const long = 'let a = 1;\n'.repeat(1000);
const page = new Map([
  ['/', { type: 'text/html', body: '<p>hi</p>' }],
  ['/long.js', { type: 'text/javascript', body: long }],
  ['/model.task', { type: 'application/octet-stream', body: long }],
]);
beforeAll(async () => {
  rig = await memory.start({}, { assets: page });
});
afterAll(() => rig.close());

const get = (path: string, init?: RequestInit) => fetch(rig.relay.httpAddress + path, init);
const post = (body: unknown) =>
  get('/v1/rooms', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** `/rooms/:room` to `/rooms/{room}`. */
const asInDocument = (route: string) => route.replace(/:(\w+)/g, '{$1}');

describe('HTTP API', () => {
  it('lists every route in its OpenAPI document', async () => {
    const doc = (await (await get('/openapi.json')).json()) as { paths: Record<string, Record<string, unknown>> };
    const listed = Object.entries(doc.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const app = httpApp({
      backend: {
        ready: () => true,
        info: () => ({ url: '', certificateHashes: [], transport: 'engine' }),
        rooms: () => [],
        room: () => undefined,
        candidates: () => [],
        grant: async () => Promise.reject(new Error('not asked')),
        ticket: async () => Promise.reject(new Error('not asked')),
        link: { profile: { id: '' }, profiles: [], set: () => {} },
      },
    });
    const routed = app.routes.filter((r) => r.method !== 'ALL').map((r) => `${r.method} ${r.path}`);
    const here = routed.filter((r) => r !== 'GET /openapi.json' && !r.endsWith('/v1/link'));
    expect(new Set(listed)).toEqual(new Set(here.map(asInDocument)));
    // Those of the link are there where it is emulated alone.
    expect(new Set(routed.filter((route) => route.endsWith('/v1/link'))).size).toBe(2);
    expect(listed).toHaveLength(8);
  });

  it('gives tokens that open the relay, in development', async () => {
    const answer = await post({ room: 'http', sub: 'ann', name: 'Ann' });
    expect(answer.status).toBe(200);
    const grant = (await answer.json()) as { url: string; tokens: { viewer: string; moderator: string } };
    expect(grant).toMatchObject({ room: 'http', url: rig.relay.url, transport: 'websocket', certificateHashes: [] });
    const client = await rig.connect();
    expect(await client.hello(grant.tokens.viewer)).toMatchObject({ sub: 'ann', name: 'Ann', roles: ['viewer'] });
    const welcome = await (await rig.connect()).hello(grant.tokens.moderator);
    expect(welcome).toMatchObject({
      roles: ['viewer', 'moderator'],
      permissions: expect.arrayContaining(['moderate']),
    });
    expect(await (await get('/v1/rooms')).json()).toEqual({
      count: 1,
      rooms: [{ room: 'http', members: 2, viewers: 0, livers: 0 }],
    });
  });

  it('answers pages of this machine, and no others', async () => {
    const ask = async (method: string, origin: string) => {
      const { status, headers } = await get('/v1/rooms', { method, headers: { origin } });
      return [status, headers.get('access-control-allow-origin')];
    };
    expect(await ask('OPTIONS', 'http://localhost:8000')).toEqual([204, 'http://localhost:8000']);
    expect(await ask('GET', 'https://[::1]:3000')).toEqual([200, 'https://[::1]:3000']);
    for (const origin of ['https://example.com', 'http://localhost.example.com', 'null']) {
      expect(await ask('GET', origin)).toEqual([200, null]);
      expect(await ask('OPTIONS', origin)).toEqual([404, null]);
    }
  });

  it('shows how a room delivers, and why', async () => {
    const liver = await rig.join({ room: 'seen' });
    await liver.request({ t: 'publish' });
    const viewer = await rig.join({ room: 'seen' });
    const { session } = await viewer.heard('welcome');
    await viewer.request({ t: 'watch' });
    const page = async () => (await (await get('/v1/rooms/seen')).json()) as { slowest: unknown[]; uplinks: unknown[] };
    await expect.poll(async () => (await page()).slowest.length).toBe(1);
    await expect.poll(async () => (await page()).uplinks.length, { timeout: 3000 }).toBe(1);
    expect(await page()).toMatchObject({
      room: 'seen',
      members: 2,
      viewers: 1,
      livers: 1,
      budgetMs: 100,
      classes: [{ voice: 1, repair: 'none', layer: 'all', viewers: 1 }],
      levels: [1, 0, 0, 0, 0, 0, 0, 0, 0],
      uplinks: [{ slot: 0, ask: { holdMs: 0, repair: 'none' } }],
      slowest: [{ session, why: 'conversation', spareMs: null, delivery: { voice: 1, holdMs: 0 } }],
    });
    expect((await get('/v1/rooms/unseen')).status).toBe(404);
  });

  it('gives a room a smaller lag budget on request, and none a greater one', async () => {
    const budget = async (room: string, budgetMs: number) => {
      const { tokens } = (await (await post({ room, budgetMs })).json()) as { tokens: { viewer: string } };
      return (await (await rig.connect()).hello(tokens.viewer)).budgetMs;
    };
    expect([await budget('quick', 60), await budget('slow', 1000)]).toEqual([60, 100]);
    expect((await (await get('/v1/rooms/quick')).json()) as object).toMatchObject({ budgetMs: 60 });
    expect((await post({ room: 'hasty', budgetMs: 1 })).status).toBe(400);
  });

  it.each([
    ['a wrong type', { room: 7 }],
    ['a long name', { room: 'r', name: 'x'.repeat(100) }],
    ['an endless token', { room: 'r', ttlSeconds: 1e9 }],
  ])('refuses %s with 400 and a code', async (_, body) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid_argument' });
  });

  it('refuses a body that is not JSON', async () => {
    const headers = { 'content-type': 'application/json' };
    const answer = await get('/v1/rooms', { method: 'POST', headers, body: '{' });
    expect(answer.status).toBe(400);
  });

  it('names the relays of a room to pages of any origin; a single one names itself, and says when it goes', async () => {
    const { relay, join, close } = await memory.start({ gifts: { region: 'jp' } });
    const ask = async () => {
      const answer = await fetch(`${relay.httpAddress}/v1/rooms/unopened/relays`);
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      return answer.json();
    };
    const itself = { id: 'relay', region: 'jp', url: relay.url, certificateHashes: [] };
    expect(await ask()).toEqual({ relays: [itself] });
    // Nothing else is for foreign pages.
    const other = await fetch(`${relay.httpAddress}/v1/relay`);
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    const viewer = await join();
    const drained = relay.drain({ deadlineMs: 60_000 });
    expect(await ask()).toEqual({ relays: [{ ...itself, draining: true }] });
    viewer.session.close();
    await drained;
    await close();
  });

  it('refuses a foreign Host, by which a page elsewhere could read tokens', async () => {
    const app = httpApp({
      backend: {
        ready: () => true,
        info: () => ({ url: '', certificateHashes: [], transport: 'engine' }),
        rooms: () => [],
        room: () => undefined,
        candidates: () => [],
        grant: undefined,
        ticket: undefined,
        link: undefined,
      },
      hosts: ['localhost', '::1'],
    });
    expect((await app.request('http://evil.example/v1/relay', { headers: { host: 'evil.example' } })).status).toBe(421);
    for (const host of ['localhost:8080', '[::1]:8080', 'localhost']) {
      expect((await app.request('http://x/v1/relay', { headers: { host } })).status, host).toBe(200);
    }
    expect((await app.request('http://x/v1/rooms', { method: 'POST', headers: { host: 'localhost' } })).status).toBe(
      404,
    );
  });

  it('compresses what is long enough and what gains by it, as the client can take it', async () => {
    const encoded = async (path: string, accept: string) => {
      const answer = await get(path, { headers: { 'accept-encoding': accept } });
      return [answer.headers.get('content-encoding'), (await answer.text()).length];
    };
    expect(await encoded('/long.js', 'gzip, deflate, br, zstd')).toEqual(['br', long.length]);
    expect(await encoded('/long.js', 'gzip;q=0.5, br;q=0')).toEqual(['gzip', long.length]);
    expect(await encoded('/long.js', 'identity')).toEqual([null, long.length]);
    expect(await encoded('/', 'br')).toEqual([null, 9]);
    expect(await encoded('/model.task', 'br')).toEqual([null, long.length]);
  });

  it('serves health, readiness, discovery and the page', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    expect(await (await get('/v1/relay')).json()).toMatchObject({ url: rig.relay.url });
    const index = await get('/');
    expect(index.headers.get('content-type')).toBe('text/html');
    expect(index.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(index.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(await index.text()).toBe('<p>hi</p>');
    expect((await get('/absent')).status).toBe(404);
    expect((await get('/metrics')).status).toBe(404);
  });
});
