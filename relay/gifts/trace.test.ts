import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { giftIds } from '../telemetry/traces/gifts.ts';
import { Backend } from '../test/backend.ts';
import { bodies, type Rig } from '../test/bodies.ts';
import { drawTrace, type SeenSpan, spansIn, traceFaults } from '../test/spans.ts';

const dir = mkdtempSync(join(tmpdir(), 'hayate-gift-trace-'));
const secretFile = join(dir, 'webhook.secret');
const tokenFile = join(dir, 'service.token');
writeFileSync(secretFile, `whsec_${Buffer.alloc(32, 3).toString('base64')}`);
writeFileSync(tokenFile, 't'.repeat(40));
afterAll(() => rmSync(dir, { recursive: true }));

let at = 0;
let file: string;
let backend: Backend;
let rig: Rig | undefined;
beforeEach(async () => {
  file = join(dir, `${++at}.jsonl`);
  backend = new Backend();
  await backend.listen();
});
afterEach(async () => {
  await rig?.close();
  rig = undefined;
  await backend.close();
});

const settings = (telemetry = { traces: { file } }) => ({
  gifts: { webhook: { url: backend.url.href, secretFile }, ledgerFile: join(dir, `${at}.db`) },
  api: { tokenFile, port: 0 },
  telemetry,
});

const spansOf = (key: string, kind: 'gift' | 'void' = 'gift'): SeenSpan[] => {
  const { traceId } = giftIds({ kind, key, reg: 'local' });
  return existsSync(file) ? spansIn(file).filter((span) => span.traceId === traceId) : [];
};
const names = (spans: SeenSpan[]) => spans.map(({ name }) => name).sort();
const delivered = (key: string) =>
  expect
    .poll(() => spansOf(key).some(({ attributes }) => attributes['hayate.outcome'] === 'delivered'), {
      timeout: 20_000,
    })
    .toBe(true);

async function given(jti: string, fields = {}) {
  const ann = await rig!.join({ sub: 'ann' });
  await ann.openGifts();
  const answer = await ann.gift(await rig!.ticket({ jti, ...fields }));
  return { ann, answer };
}

it('a gift is one whole trace from its ticket to the backend, and says nothing of people', async () => {
  rig = await bodies[0]!.start(settings());
  const bob = await rig.join({ sub: 'bob' });
  await bob.openGifts();
  await given('jti-1', { item: 'rose-item', liver: 'mio-liver' });
  await delivered('jti-1');
  const spans = spansOf('jti-1');
  expect(names(spans)).toEqual(['gift.check', 'gift.commit', 'gift.deliver', 'gift.show', 'gift.submit']);
  expect(traceFaults(spans)).toEqual([]);
  const one = (name: string) => spans.find((span) => span.name === name)!;
  expect(one('gift.submit')).toMatchObject({
    ...{ parentSpanId: undefined, failed: false },
    attributes: { 'hayate.result': 'new', 'hayate.key': 'jti-1', 'hayate.room': 'r', 'hayate.from': 'session' },
    by: { 'service.name': 'hayate-relay', 'hayate.region': 'local' },
  });
  expect(one('gift.show').attributes).toMatchObject({ 'hayate.viewers': 2 });
  const { traceId, spanId } = one('gift.deliver');
  expect(backend.received[0]!.headers['traceparent']).toBe(`00-${traceId}-${spanId}-01`);
  expect(one('gift.deliver').attributes).toMatchObject({ 'http.response.status_code': 204, 'hayate.attempt': 1 });
  expect(drawTrace(spans).split('\n')).toHaveLength(5);
  expect(drawTrace(spans)).toMatch(/^gift\.submit .* 0\.0 ms +\d+\.\d ms\n├─ gift\.check .*\n├─ gift\.commit .*\n/);
  expect(one('gift.commit').end).toBeGreaterThan(one('gift.check').end);
  expect(readFileSync(file, 'utf8')).not.toMatch(/ann|bob|mio-liver|rose-item|JPY/);
});

