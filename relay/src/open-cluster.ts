import { HayateError } from '@hayate/codec/errors';
import type { Engine } from '@hayate/engine';
import type { Logger } from 'pino';
import { natsAccess, regionsOf } from '../config/cluster.ts';
import type { RelayConfig } from '../config/schema.ts';
import type { Directory, RelayEntry, RelayLoad } from '../directory/index.ts';
import type { ClusterGifts } from '../gifts/cluster.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { ClusterOptions } from './cluster.ts';
import { openTrunkDoor } from './trunk-door.ts';

const LOAD_MS = 1000;

/** What makes a relay one of many. */
export interface OpenCluster {
  options: ClusterOptions;
  directory: Directory;
  /** From now on others find this relay; `load` is asked each second. `onOrder`: the fleet wants it to drain and to stay. */
  announce(
    entry: Pick<RelayEntry, 'url' | 'certificateHashes'>,
    load: () => Promise<RelayLoad>,
    onOrder: () => void,
  ): void;
  /** New clients and rooms go elsewhere. */
  drain(): void;
  close(): Promise<void>;
}

export interface ClusterDeps {
  engine: Engine | undefined;
  gifts: ClusterGifts | undefined;
  show: ClusterOptions['show'];
  counters: Counters;
  log: Logger;
  traces: ClusterOptions['traces'];
  /** For tests: instead of NATS. */
  directory: Directory | undefined;
}

/**
 * Undefined where the configuration has no `cluster.relayId`. @throws HayateError `unsupported` (no engine), `bind_failed`,
 * `bad_certificate`, `invalid_argument`
 */
export async function openCluster(
  config: RelayConfig,
  { engine, gifts, show, log, counters, traces, directory: given }: ClusterDeps,
): Promise<OpenCluster | undefined> {
  const { cluster } = config;
  if (cluster.relayId === undefined) return undefined;
  if (!engine) throw new HayateError('unsupported', 'cluster: relays of a cluster need the engine');
  const self = { id: cluster.relayId, region: cluster.region! };
  const directory = given ?? (await openDirectory(config, log));
  const door = await openTrunkDoor(engine, cluster).catch(async (error: unknown) => {
    await directory.shutdown();
    throw error;
  });
  let entry: RelayEntry | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let stopOrders = () => {};
  const tell = (changes: Partial<RelayEntry>) => {
    if (!entry) return;
    entry = { ...entry, ...changes };
    directory.announce(entry);
  };
  return {
    options: { self, directory, door, repairMs: cluster.repairMs, gifts, show, counters, log, traces },
    directory,
    announce({ url, certificateHashes }, load, onOrder) {
      const { host, port } = door.address;
      const trunk = { host: cluster.advertise ?? dialled(host), port };
      const nothing = { viewers: 0, rooms: 0, cpu: 0, egressBps: 0 };
      entry = { ...self, url, certificateHashes, trunk, load: nothing, draining: false };
      directory.announce(entry);
      stopOrders = directory.onDrainOrder(self.id, onOrder);
      timer = setInterval(() => {
        load().then(
          (now) => tell({ load: now }),
          (error: unknown) => log.debug({ err: error }, 'load'),
        );
      }, LOAD_MS);
    },
    drain: () => tell({ draining: true }),
    async close() {
      clearInterval(timer);
      stopOrders();
      entry = undefined;
      await directory.withdraw();
      await door.close();
      await directory.shutdown();
    },
  };
}

/** A name for the addresses that mean all of them. */
function dialled(host: string): string {
  return host === '::' || host === '0.0.0.0' ? 'localhost' : host;
}

async function openDirectory({ cluster }: RelayConfig, log: Logger): Promise<Directory> {
  if (cluster.natsUrls.length === 0)
    throw new HayateError('invalid_argument', 'cluster.relayId without cluster.natsUrls');
  // A relay that is alone loads nothing of it.
  const { natsDirectory } = await import('../directory/nats/index.ts');
  return natsDirectory({
    region: cluster.region!,
    regions: regionsOf(cluster),
    nats: { ...natsAccess(cluster), name: `hayate relay ${cluster.relayId}`, log },
    replicas: cluster.natsReplicas === 3 ? 3 : 1,
  });
}
