import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable } from '@hayate/engine';
import { readCreds } from '@hayate/relay/nats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeClusterKeys } from './cluster-keys.ts';
import { call } from './test/call.ts';

const engine = engineAvailable();
if (!engine.ok) console.log(`SKIPPED keys of a cluster: ${engine.reason}`);

const NATS = [{ id: 'nats-jp-1', addresses: ['192.0.2.1', '2001:db8::1'] }];
const DAY_MS = 86_400_000;

describe.skipIf(!engine.ok)('keys of a cluster', () => {
  let dir: string;
  beforeEach(() => {
    dir = join(mkdtempSync(join(tmpdir(), 'hayate-keys-')), 'keys');
  });
  afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

  const make = (options: Partial<Parameters<typeof makeClusterKeys>[0]> = {}) =>
    makeClusterKeys({ dir, relays: ['jp-1', 'us-1'], nats: NATS, regions: ['jp', 'us'], days: 825, ...options });
  const contents = () =>
    Object.fromEntries(readdirSync(dir).map((file) => [file, readFileSync(join(dir, file), 'utf8')]));
  const creds = (id: string) => readCreds(readFileSync(join(dir, `${id}.creds`), 'utf8'));
  const cert = (id: string) => new X509Certificate(readFileSync(join(dir, `${id}.pem`)));

  it('are files for their owner alone, no seed among what machines get', () => {
    make();
    const files = contents();
    expect(Object.keys(files).sort()).toEqual(
      [
        ...['ca.key', 'ca.pem', 'nats-ca.key', 'nats-ca.pem', 'nats-accounts.conf', 'nats-leaf.conf'],
        ...['nats-operator.nk', 'nats-system.nk', 'nats-account.nk', 'nats-users.nk'],
        ...['jp-1', 'us-1', 'nats-jp-1'].flatMap((id) => [`${id}.pem`, `${id}.key`, `${id}.creds`]),
      ].sort(),
    );
    for (const file of Object.keys(files)) expect(statSync(join(dir, file)).mode & 0o777, file).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const seed = /\bS[OAU][A-Z2-7]{56}\b/;
    expect(files['nats-operator.nk']).toMatch(seed);
    for (const file of ['nats-accounts.conf', 'nats-leaf.conf']) expect(files[file]).not.toMatch(seed);
  });

  it('make a NATS server known by the authority of NATS servers alone, under its addresses', () => {
    make();
    const server = cert('nats-jp-1');
    for (const address of NATS[0]!.addresses) expect(server.checkIP(address)).toBeDefined();
    expect(server.verify(cert('nats-ca').publicKey)).toBe(true);
    expect(server.verify(cert('ca').publicKey)).toBe(false);
    expect(cert('jp-1').verify(cert('nats-ca').publicKey)).toBe(false);
  });

  it('give a relay what its region needs, a server what its account has, and without regions everybody all', () => {
    make();
    const permitted = (id: string) => JSON.stringify(creds(id).claims.nats);
    expect(permitted('us-1')).toContain('"gifts.us.*.*.*"');
    expect(permitted('us-1')).not.toContain('"gifts.jp.*.*.*"');
    expect(permitted('nats-jp-1')).toContain('LEAFNODE');
    expect(permitted('nats-jp-1')).not.toContain('"pub"');
    const { seed } = creds('us-1');
    make({ regions: [] });
    expect(permitted('us-1')).not.toContain('"pub"');
    // The same user, with other permissions.
    expect(creds('us-1').seed).toBe(seed);
    expect(() => make({ relays: ['de-1'] })).toThrow('de-1 begins with none of jp, us');
    expect(permitted('us-1')).not.toContain('"pub"');
  });

  it('of the fleet: a user that reads no gift, for a region that there is', () => {
    make({ fleet: 'jp' });
    const nats = JSON.stringify(creds('fleet').claims.nats);
    expect(nats).toContain('"hayate.fleet.*"');
    expect(nats).not.toMatch(/gift/i);
    expect(() => make({ fleet: 'de' })).toThrow('no region of --regions');
    expect(() => make({ fleet: 'jp', regions: [] })).toThrow('no region of --regions');
    expect(() => make({ relays: ['fleet'] })).toThrow('this name already');
    expect(make({ fleet: 'jp' }).every(({ made }) => !made)).toBe(true);
  });

  it('stay as they are, whoever is added', () => {
    expect(make().every(({ made }) => made)).toBe(true);
    const before = contents();
    const again = make({ relays: ['jp-1', 'us-1', 'us-2'], nowMs: Date.now() + 60_000 });
    expect(again.filter(({ made }) => made).map(({ file }) => file)).toEqual(
      ['us-2.pem', 'us-2.creds'].map((file) => join(dir, file)),
    );
    expect(contents()).toMatchObject(before);
  });

  it('are renewed when asked, a month before a certificate ends, and when an address is another', () => {
    make();
    const before = contents();
    const changed = () => Object.keys(before).filter((file) => contents()[file] !== before[file]);
    make({ nowMs: Date.now() + 790 * DAY_MS });
    expect(changed()).toEqual([]);
    make({ nats: [{ id: 'nats-jp-1', addresses: ['192.0.2.9'] }] });
    expect(changed().sort()).toEqual(['nats-jp-1.key', 'nats-jp-1.pem']);
    expect(cert('nats-jp-1').checkIP('192.0.2.9')).toBeDefined();
    make({ nowMs: Date.now() + 800 * DAY_MS });
    expect(changed()).toEqual(expect.arrayContaining(['jp-1.pem', 'us-1.key']));
    expect(changed()).not.toContain('jp-1.creds');
    make({ relays: ['jp-1'], nats: [], renew: true });
    expect(creds('jp-1').jwt).not.toBe(readCreds(before['jp-1.creds']!).jwt);
    expect(changed().filter((file) => /ca\.|nats-.*\.(nk|conf)$/.test(file))).toEqual([]);
  });

  it('are not begun anew over what is left of others', () => {
    make();
    rmSync(join(dir, 'nats-accounts.conf'));
    make();
    expect(contents()['nats-accounts.conf']).toContain('resolver_preload');
    rmSync(join(dir, 'nats-account.nk'));
    expect(() => make()).toThrow('nats-account.nk is not there');
    writeFileSync(join(dir, 'nats-account.nk'), 'nothing');
    rmSync(join(dir, 'nats-leaf.conf'));
    expect(() => make()).toThrow('not the seed of a NATS account');
  });

  it('get another signer of users once it is taken away, in the same account', () => {
    make();
    const before = contents();
    rmSync(join(dir, 'nats-users.nk'));
    make();
    expect(contents()['nats-leaf.conf']).toBe(before['nats-leaf.conf']);
    expect(contents()['nats-accounts.conf']).not.toBe(before['nats-accounts.conf']);
    for (const id of ['jp-1', 'nats-jp-1'])
      expect(creds(id).claims.iss).not.toBe(readCreds(before[`${id}.creds`]!).claims.iss);
  });

  it.each([
    [{ relays: ['../x'] }, 'not 1 to 63 of a-z'],
    [{ relays: ['ca'] }, 'this name already'],
    [{ relays: ['jp-1', 'nats-jp-1'], regions: [] }, 'this name already'],
  ])('refuse names that files cannot have: %j', (options, text) => {
    expect(() => make(options)).toThrow(text);
    expect(() => readdirSync(dir)).toThrow('ENOENT');
  });

  it('are made by the command line', async () => {
    const nats = ['--nats', 'nats-jp-1=192.0.2.1,2001:db8::1', 'nats-us-1=192.0.2.2'];
    const args = ['cluster', 'keys', '--dir', dir, '--regions', 'jp,us', 'jp-1', ...nats];
    expect(await call(...args)).toMatchObject({
      code: 0,
      out: expect.stringContaining(`${join(dir, 'nats-us-1.creds')}\n`),
    });
    expect((await call(...args)).out).toContain('jp-1.pem  kept\n');
    expect(await call('cluster', 'keys', '--dir', dir, 'jp-1', '--nats', 'nats-jp-1')).toMatchObject({ code: 2 });
  });
});
