import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsRig, natsServer, startNats } from './nats.ts';

const binary = await natsServer();
const skip = 'skip' in binary ? binary.skip : undefined;
if (skip) console.log(`SKIPPED NATS rig: ${skip}`);

const bucket = (connection: NatsConnection, domain: string) =>
  new Kvm(jetstream(connection, { domain, timeout: 1000 })).create(`of_${domain}`);

describe.skipIf(skip)('two regions of one NATS server', () => {
  let rig: NatsRig;
  beforeAll(async () => {
    rig = await startNats({ regions: ['jp', 'us'] });
  });
  afterAll(() => rig.stop());

  it('reaches a domain through the other one, and each works without the other', async () => {
    const [jp, us] = rig.regions;
    const connection = await connect({ servers: us!.urls });
    const far = await bucket(connection, 'jp');
    const near = await bucket(connection, 'us');
    await far.put('room', 'from us');
    await near.put('room', 'at home');

    await jp!.kill();
    await expect(far.put('room', 'lost')).rejects.toThrow();
    await near.put('room', 'still here');
    expect((await near.get('room'))?.string()).toBe('still here');

    await jp!.start();
    await rig.joined();
    // The line is back; that somebody answers there is known a little later.
    const kept = () => far.get('room').then((entry) => entry?.string(), String);
    await expect.poll(kept, { timeout: 15_000 }).toBe('from us');
    await connection.close();
  });
});

describe.skipIf(skip)('a region of three NATS servers', () => {
  it.each([{ how: 'in clear' }, { how: 'over TLS', secure: { relays: [] } }])(
    'goes on without one of them and stands still without two, $how',
    async ({ secure }) => {
      const rig = await startNats({ regions: ['jp'], servers: 3, ...(secure && { secure }) });
      try {
        const [first, second, third] = rig.regions[0]!.servers;
        const access = rig.accessOf('jp', { name: 'test' });
        const connection = await connectNats(rig.regions[0]!, { ...access, servers: [third!.url] });
        const js = jetstream(connection, { domain: 'jp', timeout: 1000 });
        let kv: KV | undefined;
        const create = async () => {
          kv = await new Kvm(js).create('rooms', { replicas: 3 }).catch(() => undefined);
          return kv !== undefined;
        };
        // Servers that are just up have a leader and may not all know it yet.
        await expect.poll(create, { timeout: 30_000 }).toBe(true);
        const put = (value: string) => kv!.put('room', value).catch(() => 0);
        // A server may not know yet who answers for a bucket that was made through another one.
        await expect.poll(() => put('1'), { timeout: 15_000 }).toBeGreaterThan(0);

        // Until all three have the stream, the one that dies may be one of two that do.
        const jsm = await jetstreamManager(connection, { domain: 'jp' });
        const copies = async () =>
          (await jsm.streams.info('KV_rooms')).cluster?.replicas?.filter(({ current }) => current).length;
        await expect.poll(copies, { timeout: 15_000 }).toBe(2);

        await first!.kill();
        await rig.regions[0]!.ready();
        await expect.poll(() => put('2'), { timeout: 30_000 }).toBeGreaterThan(1);

        await second!.kill();
        await expect(kv!.put('room', '3')).rejects.toThrow();
        await connection.close();
      } finally {
        await rig.stop();
      }
    },
    120_000,
  );
});