it('a trace that lost a part, or got one of another, is not whole', async () => {
  rig = await bodies[0]!.start(settings());
  await given('jti-1');
  await delivered('jti-1');
  const spans = spansOf('jti-1');
  expect(traceFaults(spans.filter(({ name }) => name !== 'gift.submit'))).toContain('gift.deliver without its parent');
  const foreign = { ...spans[0]!, spanId: 'f'.repeat(16), traceId: 'f'.repeat(32), parentSpanId: undefined };
  expect(traceFaults([...spans, foreign])).toEqual(['2 traces', '2 first spans']);
});

it('each attempt to deliver is a span of its own, after a restart of the relay too', async () => {
  backend.reply = () => 503;
  rig = await bodies[0]!.start(settings());
  await given('jti-1');
  await expect.poll(() => names(spansOf('jti-1')).includes('gift.deliver')).toBe(true);
  await rig.close();
  backend.reply = () => 204;
  rig = await bodies[0]!.start(settings());
  await delivered('jti-1');
  const attempts = spansOf('jti-1').filter(({ name }) => name === 'gift.deliver');
  expect(traceFaults(spansOf('jti-1'))).toEqual([]);
  expect(attempts.map(({ attributes }) => attributes['hayate.attempt'])).toEqual(attempts.map((_, n) => n + 1));
  expect(attempts.map(({ failed }) => failed)).toEqual([...attempts.slice(1).map(() => true), false]);
  const sent = backend.received.map(({ headers }) => headers['traceparent']);
  expect(sent).toEqual(attempts.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`));
});

it('a repeat hangs on the first, a refusal stands alone with its code', async () => {
  rig = await bodies[0]!.start(settings());
  const { ann } = await given('jti-1');
  await ann.gift(await rig.ticket({ jti: 'jti-1' }));
  await delivered('jti-1');
  await expect.poll(() => spansOf('jti-1').filter(({ name }) => name === 'gift.submit').length).toBe(2);
  const submits = spansOf('jti-1').filter(({ name }) => name === 'gift.submit');
  expect(submits.map(({ attributes }) => attributes['hayate.result'])).toEqual(['new', 'repeat']);
  expect(submits[1]!.parentSpanId).toBe(submits[0]!.spanId);
  expect(traceFaults(spansOf('jti-1'))).toEqual([]);

  await ann.gift(await rig.ticket({ jti: 'jti-1', amount: 5 }));
  await ann.gift('no ticket');
  const refused = () => spansIn(file).filter(({ attributes }) => attributes['hayate.result'] === 'refused');
  await expect.poll(() => refused().length).toBe(2);
  expect(refused().map(({ attributes }) => attributes['hayate.code'])).toEqual(['gift_conflict', 'ticket_invalid']);
  expect(refused()).toMatchObject([{ failed: true, parentSpanId: undefined }, { failed: true }]);
  expect(refused()[0]!.traceId).toBe(submits[0]!.traceId);
});

it('what takes a gift back has its own trace, which names the gift', async () => {
  rig = await bodies[0]!.start(settings());
  await given('jti-1');
  const voided = await fetch(`${rig.relay.apiAddress}/v1/gifts/jti-1/void`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${'t'.repeat(40)}`,
      'content-type': 'application/json',
      'idempotency-key': 'all',
    },
    body: '{"reason":"fraud"}',
  });
  expect(voided.status).toBe(200);
  await expect.poll(() => names(spansOf('all', 'void'))).toEqual(['gift.deliver', 'gift.show']);
  const gift = giftIds({ kind: 'gift', key: 'jti-1', reg: 'local' }).traceId;
  expect(spansOf('all', 'void').map(({ links }) => links)).toEqual([[gift], [gift]]);
});

it('without telemetry the backend gets no traceparent, and no file is made', async () => {
  rig = await bodies[0]!.start({ ...settings(), telemetry: {} });
  await given('jti-1');
  await expect.poll(() => backend.received.length).toBe(1);
  expect(backend.received[0]!.headers).not.toHaveProperty('traceparent');
  expect(existsSync(file)).toBe(false);
});
