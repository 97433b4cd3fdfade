import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFleetConfig, startFleet } from '@hayate/fleet';
import { FakeLinode, serveFakeLinode } from '@hayate/fleet/testing/linode';
import { NatsLink, natsDirectory } from '@hayate/relay/directory/nats';
import { FLEET_INBOX } from '@hayate/relay/nats';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type NatsRig, natsServer, type RigAccess, startNats } from '../lab/lib/nats.ts';
import { collectedLog } from '../relay/test/collected-log.ts';
import { relayEntry } from '../relay/test/directory-stage.ts';

const SERVICE_TOKEN = 'a-service-token-of-more-than-32-characters';
const REGIONS = ['jp', 'us'];
const poll = { timeout: 60_000 };

const server = await natsServer();
const missing = 'skip' in server ? server.skip : undefined;
if (missing !== undefined) console.log(`SKIPPED the fleet's user of NATS: ${missing}`);

describe.skipIf(missing !== undefined)("the fleet's user of NATS, as `hayate cluster keys --fleet` makes it", () => {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-fleet-access-'));
  const closing: (() => Promise<unknown>)[] = [];
  let rig: NatsRig;
  beforeAll(async () => {
    rig = await startNats({ regions: REGIONS, secure: { relays: ['jp-f-1', 'us-1'], fleet: 'jp' } });
  }, 60_000);
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    await rig?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  /** A connection and the subjects that it was refused. */
  const open = async (access: RigAccess, inboxPrefix?: string) => {
    const { log, lines } = collectedLog();
    const link = new NatsLink({ ...access, log, ...(inboxPrefix !== undefined && { inboxPrefix }) });
    closing.push(() => link.close());
    await expect.poll(() => link.connection !== undefined, poll).toBe(true);
    const refused = () => lines.filter(({ code }) => code === 'nats_not_permitted').map(({ subject }) => subject);
    return { nats: link.connection!, refused, link };
  };

  it('is enough: the fleet makes the first buckets, leads, knows relays and rooms of all regions, and orders a drain', async () => {
    const fake = new FakeLinode({ nowMs: () => Date.now(), createMs: 50, bootMs: 50 });
    const api = await serveFakeLinode(fake);
    closing.push(() => api.close());
    const { servers: urls, ...access } = rig.fleetAccess();
    const { log, lines } = collectedLog();
    const config = {
      ...{ owner: 'a', dryRun: false, listen: { port: 0 } },
      serviceTokenFile: file('service.token', SERVICE_TOKEN),
      regions: {
        jp: { zones: { linode: ['jp-tyo-3'] }, min: 1, max: 1 },
        us: { zones: { linode: ['us-ord'] }, min: 0, max: 1 },
      },
      nats: { urls, region: 'jp', ...access },
      providers: { linode: { kind: 'linode', tokenFile: file('linode.token', 'token'), apiUrl: api.url } },
      scale: { tickMs: 100 },
    };
    const fleet = await startFleet(readFleetConfig(file('fleet.json', JSON.stringify(config))), log);
    closing.push(() => fleet.close());
    await expect.poll(() => fake.machines().map(({ label }) => label), poll).toEqual(['hayate-jp-f-1']);

    const directories = ['jp-f-1', 'us-1'].map((id) => {
      const region = id.slice(0, 2);
      const directory = natsDirectory({ region, regions: REGIONS, nats: rig.access(region, id) });
      closing.push(() => directory.shutdown());
      const load = { viewers: 0, rooms: 0, cpu: 0.1, egressBps: 0, giftsHeld: 0 };
      directory.announce({ ...relayEntry(id, region), load });
      return directory;
    });
    const [jp, us] = directories as [(typeof directories)[0], (typeof directories)[0]];
    const ask = async (path: string, body?: object) => {
      const init = body ? { method: 'POST', body: JSON.stringify(body) } : {};
      const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
      const answer = await fetch(`http://127.0.0.1:${fleet.port}${path}`, { ...init, headers });
      return (await answer.json()) as { leads?: boolean; relays: { id: string }[] };
    };
    const ids = async () => (await ask('/v1/fleet')).relays.map(({ id }) => id).sort();
    await expect.poll(ids, poll).toEqual(['jp-f-1', 'us-1']);
    expect((await ask('/v1/fleet')).leads).toBe(true);

    // A room of the other region stays where it is: that it lives there is read.
    await expect.poll(() => us.health().connected, poll).toBe(true);
    await us.open('over there', 'us', 'us-1');
    const first = async () => (await ask('/v1/rooms', { room: 'over there' })).relays[0]?.id;
    await expect.poll(first, poll).toBe('us-1');

    // The fleet of another test keeps its state there too, so this one is asked directly.
    const told: string[] = [];
    jp.onDrainOrder('jp-f-1', () => told.push('jp-f-1'));
    const { link } = await open(rig.fleetAccess(), FLEET_INBOX);
    const orders = natsDirectory({ region: 'jp', regions: REGIONS, nats: link });
    closing.push(() => orders.shutdown());
    await expect
      .poll(() => {
        orders.orderDrain({ id: 'jp-f-1', region: 'jp' });
        return told.length > 0;
      }, poll)
      .toBe(true);
    expect(lines.filter(({ code }) => code === 'nats_not_permitted')).toEqual([]);
  }, 120_000);

  it('is for nothing else: no gift is read or made, no room or relay written, no answer of others heard', async () => {
    const { nats, refused } = await open(rig.fleetAccess(), FLEET_INBOX);
    const wanted = [
      ...['STREAM.MSG.GET.GIFTS_jp', 'DIRECT.GET.GIFTS_jp', 'CONSUMER.CREATE.GIFTS_jp', 'STREAM.INFO.GIFTS_jp'],
      ...['STREAM.CREATE.COPY', 'STREAM.UPDATE.FLEET', 'STREAM.DELETE.FLEET', 'STREAM.PURGE.GIFTS_jp'],
      ...['STREAM.UPDATE.KV_rooms_jp', '$KV.rooms_jp.x', 'CONSUMER.CREATE.KV_rooms_jp'],
    ].map((verb) => `$JS.API.${verb}`);
    wanted.push('$JS.us.API.STREAM.MSG.GET.GIFTS_us', '$JS.us.API.DIRECT.GET.GIFTS_us.x', 'gifts.jp.g.a.b');
    wanted.push('$KV.relays_jp.x', 'hayate.alive.jp.x', 'gifts-claim.jp', 'giftstate.jp.x');
    for (const subject of wanted) nats.publish(subject);
    await expect.poll(() => refused().sort(), poll).toEqual(wanted.sort());

    // A link tells of twenty at most.
    const other = await open(rig.fleetAccess(), FLEET_INBOX);
    const heard = ['>', 'gifts.>', '_INBOX.>', 'hayate.orders.>'];
    for (const subject of heard) other.nats.subscribe(subject, { callback: () => {} });
    await expect.poll(() => other.refused().sort(), poll).toEqual(heard.sort());
  }, 120_000);

  it('of a relay, the same calls for gifts are taken, and none for what the fleet keeps', async () => {
    const { nats, refused } = await open(rig.access('jp', 'jp-f-1'));
    for (const verb of ['STREAM.MSG.GET', 'DIRECT.GET', 'CONSUMER.CREATE']) nats.publish(`$JS.API.${verb}.GIFTS_jp`);
    const wanted = [
      ...['STREAM.INFO', 'STREAM.CREATE', 'STREAM.UPDATE', 'STREAM.DELETE', 'STREAM.PURGE', 'STREAM.MSG.GET'],
      ...['STREAM.MSG.DELETE', 'DIRECT.GET', 'CONSUMER.CREATE'],
    ].map((verb) => `$JS.API.${verb}.FLEET`);
    wanted.push('$JS.API.DIRECT.GET.FLEET.hayate.fleet.x', '$JS.API.CONSUMER.CREATE.FLEET.name.hayate.fleet.x');
    wanted.push('$JS.API.CONSUMER.MSG.NEXT.FLEET.name', 'hayate.fleet.x', 'hayate.orders.jp.jp-f-2');
    for (const subject of wanted) nats.publish(subject);
    nats.subscribe(`${FLEET_INBOX}.>`, { callback: () => {} });
    nats.subscribe('hayate.fleet.>', { callback: () => {} });
    wanted.push(`${FLEET_INBOX}.>`, 'hayate.fleet.>');
    await expect.poll(() => refused().sort(), poll).toEqual(wanted.sort());

    // From another region, where the state is not.
    const far = await open(rig.access('us', 'us-1'));
    for (const verb of ['STREAM.MSG.GET', 'DIRECT.GET', 'STREAM.INFO']) far.nats.publish(`$JS.jp.API.${verb}.FLEET`);
    await expect
      .poll(() => far.refused().sort(), poll)
      .toEqual(['DIRECT.GET', 'STREAM.INFO', 'STREAM.MSG.GET'].map((verb) => `$JS.jp.API.${verb}.FLEET`));
  }, 120_000);
});
