import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LedgerRecord } from '../ledger/index.ts';
import { eventBody, idempotencyKey } from './event.ts';
import { webhookUrl } from './post.ts';
import { readSecrets, signedHeaders } from './signature.ts';
import { verified } from './verified.ts';

const dir = mkdtempSync(join(tmpdir(), 'hayate-secret-'));
afterAll(() => rmSync(dir, { recursive: true }));
const file = join(dir, 'webhook.secret');

const OLD = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const NEW = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
const record: LedgerRecord = {
  kind: 'gift',
  ...{ id: 1, room: '部屋', sequence: 1, key: 'jti 1. 星', atMs: Date.UTC(2026, 0, 1) },
  ...{ sender: 'ann', liver: 'mio', item: 'star', currency: 'JPY', reg: 'jp', amount: 100 },
  ...{ shownAtMs: null, gift: null, reason: null },
};
const body = eventBody(record);
const id = idempotencyKey(record);

async function headersOf(text: string, nowMs = Date.now()) {
  writeFileSync(file, text);
  return signedHeaders(id, body, nowMs, await readSecrets(file));
}

describe('signatures', () => {
  it('are those of the Standard Webhooks specification', async () => {
    writeFileSync(file, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n');
    const secrets = await readSecrets(file);
    const payload = '{"test": 2432232314}';
    expect(signedHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', payload, 1_614_265_330_999, secrets)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('pass the verification that the docs show', async () => {
    expect(verified(await headersOf(OLD), body, [OLD])).toEqual(JSON.parse(body));
  });

  it('pass with either secret while they are exchanged', async () => {
    const headers = await headersOf(`${NEW}\n${OLD}\n`);
    expect(headers['webhook-signature']!.split(' ')).toHaveLength(2);
    for (const secrets of [[OLD], [NEW], [OLD, NEW]]) expect(verified(headers, body, secrets)).toBeDefined();
    expect(verified(await headersOf(NEW), body, [OLD])).toBeUndefined();
  });

  it.each([
    ['another amount', {}, body.replace('"amount":100', '"amount":900')],
    ['another id', { 'webhook-id': idempotencyKey({ kind: 'gift', key: 'other' }) }, body],
    ['another time', { 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 1) }, body],
    ['a time that is none', { 'webhook-timestamp': 'now' }, body],
    ['no signature', { 'webhook-signature': undefined }, body],
    ['an empty signature', { 'webhook-signature': 'v1,' }, body],
    ['a signature of another scheme', { 'webhook-signature': 'v0,AAAA' }, body],
  ])('fail with %s', async (_, change, text) => {
    expect(verified({ ...(await headersOf(OLD)), ...change }, text, [OLD])).toBeUndefined();
  });

  it('fail when they are old', async () => {
    expect(verified(await headersOf(OLD, Date.now() - 301_000), body, [OLD])).toBeUndefined();
    expect(verified(await headersOf(OLD, Date.now() - 290_000), body, [OLD])).toBeDefined();
  });
});

describe('an idempotency key', () => {
  it('tells kinds and keys apart and is fit for a header', () => {
    const keys = [
      idempotencyKey({ kind: 'gift', key: 'a' }),
      idempotencyKey({ kind: 'void', key: 'a' }),
      idempotencyKey({ kind: 'refund', key: 'a' }),
      idempotencyKey({ kind: 'gift', key: 'é\u2028. ' }),
    ];
    expect(new Set(keys).size).toBe(4);
    for (const key of keys) expect(key).toMatch(/^(gift|void|refund)_[\w-]{43}$/);
    // Never another one: backends keep it for years.
    expect(keys[0]).toBe('gift_ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs');
  });
});

describe('a secret file', () => {
  it.each([
    ['nothing', ''],
    ['three secrets', `${OLD}\n${NEW}\n${OLD}`],
    ['no prefix', OLD.slice(6)],
    ['a short secret', `whsec_${Buffer.alloc(23).toString('base64')}`],
    ['what is no base64', `whsec_${'?'.repeat(40)}`],
  ])('with %s is refused, and nothing of it told', async (_, text) => {
    writeFileSync(file, text);
    const error = await readSecrets(file).catch((refusal: Error) => refusal);
    expect(error).toMatchObject({ code: 'invalid_argument' });
    const content = text.split('\n')[0]!.slice(6);
    if (content) expect((error as Error).message).not.toContain(content);
  });

  it('that is not there is refused', async () => {
    await expect(readSecrets(join(dir, 'absent'))).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe("a backend's address", () => {
  it.each([
    'https://app.example/gifts',
    'https://10.0.0.7/x?key=1',
    'http://127.0.0.1:3000/',
    'http://localhost/g',
    'http://[::1]:1/',
  ])('may be %s', (url) => {
    expect(webhookUrl(url).href).toBe(url);
  });

  it.each([
    ['plain HTTP to elsewhere', 'http://app.example/secret-path'],
    ['a name that only begins like loopback', 'http://127.0.0.1.evil.example/secret-path'],
    ['a password', 'https://ann:pass@app.example/secret-path'],
    ['another scheme', 'file:///secret-path'],
    ['no URL', 'secret-path'],
  ])('may not be %s', (_, url) => {
    expect(() => webhookUrl(url)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => webhookUrl(url)).not.toThrow(/secret-path/);
  });
});
