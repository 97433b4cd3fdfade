import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { relaysFrom } from '@hayate/client';
import { type RunningFleet, readFleetConfig, startFleet } from '@hayate/fleet';
import { natsStore, type Store } from '@hayate/fleet/internal';
import { FakeLinode, serveFakeLinode } from '@hayate/fleet/testing/linode';
import { mintToken } from '@hayate/relay';
import { NatsLink, natsDirectory } from '@hayate/relay/directory/nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NatsRig, natsServer, startNats } from '../lab/lib/nats.ts';
import { collectedLog } from '../relay/test/collected-log.ts';
import { relayEntry } from '../relay/test/directory-stage.ts';

const WAIT_MS = 60_000;
const TOKEN_KEY = 'a-shared-key-of-more-than-32-characters';
const SERVICE_TOKEN = 'a-service-token-of-more-than-32-characters';

/** Other processes are asked until they say so. */
async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${WAIT_MS} ms: ${what}`);
    await after(20);
  }
}

const server = await natsServer();
const missing = 'skip' in server ? server.skip : undefined;
if (missing !== undefined) console.log(`skipped: ${missing}`);

describe.skipIf(missing !== undefined)('the fleet on real NATS and the fake Linode API over HTTP', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-fleet-'));
  const closing: (() => Promise<unknown>)[] = [];
  let rig: NatsRig;

  beforeAll(async () => {
    rig = await startNats({ regions: ['jp'], servers: 1 });
  });

  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    await rig.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps values by compare-and-set, over connections', async () => {
    const open = async (): Promise<Store> => {
      const link = new NatsLink({ servers: rig.region('jp').urls });
      closing.push(() => link.close());
      await until('NATS', () => link.connection !== undefined);
      return natsStore(link, { region: 'jp', replicas: 1 });
    };
    const [a, b] = [await open(), await open()];
    expect(await a.read('one')).toEqual({ value: undefined, sequence: 0 });
    const first = await a.write('one', { n: 1 }, 0);
    expect(await b.read('one')).toEqual({ value: { n: 1 }, sequence: first });
    expect(await b.write('one', { n: 2 }, 0)).toBeUndefined();
    const second = await b.write('one', { n: 2 }, first!);
    expect(second).toBeGreaterThan(first!);
    expect(await a.write('one', { n: 3 }, first!)).toBeUndefined();
    expect(await a.read('other')).toMatchObject({ value: undefined });
  });

  it('its order to drain reaches the relay that it is for, and no other', async () => {
    const open = () => {
      const directory = natsDirectory({ region: 'jp', regions: ['jp'], nats: { servers: rig.region('jp').urls } });
      closing.push(() => directory.shutdown());
      return directory;
    };
    const [relays, fleet] = [open(), open()];
    const told: string[] = [];
    for (const id of ['jp-1', 'jp-2']) relays.onDrainOrder(id, () => told.push(id));
    for (const id of ['jp-2', 'jp-1']) {
      await until(`the order to ${id}`, () => {
        fleet.orderDrain({ id, region: 'jp' });
        return told.at(-1) === id;
      });
    }
    expect(told.indexOf('jp-1')).toBeGreaterThan(told.lastIndexOf('jp-2'));
  });

  it('two instances make the machines once, and answer POST /v1/rooms', async () => {
    const fake = new FakeLinode({ nowMs: () => Date.now(), createMs: 50, bootMs: 50 });
    const api = await serveFakeLinode(fake);
    closing.push(() => api.close());
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const start = (owner: string): Promise<RunningFleet> =>
      startFleet(
        readFleetConfig(
          file(
            `${owner}.json`,
            JSON.stringify({
              ...{ owner, dryRun: false, listen: { port: 0 } },
              serviceTokenFile: file('service.token', SERVICE_TOKEN),
              tokenKeyFile: file('token.key', TOKEN_KEY),
              regions: { jp: { zones: { linode: ['jp-tyo-3'] }, min: 2, max: 3 } },
              nats: { urls: rig.region('jp').urls, region: 'jp' },
              providers: { linode: { kind: 'linode', tokenFile: file('linode.token', 'token'), apiUrl: api.url } },
              scale: { tickMs: 100 },
            }),
          ),
        ),
        collectedLog().log,
      );
    const fleets = [await start('a'), await start('b')];
    for (const fleet of fleets) closing.push(() => fleet.close());
    await until('two machines', () => fake.machines().length === 2);
    const ids = fake.machines().map(({ label }) => label.slice('hayate-'.length));
    expect(ids).toEqual(['jp-f-1', 'jp-f-2']);
    for (const id of ids) {
      const nats = { servers: rig.region('jp').urls };
      const directory = natsDirectory({ region: 'jp', regions: ['jp'], nats });
      closing.push(() => directory.shutdown());
      directory.announce({
        ...relayEntry(id, 'jp'),
        load: { viewers: 0, rooms: 0, cpu: 0.1, egressBps: 0, giftsHeld: 0 },
      });
    }
    for (const { port } of fleets) {
      const ask = (path: string, init: RequestInit = {}) =>
        fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers: { authorization: `Bearer ${SERVICE_TOKEN}` } });
      await until('a relay for a room', async () => {
        const answer = await ask('/v1/rooms', { method: 'POST', body: JSON.stringify({ room: 'r', region: 'jp' }) });
        if (answer.status !== 200) return false;
        const { relays } = (await answer.json()) as { relays: { id: string }[] };
        return relays.length === 2 && relays.every(({ id }) => ids.includes(id));
      });
    }
    // A client of a relay that died, as the SDK asks.
    const key = new TextEncoder().encode(TOKEN_KEY);
    const token = await mintToken(key, { room: 'r', sub: 'ann', roles: ['viewer'] });
    const [gone, left] = ids;
    for (const { port } of fleets) {
      const at = (room: string) => ({ url: `http://127.0.0.1:${port}/v1/rooms/${room}/relays?region=jp`, token });
      const named = await relaysFrom(at('r'))({ left: relayEntry(gone!, 'jp').url });
      expect(named).toMatchObject([{ id: left, placed: true }]);
      await expect(relaysFrom(at('other'))()).rejects.toMatchObject({ code: 'connect_failed' });
    }
    const statuses = await Promise.all(
      fleets.map(async ({ port }) => {
        const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
        return (await (await fetch(`http://127.0.0.1:${port}/v1/fleet`, { headers })).json()) as { leads: boolean };
      }),
    );
    expect(statuses.filter(({ leads }) => leads)).toHaveLength(1);
    expect(fake.machines()).toHaveLength(2);
  });
});
