import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Amendment, type GiftTicket, type Ledger, MemoryLedger } from '../ledger/index.ts';
import { idempotencyKey } from '../webhook/event.ts';
import { type HttpServer, serveHttp } from './serve.ts';
import { serviceApp } from './service.ts';
import { readServiceTokens } from './service-token.ts';

const NOW = Date.UTC(2026, 0, 1);
const OLD = 'o'.repeat(40);
const NEW = 'n'.repeat(40);
const dir = mkdtempSync(join(tmpdir(), 'hayate-gifts-api-'));
const tokenFile = join(dir, 'service.token');
writeFileSync(tokenFile, `${NEW}\n${OLD}\n`);
afterAll(() => rmSync(dir, { recursive: true }));

const ticket = (n: number): GiftTicket => ({
  jti: `jti-${n}`,
  room: `room-${n % 2}`,
  sender: 'ann',
  liver: 'mio',
  item: 'star',
  amount: 100,
  currency: 'JPY',
  reg: 'jp',
});

let ledger: Ledger;
let server: HttpServer;
let redeliveries: number;
beforeEach(async () => {
  ledger = new MemoryLedger();
  redeliveries = 0;
  const gifts = {
    ledger,
    amend: (amendment: Amendment, nowMs: number) => ledger.amend(amendment, nowMs),
    redelivered: () => redeliveries++,
    nowMs: () => NOW,
  };
  const app = serviceApp({ isService: readServiceTokens(tokenFile), gifts, perSecond: 1000, burst: 1000 });
  server = await serveHttp(app, '127.0.0.1', 0);
});
afterEach(() => server.close());

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { authorization: `Bearer ${NEW}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}
const get = (path: string, headers?: Record<string, string>) => ask('GET', path, undefined, headers);
const ids = ({ body }: { body: Record<string, unknown> }) => (body['records'] as { id: number }[]).map(({ id }) => id);

describe('the pull API', () => {
  it('gives a consumer the same records until it acknowledges them, then the next ones', async () => {
    for (let n = 1; n <= 5; n++) await ledger.claim(ticket(n), NOW);
    const first = await get('/v1/gifts?consumer=billing&limit=3');
    expect(first.body).toMatchObject({ after: 0, next: 3, more: true });
    expect(first.body['records']).toMatchObject([
      { idempotencyKey: idempotencyKey({ kind: 'gift', key: 'jti-1' }), id: 1, key: 'jti-1', amount: 100 },
      { id: 2 },
      { id: 3 },
    ]);
    expect((await get('/v1/gifts?consumer=billing&limit=3')).body).toEqual(first.body);
    for (const id of [3, 3, 1]) {
      expect((await ask('PUT', '/v1/gift-cursors/billing', { id })).body).toEqual({ consumer: 'billing', id: 3 });
    }
    expect(await get('/v1/gifts?consumer=billing&limit=3')).toMatchObject({ body: { after: 3, next: 5, more: false } });
    expect(ids(await get('/v1/gifts?consumer=other'))).toEqual([1, 2, 3, 4, 5]);
    expect((await get('/v1/gift-cursors/billing')).body).toEqual({ consumer: 'billing', id: 3 });
    expect(await get('/v1/gifts?consumer=new')).toMatchObject({ body: { after: 0, next: 5 } });
  });

  it('acknowledges nothing that is not there yet', async () => {
    await ledger.claim(ticket(1), NOW);
    expect(await ask('PUT', '/v1/gift-cursors/billing', { id: 2 })).toMatchObject({
      status: 400,
      body: { code: 'invalid_argument' },
    });
    expect(await ledger.cursor('billing')).toBe(0);
    expect((await ask('PUT', '/v1/gift-cursors/billing', { id: 0 })).status).toBe(200);
  });

  it('finds a gift by any jti', async () => {
    await ledger.claim({ ...ticket(1), jti: 'a/b?c 星' }, NOW);
    const found = await get(`/v1/gifts/${encodeURIComponent('a/b?c 星')}`);
    expect(found).toMatchObject({ status: 200, body: { key: 'a/b?c 星', id: 1 } });
    expect(await get('/v1/gifts/absent')).toMatchObject({
      status: 404,
      body: { code: 'gift_unknown', retryable: false },
    });
  });

  it('voids and refunds once a key', async () => {
    for (let n = 1; n <= 2; n++) await ledger.claim(ticket(n), NOW);
    const key = (value: string) => ({ 'idempotency-key': value });
    const half = () => ask('POST', '/v1/gifts/jti-1/refund', { reason: 'asked', amount: 50 }, key('half'));
    expect(await half()).toMatchObject({ status: 200, body: { id: 3, room: 'room-1', sequence: 2, repeat: false } });
    expect(await half()).toMatchObject({ status: 200, body: { id: 3, atMs: NOW, repeat: true } });
    const voided = (jti: string, value: string) =>
      ask('POST', `/v1/gifts/${jti}/void`, { reason: 'fraud' }, key(value));
    expect(await voided('jti-1', 'all')).toMatchObject({ status: 409, body: { code: 'gift_amended' } });
    expect(await voided('jti-2', 'all')).toMatchObject({ status: 200, body: { id: 4 } });
    expect(await voided('jti-9', 'none')).toMatchObject({ status: 404, body: { code: 'gift_unknown' } });
    const other = await ask('POST', '/v1/gifts/jti-1/refund', { reason: 'asked', amount: 40 }, key('half'));
    expect(other).toMatchObject({ status: 409, body: { code: 'gift_conflict' } });
    const noKey = await ask('POST', '/v1/gifts/jti-1/refund', { reason: 'asked', amount: 10 });
    expect(noKey).toMatchObject({ status: 400, body: { message: expect.stringContaining('idempotency-key') } });
    for (const amount of [0, -5, 1.5, '9']) {
      const wrong = await ask('POST', '/v1/gifts/jti-1/refund', { reason: 'x', amount }, key('w'));
      expect(wrong.status, String(amount)).toBe(400);
    }
    expect(await ledger.since(0, 10)).toHaveLength(4);
  });

  it('lists dead letters and takes them up again', async () => {
    for (let n = 1; n <= 3; n++) await ledger.claim(ticket(n), NOW);
    await ledger.settle([1, 2, 3].map((id) => ({ id, outcome: 'dead' as const })));
    const first = await get('/v1/gift-dead-letters?limit=2');
    expect(first.body).toMatchObject({ records: [{ id: 1, attempts: 1 }, { id: 2 }], next: 2, more: true });
    expect(ids(await get('/v1/gift-dead-letters?after=2'))).toEqual([3]);
    const answer = await ask('POST', '/v1/gift-redeliveries', { ids: [1, 3, 99] });
    expect([answer.body, redeliveries]).toEqual([{ redelivered: 2 }, 1]);
    expect(ids(await get('/v1/gift-dead-letters'))).toEqual([2]);
  });

  it('answers 503 and says that the same again is right when the ledger does not', async () => {
    ledger.since = () => Promise.reject(new HayateError('ledger_busy', 'busy', { retryable: true }));
    const answer = await get('/v1/gifts?consumer=billing');
    expect(answer).toMatchObject({ status: 503, body: { code: 'ledger_busy', retryable: true } });
    expect(answer.headers.get('retry-after')).toBe('1');
    ledger.since = () => Promise.reject(new HayateError('ledger_corrupt', 'x'));
    expect((await get('/v1/gifts?consumer=billing')).status).toBe(500);
  });

  it.each([
    '/v1/gifts',
    '/v1/gifts?consumer=billing&limit=0',
    '/v1/gifts?consumer=billing&limit=1001',
    `/v1/gifts?consumer=${'x'.repeat(129)}`,
    '/v1/gifts?consumer=%00',
  ])('refuses %s', async (path) => {
    expect(await get(path)).toMatchObject({ status: 400, body: { code: 'invalid_argument' } });
  });

  it('refuses a body over its bound', async () => {
    expect((await ask('POST', '/v1/gift-redeliveries', { ids: [1], x: 'x'.repeat(70_000) })).status).toBe(413);
  });
});

it('more than the allowed requests get 429, and wrong tokens take nothing from the right one', async () => {
  let now = 0;
  const app = serviceApp({ isService: readServiceTokens(tokenFile), perSecond: 1, burst: 2, nowMs: () => now });
  const ask = async (token: string) =>
    (await app.request('/v1/x', { headers: { authorization: `Bearer ${token}` } })).status;
  const wrong: number[] = [];
  for (let n = 0; n < 60; n++) wrong.push(await ask('wrong'));
  expect([wrong.filter((status) => status === 401).length, wrong.at(-1)]).toEqual([50, 429]);
  expect([await ask(NEW), await ask(NEW), await ask(NEW)]).toEqual([404, 404, 429]);
  now += 1000;
  expect([await ask(NEW), await ask(NEW)]).toEqual([404, 429]);
});

describe('the service token', () => {
  it.each([
    [undefined, 'token_missing'],
    ['Bearer ', 'token_invalid'],
    [`Bearer ${NEW}x`, 'token_invalid'],
    [`Bearer ${NEW.slice(1)}`, 'token_invalid'],
    [`Basic ${NEW}`, 'token_invalid'],
    [NEW, 'token_invalid'],
  ])('is wanted of every route: %s', async (authorization, code) => {
    const paths = (await (await fetch(`http://127.0.0.1:${server.port}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { security?: unknown[] }>>;
    };
    const routes = Object.entries(paths.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => ({ path, method: method.toUpperCase(), security })),
    );
    expect(routes).toHaveLength(8);
    for (const { path, method, security } of routes) {
      expect(security).toEqual([{ service: [] }]);
      const answer = await fetch(`http://127.0.0.1:${server.port}${path.replace(/[{}]/g, '')}`, {
        method,
        headers: authorization === undefined ? {} : { authorization },
      });
      expect([path, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([path, 401, code]);
    }
  });

  it('may be either of two while they are exchanged', async () => {
    expect((await get('/v1/gift-cursors/a', { authorization: `Bearer ${OLD}` })).status).toBe(200);
    expect((await get('/v1/gift-cursors/a', { authorization: `bearer ${NEW}` })).status).toBe(200);
  });

  it.each([
    ['nothing', ''],
    ['a short token', 'short'],
    ['three tokens', `${OLD}\n${NEW}\n${OLD}`],
    ['a token with spaces', 'a b'.repeat(20)],
  ])('is refused as a file of %s, and nothing of it told', (_, content) => {
    const file = join(dir, 'wrong');
    writeFileSync(file, content);
    expect(() => readServiceTokens(file)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    if (content) expect(() => readServiceTokens(file)).not.toThrow(new RegExp(content.slice(0, 5)));
    expect(() => readServiceTokens(join(dir, 'absent'))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});
