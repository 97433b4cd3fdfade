import { generateKeyPairSync } from 'node:crypto';
import { exportJWK } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { KeySet } from './jwks.ts';

const jwk = async (kid: string) => ({
  ...(await exportJWK(generateKeyPairSync('ed25519').publicKey)),
  kid,
  alg: 'EdDSA',
});
const [first, second] = await Promise.all([jwk('k1'), jwk('k2')]);

describe('a set of keys', () => {
  let now = 0;
  let loads = 0;
  let text: string | Error;
  let set: KeySet;
  beforeEach(async () => {
    now = 0;
    loads = 0;
    text = JSON.stringify({ keys: [first] });
    set = new KeySet({
      refreshMs: 100_000,
      cooldownMs: 1000,
      nowMs: () => now,
      async load() {
        loads += 1;
        if (text instanceof Error) throw text;
        return text;
      },
    });
    await set.refresh();
  });
  const find = async (kid: string) => ((await set.find({ kid, alg: 'EdDSA' })) ? 'found' : undefined);

  it('is read again for a kid that is not in it, at most once a cool-down, and answers who asks meanwhile', async () => {
    expect(await find('k1')).toBe('found');
    text = JSON.stringify({ keys: [second] });
    expect(await find('k2')).toBeUndefined();
    expect(loads).toBe(1);
    now += 1000;
    expect(await Promise.all([find('k2'), find('k2'), find('k2')])).toEqual(['found', 'found', 'found']);
    expect(loads).toBe(2);
    expect(await find('k1')).toBeUndefined();
  });

  it('is not read without bound by made-up kids, nor while reading fails', async () => {
    for (const failing of [false, true]) {
      loads = 0;
      if (failing) text = new Error('no answer');
      for (now += 1000; loads < 5; now += 10) {
        expect(await find(`made-up-${now}`)).toBeUndefined();
      }
      expect(now % 100_000).toBeGreaterThanOrEqual(4000);
      // The last good one stays.
      expect(await find('k1')).toBe('found');
    }
  });

  it('is read again when it is old, without making anybody wait, and stays when it cannot be', async () => {
    text = new Error('no answer');
    now = 200_000;
    expect(await find('k1')).toBe('found');
    expect(loads).toBe(2);
    await set.refresh();
    text = JSON.stringify({ keys: [second] });
    now += 1000;
    expect(await find('k1')).toBe('found');
    await set.refresh();
    expect(await find('k1')).toBeUndefined();
    expect(await find('k2')).toBe('found');
  });
});
