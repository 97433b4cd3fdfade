import type { AddressInfo } from 'node:net';
import { HayateError } from '@hayate/codec/errors';
import { httpServer, openTokenKeys, readServiceTokens, readSharedKey, TokenVerifier } from '@hayate/relay';
import type { KnownRelay } from '@hayate/relay/directory';
import { NatsLink, natsDirectory } from '@hayate/relay/directory/nats';
import { FLEET_INBOX } from '@hayate/relay/nats';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from 'pino';
import type { FleetConfig } from '../config/fleet.ts';
import { Fleet, type FleetOptions } from '../run/fleet.ts';
import { openTokens } from '../src/control.ts';
import { natsStore } from '../store/nats.ts';
import { metricsPage } from '../telemetry/page.ts';
import { fleetApp, type Target } from './app.ts';
import { openProviders } from './providers.ts';

/** All of them. */
const WATCHED = 10_000;

export interface RunningFleet {
  port: number;
  close(): Promise<void>;
}

/** One instance of the fleet with its service. @throws HayateError `invalid_argument`, `bind_failed` */
export async function startFleet(config: FleetConfig, log: Logger): Promise<RunningFleet> {
  const { nats, regions, listen } = config;
  const isService = readServiceTokens(config.serviceTokenFile);
  const key = config.tokenKeyFile === undefined ? undefined : readSharedKey(config.tokenKeyFile);
  const verifier =
    config.tokenKeyFile === undefined
      ? undefined
      : new TokenVerifier({ keys: await openTokenKeys({ keyFile: config.tokenKeyFile }, log) });
  const link = new NatsLink({
    ...{ servers: nats.urls, name: `hayate fleet ${config.owner}`, log },
    ...{ caFile: nats.caFile, credsFile: nats.credsFile, inboxPrefix: FLEET_INBOX },
  });
  const store = natsStore(link, nats);
  const tokens = config.enrolment && openTokens(config.enrolment);
  const issue =
    tokens && ((machine: { id: string; region: string }) => tokens.issue({ ...machine, keepEarlier: true }));
  const providers = await openProviders(config, store, issue).catch(async (cause: unknown) => {
    tokens?.close();
    await link.close();
    throw new HayateError('invalid_argument', `fleet: ${(cause as Error).message}`, { cause });
  });
  const directory = natsDirectory({
    ...{ region: nats.region, regions: Object.keys(regions), nats: link, replicas: nats.replicas },
    ...{ watched: WATCHED, watchedFar: WATCHED },
  });
  const settled = () => {
    const { connected, since } = directory.health();
    return connected && Date.now() - since > config.scale.settleMs;
  };
  const clock: FleetOptions['clock'] = {
    nowMs: () => Date.now(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
  const fleet = new Fleet({
    ...{ owner: config.owner, dryRun: config.dryRun, tickMs: config.scale.tickMs, random: Math.random },
    ...{ rules: rulesOf(config), clock, nowMs: clock.nowMs, log, providers, store },
    view: { relays: () => directory.relays(), settled },
    lookup: (room) => directory.lookup(room),
    drain: async (id) => {
      const relay = directory.relays().find((each) => each.id === id);
      if (relay) directory.orderDrain(relay);
    },
  });
  const app = fleetApp({
    ...{ fleet, isService, verifier, key, nowMs: clock.nowMs },
    metrics: () => metricsPage({ dryRun: config.dryRun, status: fleet.status() }),
    targets: () => (settled() ? directory.relays().map((relay) => targetOf(relay, config.metricsPort)) : undefined),
  });
  const server = httpServer(getRequestListener(app.fetch));
  const close = async () => {
    await fleet.close();
    await directory.shutdown();
    await link.close();
    tokens?.close();
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(listen.port, listen.host, () => resolve());
    });
  } catch (cause) {
    await close();
    throw new HayateError('bind_failed', `fleet: ${(cause as Error).message}`, { cause });
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await close();
    },
  };
}

/** A relay's metrics are where its trunk is: an address that is reached from the cluster's own machines. */
function targetOf({ id, region, trunk }: KnownRelay, port: number): Target {
  const host = trunk.host.includes(':') ? `[${trunk.host}]` : trunk.host;
  return { targets: [`${host}:${port}`], labels: { relay: id, region } };
}

function rulesOf({ regions, labelPrefix, tag, limits, viewer, room, scale }: FleetConfig): FleetOptions['rules'] {
  const { leadMs, keepMs, sigmas, fill, fallMs, trendMs, tickMs: _, ...rest } = scale;
  return {
    scale: { regions, labelPrefix, tag, ...rest },
    need: { leadMs, keepMs, sigmas, fill, fallMs, trendMs },
    place: { limits, viewer, ...room },
  };
}
