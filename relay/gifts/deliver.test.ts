import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { startRelay } from '../src/index.ts';
import { Backend } from '../test/backend.ts';
import { bodies, type Rig } from '../test/bodies.ts';
import { ManualClock } from '../test/clock.ts';
import { idempotencyKey } from '../webhook/event.ts';
import { verified } from '../webhook/verified.ts';

const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const TOKEN = 't'.repeat(40);
const dir = mkdtempSync(join(tmpdir(), 'hayate-deliver-'));
const secretFile = join(dir, 'webhook.secret');
const tokenFile = join(dir, 'service.token');
writeFileSync(secretFile, SECRET);
writeFileSync(tokenFile, TOKEN);
afterAll(() => rmSync(dir, { recursive: true }));

const ticket = {
  ...{ jti: 'jti-1', room: 'r', sender: 'ann', liver: 'mio', item: 'star' },
  ...{ amount: 100, currency: 'JPY', reg: 'local' },
};

let backend: Backend;
let rig: Rig | undefined;
beforeEach(async () => {
  backend = new Backend();
  await backend.listen();
});
afterEach(async () => {
  await rig?.close();
  rig = undefined;
  await backend.close();
});

const settings = () => ({
  gifts: { webhook: { url: backend.url.href, secretFile } },
  api: { tokenFile, port: 0 },
});
const ask = (path: string, init: RequestInit = {}) =>
  fetch(rig!.relay.apiAddress + path, {
    ...init,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', 'idempotency-key': 'all' },
  });

it('a relay delivers its ledger by webhook and by pull API, under one key', async () => {
  rig = await bodies[0]!.start(settings());
  const { relay } = rig;
  await relay.ledger!.claim(ticket, Date.now());
  await expect.poll(() => backend.received.length, { timeout: 10_000 }).toBe(1);
  const [{ headers, body, id }] = backend.received as [Backend['received'][0]];
  const event = verified(headers, body, [SECRET]);
  expect(event).toMatchObject({ type: 'gift.given', data: { idempotencyKey: id, key: 'jti-1', amount: 100 } });
  expect(verified(headers, body.replace('100', '900'), [SECRET])).toBeUndefined();
  const pulled = (await (await ask('/v1/gifts?consumer=billing')).json()) as { records: object[] };
  expect(pulled.records).toEqual([event.data]);

  // A void by the API is delivered at once and not at the next look.
  const voided = await ask('/v1/gifts/jti-1/void', { method: 'POST', body: '{"reason":"fraud"}' });
  expect(await voided.json()).toMatchObject({ id: 2, repeat: false });
  await expect.poll(() => backend.received.at(-1)?.id).toBe(idempotencyKey({ kind: 'void', key: 'all' }));
  await expect
    .poll(async () => (await (await fetch(relay.metricsAddress)).text()).match(/^hayate_gift_\S+ \d+/gm))
    .toEqual([
      'hayate_gift_deliveries_total{outcome="delivered"} 2',
      'hayate_gift_deliveries_total{outcome="retry"} 0',
      'hayate_gift_deliveries_total{outcome="dead"} 0',
      'hayate_gift_attempts_total{answer="204"} 2',
      'hayate_gift_oldest_waiting_seconds 0',
      'hayate_gift_backend_up 1',
    ]);
});

it('a gift is delivered when it is taken, not at the next look', async () => {
  const clock = new ManualClock(Date.now());
  rig = await bodies[0]!.start(settings(), { deliveryClock: clock });
  await expect.poll(() => clock.timers).toBe(1);
  // Nobody tells the webhook of what is put into the ledger past the relay's desk, and its time stands.
  await rig.relay.ledger!.claim(ticket, clock.nowMs());
  const ann = await rig.join({ sub: 'ann' });
  await ann.openGifts();
  expect(backend.received).toEqual([]);
  await ann.gift(await rig.ticket({ jti: 'jti-2' }));
  const keys = ['jti-1', 'jti-2'].map((key) => idempotencyKey({ kind: 'gift', key }));
  await expect.poll(() => backend.received.map(({ id }) => id), { timeout: 10_000 }).toEqual(keys);
});

it('a relay that was closed delivers what waited when it starts again', async () => {
  backend.reply = () => 503;
  rig = await bodies[0]!.start({ ...settings(), gifts: { ...settings().gifts, ledgerFile: join(dir, 'again.db') } });
  await rig.relay.ledger!.claim(ticket, Date.now());
  await expect.poll(() => backend.received.length, { timeout: 10_000 }).toBeGreaterThan(0);
  await rig.close();
  backend.reply = () => 204;
  rig = await bodies[0]!.start({ ...settings(), gifts: { ...settings().gifts, ledgerFile: join(dir, 'again.db') } });
  // How long the first relay's last wait was depends on how long it lived.
  expect((await ask('/v1/gift-redeliveries', { method: 'POST', body: '{"ids":[1]}' })).status).toBe(200);
  await expect
    .poll(async () => (await rig!.relay.ledger!.outbox(Number.MAX_SAFE_INTEGER, 10)).length, { timeout: 10_000 })
    .toBe(0);
  expect(new Set(backend.received.map(({ id }) => id)).size).toBe(1);
});

it('the public API has no gifts, and without a token file there is no service API', async () => {
  const jwksFile = join(dir, 'token.jwks');
  writeFileSync(jwksFile, '{"keys":[]}');
  rig = await bodies[0]!.start({ gifts: settings().gifts });
  const production = await startRelay(
    {
      ...{ stateDir: dir, token: { jwksFile }, listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 } },
      transport: 'websocket',
    },
    { logger: pino({ level: 'silent' }) },
  );
  expect(production.apiAddress).toBe('');
  await production.close();
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(`${rig.relay.httpAddress}/v1/gifts?consumer=billing`, { headers });
  expect([answer.status, await answer.json()]).toEqual([
    404,
    { code: 'invalid_argument', message: expect.stringContaining('api.tokenFile') },
  ]);
});

it('a relay without secret, with a short token or a taken port does not start', async () => {
  const start = (more: object) => bodies[0]!.start({ ...settings(), ...more });
  const short = join(dir, 'short');
  writeFileSync(short, 'short');
  const webhook = { url: backend.url.href, secretFile: short };
  await expect(start({ gifts: { webhook } })).rejects.toMatchObject({ code: 'invalid_argument' });
  await expect(start({ api: { tokenFile: short } })).rejects.toMatchObject({ code: 'invalid_argument' });
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  await expect(start({ api: { tokenFile, port } })).rejects.toMatchObject({
    code: 'bind_failed',
    message: expect.stringMatching(/^api: /),
  });
  taken.close();
});
