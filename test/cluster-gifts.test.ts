import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRoom, type Room } from '@hayate/client';
import { engineAvailable } from '@hayate/engine';
import { mintTicket, readTicketSigner } from '@hayate/relay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NatsRig, natsServer, startNats } from '../lab/lib/nats.ts';
import { ensureTicketKey } from '../relay/gifts/mint.ts';
import { giftIds } from '../relay/telemetry/traces/gifts.ts';
import { collectedLog } from '../relay/test/collected-log.ts';
import { spansIn, traceFaults } from '../relay/test/spans.ts';
import { type ClusterRig, startCluster } from './cluster-rig.ts';

const REGIONS = ['jp', 'us'];
const server = await natsServer();
const engine = engineAvailable();
const missing = 'skip' in server ? server.skip : engine.ok ? undefined : engine.reason;
if (missing !== undefined) console.log(`SKIPPED gifts of two regions: ${missing}`);

describe.skipIf(missing !== undefined).each([
  { how: 'in clear, the directory in memory', secure: false },
  { how: 'the directory too: TLS, accounts, permissions of a region', secure: true },
])('gifts of two regions in NATS, $how', ({ secure }) => {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-cluster-gifts-'));
  const key = join(dir, 'ticket.key');
  const file = join(dir, 'spans.jsonl');
  const log = collectedLog();
  let nats: NatsRig;
  let rig: ClusterRig;
  const rooms: { room: Room; told: string[] }[] = [];
  const enter = async (relay: string, sub: string, gifts: { after?: number } = { after: 0 }) => {
    const room = connectRoom(rig.target(relay, { sub }), { connector: rig.connector, gifts });
    const told: string[] = [];
    room.on('gift', ({ jti }) => told.push(jti));
    room.on('gift_placed', ({ jti, number }) => told.push(`${jti} is ${number}`));
    room.gifts[Symbol.asyncIterator]();
    await room.ready;
    rooms.push({ room, told });
    return { room, told };
  };
  const ticket = async (jti: string, sub: string, reg: string) =>
    mintTicket(await readTicketSigner(key), {
      ...{ jti, room: 'r', sub, liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg },
    });
  /** `SPAN by RELAY` of a gift's trace. */
  const traced = (jti: string, reg: string) => {
    const { traceId } = giftIds({ kind: 'gift', key: jti, reg });
    const spans = spansIn(file).filter((span) => span.traceId === traceId);
    return { spans, by: spans.map(({ name, by }) => `${name} by ${by['service.instance.id']}`) };
  };
  /** What was shown, once each; and the numbers, of those that had none at first. */
  const shown = (told: string[]) => told.filter((each) => !each.includes(' is '));

  beforeAll(async () => {
    ensureTicketKey(key);
    nats = await startNats({ regions: REGIONS, ...(secure && { secure: { relays: ['jp-1', 'jp-2', 'us-1'] } }) });
    const gifts = { enabled: true, publicKeyFile: key };
    const telemetry = { traces: { file, joins: 0 } };
    rig = await startCluster({ jp: 2, us: 1 }, { gifts, telemetry }, nats.access, {
      directory: secure,
      logger: log.log,
    });
    await nats.listening((region) => `gifts-claim.${region}`);
  }, 90_000);
  afterAll(async () => {
    for (const { room } of rooms) room.close();
    await rig?.close();
    await nats?.stop();
    expect(log.codes()).not.toContain('nats_not_permitted');
    rmSync(dir, { recursive: true, force: true });
  }, 30_000);

  it('are shown everywhere, once, and get one sequence; tickets of the other region are taken there', async () => {
    const ann = await enter('jp-1', 'ann');
    const bo = await enter('us-1', 'bo');
    // A gift that is older than a relay's first subscription is read and not shown there: no span.
    for (const relay of ['jp-1', 'us-1']) {
      const { room } = await enter(relay, `witness-${relay}`, {});
      await expect.poll(() => room.giftsSeen, { timeout: 15_000 }).toBeDefined();
    }
    const here = await ann.room.gift(await ticket('one', 'ann', 'jp'));
    expect(here).toMatchObject({ repeat: false });
    expect(here.number).toBeUndefined();
    // A machine without a core to spare answers late: then it is asked again, and the answer is that of a repeat.
    expect(await ann.room.gift(await ticket('two', 'ann', 'us'))).toHaveProperty('gift');
    expect(await bo.room.gift(await ticket('three', 'bo', 'us'))).toHaveProperty('gift');
    for (const { room, told } of [ann, bo]) {
      await expect.poll(() => room.giftsSeen, { timeout: 15_000 }).toBe(3);
      expect(new Set(shown(told))).toEqual(new Set(['one', 'two', 'three']));
      expect(shown(told)).toHaveLength(3);
    }
    const [jp, us] = [rig.relay('jp-1').ledger!, rig.relay('us-1').ledger!];
    expect((await jp.since(0, 10)).map(({ key: jti }) => jti)).toEqual(['one']);
    expect((await us.since(0, 10)).map(({ key: jti }) => jti)).toEqual(['two', 'three']);
    expect(await us.resume('r', 0, 10)).toEqual(await jp.resume('r', 0, 10));
    const again = await bo.room.gift(await ticket('three', 'bo', 'us'));
    expect(again).toMatchObject({ repeat: true });

    // Nothing carried the trace from relay to relay.
    const one = ['gift.check', 'gift.commit', 'gift.show', 'gift.submit'].map((name) => `${name} by jp-1`);
    await expect
      .poll(() => traced('one', 'jp').by.sort(), { timeout: 15_000 })
      .toEqual([...one, 'gift.show by us-1'].sort());
    expect(traceFaults(traced('one', 'jp').spans)).toEqual([]);
    const two = ['gift.forward by jp-1', 'gift.commit by us-1', 'gift.show by jp-1', 'gift.show by us-1'];
    expect(traced('two', 'us').by).toEqual(expect.arrayContaining(two));
  }, 60_000);

  it('are taken by the disks of two relays while NATS of the region is away', async () => {
    const ann = await enter('jp-1', 'ann2');
    await expect.poll(() => ann.room.giftsSeen, { timeout: 15_000 }).toBe(3);
    const [jpNats] = nats.region('jp').servers;
    await jpNats!.kill();
    const away = await ann.room.gift(await ticket('four', 'ann2', 'jp'));
    expect(away).toMatchObject({ repeat: false });
    expect(away.gift).toBeUndefined();
    await expect.poll(() => shown(ann.told), { timeout: 15_000 }).toContain('four');
    await jpNats!.start();
    await expect.poll(() => ann.room.giftsSeen, { timeout: 30_000 }).toBe(4);
    expect(shown(ann.told).filter((jti) => jti === 'four')).toHaveLength(1);
    // Both relays had it, and brought it.
    const second = rig.relay('jp-2').ledger!;
    await expect
      .poll(() => second.since(0, 10).catch(() => []), { timeout: 15_000 })
      .toMatchObject([{ key: 'one' }, { key: 'four' }]);
  }, 90_000);
});
