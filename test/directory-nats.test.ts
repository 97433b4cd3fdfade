import { setTimeout as after } from 'node:timers/promises';
import type { Directory } from '@hayate/relay/directory';
import { NatsLink, natsDirectory } from '@hayate/relay/directory/nats';
import { describe, expect, it, vi } from 'vitest';
import { type NatsRig, natsServer, startNats } from '../lab/lib/nats.ts';
import { TcpLine } from '../lab/lib/tcp-line.ts';
import { collectedLog } from '../relay/test/collected-log.ts';
import { directoryContract } from '../relay/test/directory-contract.ts';
import { type DirectoryStage, relayEntry } from '../relay/test/directory-stage.ts';

const REGIONS = ['jp', 'us'];
/** Servers ask a lost domain again after 10 s at first, later after up to two minutes. */
const WAIT_MS = 150_000;

interface JetStreamPage {
  account_details?: { stream_detail: { name: string; state: { last_seq: number } }[] }[];
}

/** By stream, of one server: the last sequence. */
async function lastSequences(region: NatsRig['regions'][number]): Promise<Map<string, number>> {
  const page = await region.servers[0]!.monitor<JetStreamPage>('/jsz?accounts=true&streams=true');
  const streams = page.account_details?.flatMap(({ stream_detail }) => stream_detail) ?? [];
  return new Map(streams.map(({ name, state }) => [name, state.last_seq]));
}

async function natsStage(
  servers: 1 | 3,
  secure = false,
): Promise<DirectoryStage & { unready(region: string): Directory }> {
  const ocean: TcpLine[] = [];
  const rig = await startNats({
    regions: REGIONS,
    servers,
    ...(secure && { secure: { relays: REGIONS.map((region) => `${region}-1`) } }),
    ocean: async (_from, _to, port) => {
      const line = await TcpLine.to(port);
      ocean.push(line);
      return line.address;
    },
  });
  const { log, lines } = collectedLog();
  const all: { shutdown(): Promise<void> }[] = [];
  // Nothing tells of a state of a server, or of what a directory has heard: they are asked until they say so.
  const until = async (what: string, condition: () => boolean | Promise<boolean>) => {
    const end = performance.now() + WAIT_MS;
    while (!(await condition())) {
      if (performance.now() > end) throw new Error(`not within ${WAIT_MS} ms: ${what}`);
      await after(10);
    }
  };
  const make = (region: string) => {
    const nats = new NatsLink({ ...rig.access(region, `${region}-1`), log });
    const options = { region, regions: REGIONS, nats, replicas: servers, heartbeatMs: 200, goneMs: 1000 };
    const directory = natsDirectory(options);
    all.push(directory, { shutdown: () => nats.close() });
    return { directory, nats };
  };
  return {
    until,
    unready: (region) => make(region).directory,
    directory: async (region) => {
      const { directory, nats } = make(region);
      await until('the directory is connected', () => directory.health().connected);
      return { directory, kill: () => nats.close() };
    },
    copied: () =>
      until('the copies are complete', async () => {
        const [jp, us] = await Promise.all(rig.regions.map(lastSequences));
        return jp!.size === 4 && [...jp!].every(([stream, sequence]) => us!.get(stream) === sequence);
      }),
    away: (region) => rig.region(region).kill(),
    back: async (region) => {
      await rig.region(region).start();
      await rig.joined();
    },
    cut: async () => {
      for (const line of ocean) line.cut();
    },
    heal: async () => {
      for (const line of ocean) line.heal();
      await rig.joined();
    },
    stop: async () => {
      await Promise.all(all.map((one) => one.shutdown()));
      await rig.stop();
      await Promise.all(ocean.map((line) => line.close()));
      const forbidden = lines.filter(({ code }) => code === 'nats_not_permitted');
      if (forbidden.length > 0) throw new Error(`not permitted: ${JSON.stringify(forbidden)}`);
    },
  };
}

vi.setConfig({ testTimeout: WAIT_MS + 30_000 });

const binary = await natsServer();
const missing = 'skip' in binary ? binary.skip : undefined;
const slow = process.env['HAYATE_SLOW'] === '1' ? undefined : 'three servers a region: set HAYATE_SLOW=1';
if (missing) console.log(`SKIPPED a directory that starts before NATS: ${missing}`);

directoryContract('NATS, a server a region', () => natsStage(1), missing);
directoryContract('NATS with TLS, accounts and permissions of a region', () => natsStage(1, true), missing);
directoryContract('NATS, three servers a region', () => natsStage(3), missing ?? slow);
directoryContract('NATS, three servers a region, with all of these', () => natsStage(3, true), missing ?? slow);

describe.skipIf(missing)('a directory that starts before NATS', () => {
  it('is there at once, says so, and catches up with what it was told', async () => {
    const stage = await natsStage(1);
    const { directory: us } = await stage.directory('us');
    const { directory: first } = await stage.directory('jp');
    await first.open('room', 'jp', 'jp-1');
    await stage.away('jp');
    const early = stage.unready('jp');
    early.announce(relayEntry('jp-2', 'jp'));
    const told: string[] = [];
    early.watch('room', ({ origin }) => told.push(origin));
    expect(early.health()).toMatchObject({ connected: false, relays: 0 });
    await expect(early.lookup('room')).rejects.toMatchObject({ code: 'directory_unavailable', retryable: true });
    await stage.back('jp');
    await stage.until('it is seen', () => us.relays().some(({ id }) => id === 'jp-2'));
    await stage.until('it hears of its room', () => told.join() === 'jp-1');
    expect(early.health()).toMatchObject({ connected: true, relays: 1 });
    await stage.stop();
    await expect(early.lookup('room')).rejects.toMatchObject({ code: 'directory_closed' });
  });
});
