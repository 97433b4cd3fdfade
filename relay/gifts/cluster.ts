import type { Logger } from 'pino';
import type { NatsAccess } from '../directory/nats/access.ts';
import { NatsLink } from '../directory/nats/link.ts';
import { type LocalLedger, type SecondCopy, type SpooledGift, SpoolingLedger } from '../ledger/index.ts';
import { Lease, type NatsLedger, openNatsLedger } from '../ledger/nats/index.ts';
import { type GiftForwarder, natsForwarder, serveForwarded } from './forward.ts';

/** The cluster that a relay's gifts are in. */
export interface GiftCluster {
  /** Of the region. Its servers may be away, now or for long. */
  nats: NatsAccess;
  relayId: string;
  /** Of `regions`; tickets with it as `reg` are this relay's. */
  region: string;
  regions: readonly string[];
  /** Of each record in the region: 1, or 3 with three NATS servers. */
  copies: number;
  /** Undefined: no gifts while NATS is away. */
  second?: SecondCopy | undefined;
}

/** What the rest of a cluster asks of a relay's gifts. */
export interface ClusterGifts {
  /** Resolves when a gift that another relay took while NATS is away is on this disk. */
  keep(gift: SpooledGift): Promise<void>;
  /**
   * This relay is the room's origin by the directory, its region the room's home: the room's gifts get their places here. An
   * undefined epoch: not any more. The same again changes nothing.
   */
  origin(room: string, epoch: number | undefined): void;
  /** Gifts that this disk has and the region's ledger has not; a hundred stand for any more. */
  held(): Promise<number>;
  /** Whether the region's ledger answers, as far as is known. */
  reached(): boolean;
  /** One relay of the region holds it at a time. Gives what lets go of it. */
  lease(name: string, onChange: (held: boolean) => void): () => Promise<void>;
}

/** What a relay of a cluster has beside its own file. */
export interface OpenClusterGifts {
  ledger: SpoolingLedger<NatsLedger>;
  forwarder: GiftForwarder;
  face: ClusterGifts;
  /** Takes other regions' tickets of this one from now on. */
  serve(claim: Parameters<typeof serveForwarded>[2]): void;
  /** Closes the file too. */
  close(): Promise<void>;
}

/** Resolves whether or not NATS answers. @param spool this relay's own file, which holds gifts while it does not */
export async function openClusterGifts(
  cluster: GiftCluster,
  spool: LocalLedger,
  log: Logger,
): Promise<OpenClusterGifts> {
  const { nats: access, region, regions, relayId } = cluster;
  const link = new NatsLink({ ...access, name: `${relayId} gifts`, log });
  const ledger = await openLedger(cluster, link, spool, log);
  const leases: (() => Promise<void>)[] = [];
  const sequenced = new Map<string, { epoch: number; stop: () => void }>();
  let endServing: (() => void) | undefined;
  return {
    ledger,
    forwarder: natsForwarder(() => link.connection, regions),
    serve(claim) {
      link.onConnected((nats) => {
        // The client subscribes again by itself, as long as it is the same connection.
        if (nats) endServing ??= serveForwarded(nats, region, claim);
        if (nats) void ledger.retry();
      });
    },
    face: {
      keep: (gift) => ledger.keep(gift),
      held: () => ledger.held(),
      reached: () => ledger.reached,
      origin(room, epoch) {
        const before = sequenced.get(room);
        if (before?.epoch === epoch) return;
        before?.stop();
        sequenced.delete(room);
        if (epoch !== undefined) sequenced.set(room, { epoch, stop: sequenceOnceOpen(ledger, room, epoch) });
      },
      lease(name, onChange) {
        let lease: Lease | undefined;
        let ended = false;
        void ledger.opened.then(({ values }) => {
          if (ended) return;
          lease = new Lease({
            ...{ values, name, owner: relayId, onChange },
            nowMs: () => performance.now(),
            setTimer: (run, ms) => setTimeout(run, ms).unref(),
            clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
          });
        });
        const end = async () => {
          ended = true;
          await lease?.close();
        };
        leases.push(end);
        return end;
      },
    },
    async close() {
      endServing?.();
      await Promise.all(leases.map((end) => end()));
      await ledger.close();
      await link.close();
    },
  };
}

function sequenceOnceOpen(ledger: SpoolingLedger<NatsLedger>, room: string, epoch: number): () => void {
  let stop: (() => void) | undefined;
  let ended = false;
  void ledger.opened.then((main) => {
    if (!ended) stop = main.sequence(room, epoch);
  });
  return () => {
    ended = true;
    stop?.();
  };
}

function openLedger(
  { region, regions, copies, second }: GiftCluster,
  link: NatsLink,
  spool: LocalLedger,
  log: Logger,
): Promise<SpoolingLedger<NatsLedger>> {
  return SpoolingLedger.open({
    connected: () => link.connection !== undefined,
    open: () => openNatsLedger({ nats: link.connection!, region, regions, copies }),
    spool,
    second,
    onReach(reached) {
      if (reached) log.info({ region }, 'the ledger of the region answers');
      else log.error({ region }, 'NATS does not answer: gifts wait on the disks of two relays, or are refused');
    },
    onConflict({ ticket: { jti, room } }) {
      log.error({ jti, room }, 'a gift was taken while NATS was away, and its jti is another gift');
    },
    setTimer: (run, ms) => setTimeout(run, ms).unref(),
    clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
  });
}
