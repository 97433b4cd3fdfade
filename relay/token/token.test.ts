import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Permission } from '@hayate/codec/messages';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureSharedKey, openTokenKeys, readSharedKey } from './keys.ts';
import { type MintOptions, mintToken, type Role, TokenVerifier } from './token.ts';

const dir = mkdtempSync(join(tmpdir(), 'hayate-token-'));
afterAll(() => rmSync(dir, { recursive: true }));

const log = pino({ level: 'silent' });
const now = Date.UTC(2026, 0, 1);
const keyFile = join(dir, 'sub', 'token.key');
const options: MintOptions = {
  room: 'r',
  sub: 'ann',
  roles: ['liver', 'viewer'],
  name: 'Ann',
  nowMs: now,
  ttlSeconds: 60,
};
let key: Uint8Array;
let verifier: TokenVerifier;

beforeAll(async () => {
  ensureSharedKey(keyFile);
  key = readSharedKey(keyFile);
  verifier = new TokenVerifier({ keys: await openTokenKeys({ keyFile }, log) });
});

describe('HS256', () => {
  it('takes its own token and returns the claims', async () => {
    expect(await verifier.verify(await mintToken(key, options), now)).toEqual({
      sub: 'ann',
      room: 'r',
      roles: ['liver', 'viewer'],
      permissions: ['publish', 'watch', 'comment', 'react', 'gift', 'speak', 'moderate'],
      name: 'Ann',
      iat: now / 1000,
      exp: now / 1000 + 60,
    });
  });

  it.each<[Role[], string[]]>([
    [['liver'], ['publish', 'watch', 'comment', 'react', 'speak', 'moderate']],
    [['viewer'], ['watch', 'comment', 'react', 'gift', 'speak']],
    [['moderator'], ['watch', 'comment', 'react', 'speak', 'moderate']],
    [[], []],
  ])('%s permits %s', async (roles, permissions) => {
    const claims = await verifier.verify(await mintToken(key, { ...options, roles }), now);
    expect(claims.permissions).toEqual(permissions);
  });

  it('permissions stand in place of what the roles permit; unknown ones permit nothing', async () => {
    const permissions = ['moderate', 'fly', 'watch'] as Permission[];
    const claims = await verifier.verify(await mintToken(key, { ...options, permissions }), now);
    expect(claims).toMatchObject({ roles: ['liver', 'viewer'], permissions: ['watch', 'moderate'] });
  });

  it('keeps what revocation and the mark of a first visit need', async () => {
    const token = await mintToken(key, { ...options, jti: 't-1', isNew: true });
    expect(await verifier.verify(token, now)).toMatchObject({ jti: 't-1', isNew: true, iat: now / 1000 });
  });

  it('grants 5 s of leeway and not more', async () => {
    const token = await mintToken(key, options);
    await expect(verifier.verify(token, now + 64_000)).resolves.toBeDefined();
    await expect(verifier.verify(token, now + 65_000)).rejects.toMatchObject({ code: 'token_expired' });
  });

  it('refuses a missing token, another key, garbage, a changed token and one without a signature', async () => {
    const token = await mintToken(key, options);
    const [head, , tail] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ sub: 'eve', room: 'r', roles: ['liver'], exp: 9e9 })).toString(
      'base64url',
    );
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    await expect(verifier.verify('', now)).rejects.toMatchObject({ code: 'token_missing' });
    for (const bad of [
      await mintToken(new Uint8Array(32).fill(1), options),
      'garbage',
      'a.b.c',
      `${head}.${forged}.${tail}`,
      `${none}.${forged}.`,
    ]) {
      await expect(verifier.verify(bad, now), bad).rejects.toMatchObject({ code: 'token_invalid' });
    }
  });

  it.each([
    ['no room', { roles: ['viewer'] }],
    ['roles of another type', { room: 'r', roles: 'viewer' }],
    ['an endless room', { room: 'x'.repeat(200), roles: ['viewer'] }],
  ])('refuses claims with %s', async (_, claims) => {
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('s')
      .setExpirationTime(now / 1000 + 60)
      .sign(key);
    await expect(verifier.verify(token, now)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  it('refuses a ticket, though the same key signed it and the claims would do', async () => {
    const signed = (typ: string) =>
      new SignJWT({ room: 'r', roles: ['viewer'] })
        .setProtectedHeader({ alg: 'HS256', typ })
        .setSubject('s')
        .setExpirationTime(now / 1000 + 60)
        .sign(key);
    await expect(verifier.verify(await signed('gift+jwt'), now)).rejects.toMatchObject({ code: 'token_invalid' });
    await expect(verifier.verify(await signed('JWT'), now)).resolves.toBeDefined();
  });

  it('checks the issuer when one is set', async () => {
    const strict = new TokenVerifier({ keys: await openTokenKeys({ keyFile }, log), issuer: 'app' });
    await expect(strict.verify(await mintToken(key, options), now)).rejects.toMatchObject({ code: 'token_invalid' });
    await expect(strict.verify(await mintToken(key, { ...options, issuer: 'app' }), now)).resolves.toBeDefined();
  });
});

describe('public keys', () => {
  async function signed(alg: string, privateKey: CryptoKey, kid?: string): Promise<string> {
    return new SignJWT({ room: 'r', roles: ['viewer', 'owner'] })
      .setProtectedHeader(kid ? { alg, kid } : { alg })
      .setSubject('s')
      .setExpirationTime(now / 1000 + 60)
      .sign(privateKey);
  }

  it.each(['EdDSA', 'ES256'])('%s by PEM; an HS256 token signed with the public key is refused', async (alg) => {
    const pair = await generateKeyPair(alg, { extractable: true });
    const pem = await exportSPKI(pair.publicKey);
    const publicKeyFile = join(dir, `${alg}.pem`);
    writeFileSync(publicKeyFile, pem);
    const v = new TokenVerifier({ keys: await openTokenKeys({ publicKeyFile }, log) });
    expect((await v.verify(await signed(alg, pair.privateKey), now)).roles).toEqual(['viewer']);
    const confused = await mintToken(new TextEncoder().encode(pem), options);
    await expect(v.verify(confused, now)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  it('by JWKS file', async () => {
    const ed = await generateKeyPair('EdDSA', { extractable: true });
    const es = await generateKeyPair('ES256', { extractable: true });
    const jwksFile = join(dir, 'jwks.json');
    const keys = [
      { ...(await exportJWK(ed.publicKey)), kid: 'a' },
      { ...(await exportJWK(es.publicKey)), kid: 'b' },
    ];
    writeFileSync(jwksFile, JSON.stringify({ keys }));
    const v = new TokenVerifier({ keys: await openTokenKeys({ jwksFile }, log) });
    await expect(v.verify(await signed('EdDSA', ed.privateKey, 'a'), now)).resolves.toBeDefined();
    await expect(v.verify(await signed('ES256', es.privateKey, 'b'), now)).resolves.toBeDefined();
    const foreign = await generateKeyPair('ES256');
    await expect(v.verify(await signed('ES256', foreign.privateKey, 'b'), now)).rejects.toMatchObject({
      code: 'token_invalid',
    });
    await expect(v.verify(await mintToken(key, options), now)).rejects.toMatchObject({ code: 'token_invalid' });
  });
});

describe('a JWKS', () => {
  const alg = 'EdDSA';
  const pairs = Promise.all([1, 2].map(() => generateKeyPair(alg, { extractable: true })));
  const sign = (privateKey: CryptoKey, kid?: string) =>
    new SignJWT({ room: 'r', roles: ['viewer'] })
      .setProtectedHeader(kid === undefined ? { alg } : { alg, kid })
      .setSubject('s')
      .setExpirationTime(now / 1000 + 60)
      .sign(privateKey);

  it('takes the next key without a restart, and the last one no more', async () => {
    const [first, second] = await pairs;
    const jwksFile = join(dir, 'rotated.json');
    const write = async (kid: string, { publicKey }: { publicKey: CryptoKey }) =>
      writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid }] }));
    await write('k1', first!);
    const v = new TokenVerifier({ keys: await openTokenKeys({ jwksFile }, log) });
    const old = await sign(first!.privateKey, 'k1');
    const next = await sign(second!.privateKey, 'k2');
    await expect(v.verify(old, now)).resolves.toBeDefined();
    await expect(v.verify(next, now)).rejects.toMatchObject({ code: 'token_key_unknown', retryable: true });
    await write('k2', second!);
    // A file is looked at once a second at most.
    await expect
      .poll(
        () =>
          v.verify(next, now).then(
            () => true,
            () => false,
          ),
        { timeout: 5000 },
      )
      .toBe(true);
    await expect(v.verify(old, now)).rejects.toMatchObject({ code: 'token_key_unknown' });
  });

  it('and a PEM key: the set by kid, the key for tokens without one', async () => {
    const [first, second] = await pairs;
    const publicKeyFile = join(dir, 'beside.pem');
    const jwksFile = join(dir, 'beside.json');
    writeFileSync(publicKeyFile, await exportSPKI(second!.publicKey));
    writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(first!.publicKey)), kid: 'k1' }] }));
    const v = new TokenVerifier({ keys: await openTokenKeys({ jwksFile, publicKeyFile }, log) });
    await expect(v.verify(await sign(first!.privateKey, 'k1'), now)).resolves.toBeDefined();
    await expect(v.verify(await sign(second!.privateKey), now)).resolves.toBeDefined();
    await expect(v.verify(await sign(first!.privateKey), now)).rejects.toMatchObject({ code: 'token_invalid' });
    await expect(v.verify(await sign(second!.privateKey, 'k2'), now)).rejects.toMatchObject({
      code: 'token_key_unknown',
    });
  });
});

describe('key files', () => {
  it('are made once, for the owner alone', () => {
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    ensureSharedKey(keyFile);
    expect(readSharedKey(keyFile)).toEqual(key);
  });

  it('are refused when absent, short or of another kind', async () => {
    const short = join(dir, 'short');
    writeFileSync(short, 'short');
    await expect(openTokenKeys({}, log)).rejects.toMatchObject({ code: 'invalid_argument' });
    for (const files of [
      { keyFile: short },
      { keyFile: join(dir, 'absent') },
      { publicKeyFile: short },
      { jwksFile: short },
    ]) {
      await expect(openTokenKeys(files, log), JSON.stringify(files)).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    }
  });
});
