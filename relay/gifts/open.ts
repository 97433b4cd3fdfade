import { resolve } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import type { Logger } from 'pino';
import { natsAccess, regionsOf } from '../config/cluster.ts';
import type { RelayConfig } from '../config/schema.ts';
import { type Ledger, openSqliteLedger, ReopeningLedger, type SpooledGift } from '../ledger/index.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { GiftTraces } from '../telemetry/traces/gifts.ts';
import type { ClusterGifts, GiftCluster } from './cluster.ts';
import { GiftDesk, type GivenGift } from './desk.ts';
import { openTicketKeys } from './keys.ts';
import { ensureTicketKey } from './mint.ts';
import { TicketChecker } from './ticket.ts';

/** What a relay that takes gifts keeps open. */
export interface OpenGifts {
  ledger: Ledger;
  desk: GiftDesk;
  /** The self-made key that signs and checks tickets in development. */
  devKeyFile: string | undefined;
  /** What ended the ledger, until it is open again: no gift is taken, and `/readyz` says so. */
  failure(): HayateError | undefined;
  /** Undefined for a relay alone. */
  cluster: ClusterGifts | undefined;
  /** Answers what waits and lets go of the file. Idempotent. */
  close(): Promise<void>;
}

export interface GiftsDeps {
  log: Logger;
  counters: Counters;
  traces?: GiftTraces | undefined;
  /** Instead of the configured file. Not closed here. */
  ledger?: Ledger | undefined;
  /** Something new is in the ledger. */
  onRecord?: () => void;
  /** A gift that this relay was given is durable. */
  onGiven?: ((gift: GivenGift) => void) | undefined;
  /** Undefined: this relay is alone, and its file is the ledger. */
  cluster?: GiftCluster | undefined;
}

/** Whether the configuration asks for gifts. @throws HayateError `invalid_argument` when it does and has no key */
export function giftsWanted({ dev, gifts }: RelayConfig): boolean {
  const key = gifts.publicKeyFile ?? gifts.jwksFile ?? gifts.jwksUrl;
  if (gifts.enabled === true && !dev && key === undefined) {
    const names = 'gifts.publicKeyFile, gifts.jwksFile or gifts.jwksUrl';
    throw new HayateError('invalid_argument', `gifts.enabled without a key that checks tickets: set ${names}`);
  }
  return gifts.enabled ?? (dev || key !== undefined);
}

/**
 * What a relay's configuration says of its cluster. Undefined for a relay alone, and for one without NATS.
 * @param second hands a gift to another relay of the region; undefined: there is no way yet
 */
export function giftCluster(
  { cluster }: RelayConfig,
  second: (gift: SpooledGift) => Promise<void> | undefined,
): GiftCluster | undefined {
  const { relayId, region, natsUrls, natsReplicas: copies } = cluster;
  if (relayId === undefined || region === undefined || natsUrls.length === 0) return undefined;
  const store = async (gift: SpooledGift) => {
    const stored = second(gift);
    if (!stored) throw new TypeError('no way to another relay yet');
    await stored;
  };
  return { relayId, region, regions: regionsOf(cluster), nats: natsAccess(cluster), copies, second: { store } };
}

/**
 * Opens the ledger, which checks all of it. @throws HayateError `ledger_corrupt`, `ledger_version`, `ledger_read_only`,
 * `ledger_full`, `ledger_busy`, `ledger_failed`: a relay with a ledger that cannot be trusted does not start
 */
export async function openGifts(config: RelayConfig, deps: GiftsDeps): Promise<OpenGifts> {
  const { dev, gifts, stateDir } = config;
  const { log, counters, traces, onRecord, cluster } = deps;
  let devKeyFile: string | undefined;
  if (dev && !gifts.publicKeyFile && !gifts.jwksFile && !gifts.jwksUrl) {
    devKeyFile = resolve(stateDir, 'ticket.key');
    ensureTicketKey(devKeyFile);
  }
  const keys = await openTicketKeys(devKeyFile === undefined ? gifts : { publicKeyFile: devKeyFile }, log);
  const region = cluster?.region ?? gifts.region;
  const checker = new TicketChecker({ keys, region, regions: cluster?.regions, issuer: gifts.issuer });
  const path = resolve(gifts.ledgerFile ?? resolve(stateDir, 'ledger.db'));
  const opened = deps.ledger
    ? undefined
    : new ReopeningLedger(await openSqliteLedger({ path }), {
        open: () => openSqliteLedger({ path, afterFailure: true }),
        onFailed(error, retryMs) {
          if (retryMs === undefined) log.fatal({ err: error, path }, 'the ledger failed for good: no gift is taken');
          else log.error({ err: error, path, retryMs }, 'the ledger failed: no gift is taken until it is open again');
        },
        onReopened() {
          log.warn({ path }, 'the ledger is open again');
          onRecord?.();
        },
        random: Math.random,
        setTimer: (run, ms) => setTimeout(run, ms).unref(),
        clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
      });
  // A relay that is alone loads nothing of NATS.
  const far = cluster && opened && (await (await import('./cluster.ts')).openClusterGifts(cluster, opened, log));
  const ledger = (deps.ledger ?? far?.ledger ?? opened)!;
  const desk = new GiftDesk({
    ...{ ledger, checker, counters, log, traces, region, forwarder: far?.forwarder, onRecord, onGiven: deps.onGiven },
    dateMs: () => Date.now(),
  });
  far?.serve((...args) => desk.claimForwarded(...args));
  return {
    ledger,
    desk,
    devKeyFile,
    failure: () => opened?.failure,
    cluster: far?.face,
    async close() {
      desk.close();
      await (far ?? opened)?.close();
    },
  };
}
