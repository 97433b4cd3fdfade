import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readFleetConfig } from './fleet.ts';

const folder = mkdtempSync(join(tmpdir(), 'hayate-fleet-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const least = {
  serviceTokenFile: '/etc/hayate/service.token',
  regions: { jp: { zones: { linode: ['jp-tyo-3'] }, min: 1, max: 4 } },
  nats: { urls: ['nats://127.0.0.1:4222'], region: 'jp' },
  providers: { linode: { kind: 'linode', tokenFile: '/etc/hayate/linode.token' } },
};

function read(config: unknown) {
  const file = join(folder, 'fleet.json');
  writeFileSync(file, JSON.stringify(config));
  return readFleetConfig(file);
}

it('takes the least, and is a dry run then', () => {
  expect(read(least)).toMatchObject({
    ...{ dryRun: true, tag: 'hayate-fleet', limits: { cpu: 0.6 } },
    providers: { linode: { share: 100, type: 'g6-standard-2' } },
  });
});

it.each([
  ['an unknown key', { ...least, colour: 1 }, /colour/],
  [
    'an unknown key of a region',
    { ...least, regions: { jp: { zones: { linode: ['x'] }, min: 0, max: 1, zone: 'x' } } },
    /zone/,
  ],
  [
    'bounds the wrong way',
    { ...least, regions: { jp: { zones: { linode: ['x'] }, min: 2, max: 1 } } },
    /min is over max/,
  ],
  ['no region', { ...least, regions: {} }, /wants a region/],
  ['a foreign home', { ...least, nats: { ...least.nats, region: 'us' } }, /no key of regions/],
  ['zones of nobody', { ...least, regions: { jp: { zones: { rack: ['x'] }, min: 0, max: 1 } } }, /rack is no key of/],
  ['no share at all', { ...least, providers: { linode: { ...least.providers.linode, share: 0 } } }, /has a share/],
  ['an unknown kind', { ...least, providers: { linode: { kind: 'cloud' } } }, /kind/],
  ['a key of another kind', { ...least, providers: { linode: { ...least.providers.linode, dir: 'x' } } }, /dir/],
  [
    'too few ports',
    { ...least, providers: { linode: { kind: 'local', dir: 'x', ports: { from: 1, to: 4 } } } },
    /five ports/,
  ],
])('refuses %s', (_, config, message) => {
  expect(() => read(config)).toThrow(message);
});
