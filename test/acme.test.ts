import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AcmeOptions, commandDns, openAccount, orderCertificate } from '@hayate/fleet/internal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pebble, startPebble } from '../lab/lib/pebble.ts';

let pebble: Pebble;
let skip: string | undefined;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-acme-'));
  const started = await startPebble({ validSeconds: 3600 });
  if ('skip' in started) skip = started.skip;
  else pebble = started;
}, 300_000);
afterAll(async () => {
  await pebble?.close();
  rmSync(dir, { recursive: true });
});

const options = (names: string[], dns: AcmeOptions['dns']): AcmeOptions => ({
  ...{ directoryUrl: pebble.directoryUrl, names, checkDns: false, dns },
  caPem: readFileSync(pebble.caFile, 'utf8'),
});

describe('a certificate by ACME', () => {
  it('has the names that were proved in the zone, a wildcard among them, and is renewed by the same account', async ({
    skip: leave,
  }) => {
    if (skip) leave(skip);
    const names = ['*.live.example.com', 'live.example.com'];
    const asked = options(names, commandDns(pebble.dnsCommand));
    const account = await openAccount(asked);
    const [first, second] = [await orderCertificate(account, asked), await orderCertificate(account, asked)];
    const leaf = new X509Certificate(first.cert);
    expect(leaf.subjectAltName?.split(', ').sort()).toEqual(names.map((name) => `DNS:${name}`));
    expect(leaf.checkPrivateKey(createPrivateKey(first.key))).toBe(true);
    expect(leaf.checkIssued(new X509Certificate(first.cert.slice(first.cert.indexOf('-----BEGIN', 1))))).toBe(true);
    expect(new X509Certificate(second.cert).serialNumber).not.toBe(leaf.serialNumber);
  });

  it('is not given to who cannot change the zone', async ({ skip: leave }) => {
    if (skip) leave(skip);
    const asked = options(['*.elsewhere.example.com'], { add: async () => {}, remove: async () => {} });
    const order = openAccount(asked).then((account) => orderCertificate(account, asked));
    await expect(order).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });
});
