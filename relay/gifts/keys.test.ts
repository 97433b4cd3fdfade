import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, importPKCS8, SignJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MemoryLedger } from '../ledger/index.ts';
import { bodies } from '../test/bodies.ts';
import { openTicketKeys, type TicketKeySources } from './keys.ts';
import { mintTicket, type TicketSigner } from './mint.ts';
import { TicketChecker } from './ticket.ts';

const dir = mkdtempSync(join(tmpdir(), 'hayate-keys-'));
afterAll(() => rmSync(dir, { recursive: true }));
const log = pino({ level: 'silent' });

interface Pair {
  kid: string;
  alg: TicketSigner['alg'];
  privateKey: KeyObject;
  publicKey: KeyObject;
  signer: TicketSigner;
  jwk: object;
}

async function pair(kid: string, alg: TicketSigner['alg'] = 'EdDSA'): Promise<Pair> {
  const { privateKey, publicKey } =
    alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = await importPKCS8(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), alg);
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  return { kid, alg, privateKey, publicKey, signer: { alg, key }, jwk };
}

let [first, second, elliptic]: Pair[] = [];
beforeAll(async () => {
  [first, second, elliptic] = await Promise.all([pair('k1'), pair('k2'), pair('k3', 'ES256')]);
});

const gift = { room: 'r', sub: 'ann', liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg: 'local' };
const sender = { room: 'r', sub: 'ann' };
const ticketBy = ({ signer, kid }: Pair, named = true) => mintTicket(signer, { ...gift, ...(named ? { kid } : {}) });

function file(name: string, content: unknown): string {
  const path = join(dir, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
const pem = ({ kid, publicKey }: Pair) =>
  file(`${kid}.pem`, publicKey.export({ type: 'spki', format: 'pem' }) as string);

async function checkerOf(sources: TicketKeySources, issuer?: string) {
  const checker = new TicketChecker({ keys: await openTicketKeys(sources, log), region: 'local', issuer });
  return async (ticket: string) => {
    try {
      return (await checker.check(ticket, sender, Date.now)).gift.jti;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
}

describe('keys of tickets', () => {
  it('are a PEM key, whatever the kid says, of either algorithm', async () => {
    for (const key of [first!, elliptic!]) {
      const check = await checkerOf({ publicKeyFile: pem(key) });
      expect(await check(await ticketBy(key))).toMatch(/-/);
      expect(await check(await ticketBy(key, false))).toMatch(/-/);
      expect(await check(await ticketBy(second!))).toBe(key === first ? 'ticket_invalid' : 'ticket_key_unknown');
    }
  });

  it('are a set by kid, and a PEM key for tickets without one', async () => {
    const jwksFile = file('both.json', { keys: [first!.jwk, elliptic!.jwk] });
    const check = await checkerOf({ jwksFile, publicKeyFile: pem(second!) });
    expect(await check(await ticketBy(first!))).toMatch(/-/);
    expect(await check(await ticketBy(elliptic!))).toMatch(/-/);
    expect(await check(await ticketBy(second!, false))).toMatch(/-/);
    expect(await check(await ticketBy(second!))).toBe('ticket_key_unknown');
  });

  it('are never a secret made of the public key, nor none at all', async () => {
    const publicKeyFile = pem(first!);
    const check = await checkerOf({ publicKeyFile, jwksFile: file('one.json', { keys: [first!.jwk] }) });
    const claims = { ...gift, jti: 'x', iat: 1, exp: 4e9 };
    const secret = new TextEncoder().encode(first!.publicKey.export({ type: 'spki', format: 'pem' }) as string);
    const symmetric = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'gift+jwt' }).sign(secret);
    expect(await check(symmetric)).toBe('ticket_invalid');
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    expect(await check(`${part({ alg: 'none', typ: 'gift+jwt' })}.${part(claims)}.`)).toBe('ticket_invalid');
    const untyped = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(first!.signer.key);
    expect(await check(untyped)).toBe('ticket_invalid');
    const typed = new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', typ: 'gift+jwt' });
    expect(await check(await typed.sign(first!.signer.key))).toBe('x');
  });

  it('sign for one issuer where one is set', async () => {
    const check = await checkerOf({ publicKeyFile: pem(first!) }, 'shop');
    expect(await check(await mintTicket(first!.signer, { ...gift, issuer: 'shop' }))).toMatch(/-/);
    expect(await check(await mintTicket(first!.signer, gift))).toBe('ticket_invalid');
  });

  it('are refused at once when a file is not what it should be', async () => {
    const wrong = [{ publicKeyFile: file('x', 'x') }, { jwksFile: file('y', '{') }, { jwksFile: join(dir, 'absent') }];
    for (const sources of wrong) {
      await expect(openTicketKeys(sources, log)).rejects.toMatchObject({ code: 'invalid_argument' });
    }
  });
});

describe('rotation in mid-stream', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  it('asks the server of a set once a cool-down; until then tickets of the next key are to be tried again', async () => {
    let answer: { status: number; body: string } = { status: 503, body: '' };
    let asked = 0;
    server = createServer((_, response) => {
      asked += 1;
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    const ledger = new MemoryLedger();
    answer = { status: 200, body: JSON.stringify({ keys: [first!.jwk] }) };
    const rig = await bodies[0]!.start({ gifts: { jwksUrl } }, { ledger });
    try {
      const ann = await rig.join({ sub: 'ann' });
      await ann.openGifts();
      expect(await ann.gift(await ticketBy(first!))).toMatchObject({ t: 'gifted', n: 1 });
      answer = { status: 200, body: JSON.stringify({ keys: [first!.jwk, second!.jwk] }) };
      // Within the cool-down of the first fetch: to be tried again, and nothing else goes wrong.
      expect(await ann.gift(await ticketBy(second!))).toMatchObject({ code: 'ticket_key_unknown', retryable: true });
      expect(await ann.gift(await ticketBy(first!))).toMatchObject({ t: 'gifted', n: 2 });
      expect(asked).toBe(1);
    } finally {
      await rig.close();
    }
  });

  it('takes them at once when the file of the set changes', async () => {
    const jwksFile = file('rotated.json', { keys: [first!.jwk] });
    const rig = await bodies[0]!.start({ gifts: { jwksFile } }, { ledger: new MemoryLedger() });
    try {
      const ann = await rig.join({ sub: 'ann' });
      await ann.openGifts();
      expect(await ann.gift(await ticketBy(first!))).toMatchObject({ t: 'gifted', n: 1 });
      file('rotated.json', { keys: [second!.jwk] });
      const ticket = await ticketBy(second!);
      await expect
        .poll(async () => ((await ann.gift(ticket)) as { t: string }).t, { timeout: 5000, interval: 200 })
        .toBe('gifted');
      expect(await ann.gift(await ticketBy(first!))).toMatchObject({ code: 'ticket_key_unknown' });
    } finally {
      await rig.close();
    }
  });
});
