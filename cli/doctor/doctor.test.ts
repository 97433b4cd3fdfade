import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable, issueCertificate, makeAuthority } from '@hayate/engine';
import { readSharedKey } from '@hayate/relay';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { call } from '../test/call.ts';
import { type CertificateLook, checkCertificate } from './certificates.ts';
import type { Finding } from './finding.ts';
import { checkSecret } from './secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'hayate-doctor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

let files = 0;
function file(text: string, mode = 0o600): string {
  files += 1;
  const path = join(folder, `file-${files}`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
const levels = (findings: readonly Finding[]) => Object.fromEntries(findings.map(({ check, level }) => [check, level]));

describe.skipIf(!engineAvailable().ok)('a certificate', () => {
  const nowMs = Date.now();
  const authority = makeAuthority({ name: 'Test authority', days: 30 });
  const pair = issueCertificate({
    authority: { name: 'Test authority', key: authority.key },
    names: ['live.example'],
    days: 14,
  });
  const caFile = file(authority.cert);
  const good: CertificateLook = {
    ...{ name: 'relay', names: ['live.example'], caFile, renewal: 'Renew it.', nowMs },
    ...{ certFile: file(pair.cert), keyFile: file(pair.key) },
  };
  const of = (changes: Partial<CertificateLook>) => levels(checkCertificate({ ...good, ...changes }));
  const all = {
    'certificate.relay.expiry': 'ok',
    'certificate.relay.names': 'ok',
    'certificate.relay.key': 'ok',
    'certificate.relay.chain': 'ok',
  };

  it('is good', () => expect(of({})).toEqual(all));

  it('ends, has ended, or does not count yet', () => {
    const day = 86_400_000;
    expect(of({ nowMs: nowMs + 13 * day })).toEqual({ ...all, 'certificate.relay.expiry': 'warn' });
    expect(of({ nowMs: nowMs + 15 * day })).toEqual({ ...all, 'certificate.relay.expiry': 'fail' });
    expect(of({ nowMs: nowMs - 60 * day })).toEqual({ ...all, 'certificate.relay.expiry': 'fail' });
  });

  it('is for another name', () => {
    expect(of({ names: ['live.example', 'other.example'] })).toEqual({ ...all, 'certificate.relay.names': 'fail' });
  });

  it('has another key, or none', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const other = file(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    expect(of({ keyFile: other })).toEqual({ ...all, 'certificate.relay.key': 'fail' });
    expect(of({ keyFile: join(folder, 'none') })).toEqual({ ...all, 'certificate.relay.key': 'fail' });
  });

  it('is by another authority, by one that nobody knows, self-made, or in the wrong order', () => {
    const other = makeAuthority({ name: 'Test authority', days: 30 });
    expect(of({ caFile: file(other.cert) })).toEqual({ ...all, 'certificate.relay.chain': 'fail' });
    expect(of({ caFile: undefined })).toEqual({ ...all, 'certificate.relay.chain': 'warn' });
    expect(of({ certFile: file(authority.cert), keyFile: file(authority.key), names: [], caFile: undefined })).toEqual({
      ...{ 'certificate.relay.expiry': 'ok', 'certificate.relay.key': 'ok', 'certificate.relay.chain': 'warn' },
    });
    expect(of({ certFile: file(pair.cert + other.cert) })).toEqual({ ...all, 'certificate.relay.chain': 'fail' });
  });

  it('is no certificate', () => {
    expect(of({ certFile: file('nothing') })).toEqual({ 'certificate.relay': 'fail' });
    expect(of({ certFile: join(folder, 'none') })).toEqual({ 'certificate.relay': 'fail' });
  });
});

describe('a key in a file', () => {
  const nowMs = Date.now();
  const secret = randomBytes(32).toString('base64url');
  const of = (path: string, isSecret = true) =>
    checkSecret({ setting: 'token.keyFile', file: path, read: readSharedKey, secret: isSecret, nowMs });
  it.each([
    [0o600, true, 'ok'],
    [0o640, true, 'ok'],
    [0o644, true, 'fail'],
    [0o644, false, 'ok'],
    [0o664, false, 'warn'],
  ])('of mode %o, secret %s: %s', async (mode, isSecret, level) => {
    expect(await of(file(secret, mode), isSecret)).toMatchObject({ check: 'key.token.keyFile', level });
  });

  it('is too short, missing, or old; what it holds is not said', async () => {
    const short = await of(file('geheimnis'));
    expect(short).toMatchObject({ level: 'fail', found: expect.stringContaining('at least 32 bytes') });
    expect(JSON.stringify(short)).not.toContain('geheimnis');
    expect(await of(join(folder, 'none'))).toMatchObject({ level: 'fail' });
    const old = file(secret);
    utimesSync(old, nowMs / 1000, nowMs / 1000 - 400 * 86_400);
    expect(await of(old)).toMatchObject({ level: 'warn', found: expect.stringContaining('400 days old') });
  });
});

describe('hayate doctor', () => {
  const any = { port: 0 };
  const config = (changes: object) =>
    file(JSON.stringify({ stateDir: folder, listen: any, http: any, metrics: any, api: any, ...changes }));
  const key = file(randomBytes(32).toString('base64url'));

  it('says what is there, a line a finding, and exits 0', async () => {
    const { code, out, err } = await call('doctor', '--config', config({ token: { keyFile: key } }));
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^ok +versions +hayate 0\.1\.0, Node 24\./m);
    expect(out).toMatch(/^ok +key\.token\.keyFile/m);
    expect(out).toMatch(/\n\d+ ok, \d+ to look at, 0 failed, \d+ not looked at\n$/);
  });

  it('exits 1 where something fails, and says what to do', async () => {
    const { code, out } = await call('doctor', '--json', '--config', config({ metrics: { port: 0, host: '::' } }));
    const found = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Finding);
    expect(code).toBe(1);
    expect(levels(found)).toMatchObject({ 'key.token': 'fail', 'private.metrics': 'warn', 'port.listen': 'ok' });
    for (const { level, advice } of found) expect(advice !== undefined).toBe(level === 'warn' || level === 'fail');
  });

  it('takes a configuration that is wrong for a finding', async () => {
    const { code, out } = await call('doctor', '--json', '--config', config({ listne: any }));
    expect(code).toBe(1);
    expect(out).toContain('did you mean listen');
    expect((await call('doctor', '--config', file('{'))).code).toBe(1);
    expect((await call('doctor', '--config', join(folder, 'none'))).code).toBe(1);
  });

  it('does not say secrets', async () => {
    const { out } = await call('doctor', '--json', '--config', config({ token: { keyFile: key } }));
    expect(out).not.toContain(readFileSync(key, 'utf8'));
  });
});
