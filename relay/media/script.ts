import { randomInt } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import {
  answerProbe,
  BundleError,
  DATAGRAM_TYPE,
  encodeHeartbeat,
  encodeProbe,
  MAX_DATAGRAM_BYTES,
  parseMissing,
  parseProbeReply,
  SlotForwarder,
  signed48,
} from '@hayate/codec/bundle';
import { ClockSync } from '@hayate/codec/clock';
import { HayateError } from '@hayate/codec/errors';
import type { Session } from '@hayate/transport';
import type { MediaPlane, MediaRoom, MediaRoomOptions, MemberStats, SlotStats } from './plane.ts';
import { refusedByCode } from './refused.ts';

/** Step of the one timer that all probes and heartbeats share: the probe burst's gap. */
const STEP_MS = 25;
const HEARTBEAT_US = 200_000;
const HEARTBEAT = encodeHeartbeat();

export interface ScriptPlaneOptions {
  /** Ids of probes; not guessable, so that nobody but the publisher can answer them. */
  randomId?: () => number;
}

interface Peer {
  session: Session;
  admitted: boolean;
  publication: Publication | undefined;
  lastSentUs: number;
}

interface Publication {
  peer: Peer;
  room: ScriptRoom;
  forwarder: SlotForwarder;
  sync: ClockSync;
  synced: PromiseWithResolvers<void>;
  lagUs: RecordableHistogram;
  /** `refused_<reason>` since the last report. */
  refused: Record<string, number>;
}

/**
 * The media plane in TypeScript, for places where the engine cannot be built. The same rules by codec/bundle; it costs a
 * callback a packet, and a stalled event loop stalls media. Holds no queue of its own: what a session does not take is
 * dropped and counted.
 */
export class ScriptPlane implements MediaPlane {
  readonly kind = 'script';
  readonly #randomId: () => number;
  readonly #peers = new Map<Session, Peer>();
  readonly #counts = new Map<string, number>([
    ['datagrams_in', 0],
    ['datagrams_out', 0],
  ]);
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: ScriptPlaneOptions = {}) {
    this.#randomId = options.randomId ?? (() => randomInt(0x1_0000_0000));
  }

  accept(session: Session): void {
    const peer: Peer = { session, admitted: false, publication: undefined, lastSentUs: session.nowUs() };
    this.#peers.set(session, peer);
    session.setDatagramHandler((data, receivedAtUs) => this.#receive(peer, data, receivedAtUs));
    this.#timer ??= setInterval(() => this.#step(), STEP_MS);
  }

  admit(session: Session): void {
    this.#peer(session).admitted = true;
  }

  forget(session: Session): void {
    session.setDatagramHandler(undefined);
    this.#peers.delete(session);
    if (this.#peers.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  openRoom(options: MediaRoomOptions): MediaRoom {
    return new ScriptRoom(this, options);
  }

  batch(run: () => void): void {
    run();
  }

  async stats(): Promise<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  close(): void {
    for (const session of [...this.#peers.keys()]) this.forget(session);
  }

  /** @internal */
  publication(room: ScriptRoom, session: Session, slot: number, generation: number): Publication {
    const peer = this.#peer(session);
    const { alias, maxAgeMs, maxAheadMs } = room.options;
    const publication: Publication = {
      peer,
      room,
      forwarder: new SlotForwarder({
        alias,
        slot,
        generation,
        maxAgeUs: maxAgeMs * 1000,
        maxAheadUs: maxAheadMs * 1000,
      }),
      sync: new ClockSync({ randomId: this.#randomId }),
      synced: Promise.withResolvers(),
      lagUs: createHistogram(),
      refused: {},
    };
    peer.publication = publication;
    this.#probe(publication, session.nowUs());
    return publication;
  }

  /** @internal */
  send(session: Session, data: Uint8Array): void {
    const peer = this.#peers.get(session);
    if (!peer) return;
    if (!session.sendDatagram(data)) {
      this.#count('dropped_not_taken');
      return;
    }
    peer.lastSentUs = session.nowUs();
    this.#count('datagrams_out');
  }

  #peer(session: Session): Peer {
    const peer = this.#peers.get(session);
    if (!peer) throw new HayateError('internal', 'the media plane does not know this session');
    return peer;
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  #receive(peer: Peer, data: Uint8Array, receivedAtUs: number): void {
    this.#count('datagrams_in');
    if (!peer.admitted) {
      this.#count('refused_before_welcome');
      return;
    }
    if (data.length > MAX_DATAGRAM_BYTES) {
      this.#refuse(peer, 'datagram_too_large');
      return;
    }
    try {
      switch (data[0]) {
        case DATAGRAM_TYPE.bundle:
          if (peer.publication) {
            this.#bundle(peer.publication, data, receivedAtUs);
            return;
          }
          this.#count('refused_not_publishing');
          return;
        case DATAGRAM_TYPE.probe:
          this.send(peer.session, answerProbe(data, receivedAtUs, peer.session.nowUs()));
          return;
        case DATAGRAM_TYPE.probeReply:
          this.#reply(peer, data, receivedAtUs);
          return;
        case DATAGRAM_TYPE.missing:
          // Nothing is kept here that could be sent again.
          parseMissing(data);
          return;
        default:
          this.#refuse(peer, 'unknown_type');
          return;
      }
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      this.#refuse(peer, error.reason);
    }
  }

  #refuse(peer: Peer, reason: string): void {
    const name = `refused_${reason}`;
    this.#count(name);
    const refused = peer.publication?.refused;
    if (refused) refused[name] = (refused[name] ?? 0) + 1;
  }

  #bundle(publication: Publication, data: Uint8Array, receivedAtUs: number): void {
    const { sync, forwarder, peer, room } = publication;
    const { offsetUs } = sync;
    const clock =
      offsetUs === undefined
        ? undefined
        : { offsetUs: Math.round(offsetUs), uncertaintyUs: Math.ceil(sync.uncertaintyUs(receivedAtUs)) };
    // The codec's arithmetic is in whole microseconds.
    const result = forwarder.forward(Math.round(receivedAtUs), clock, data);
    if (result.refused) {
      this.#refuse(peer, result.refused);
      return;
    }
    for (let n = result.unsynced; n > 0; n--) this.#refuse(peer, 'unsynced');
    for (let n = result.late; n > 0; n--) this.#refuse(peer, 'late');
    if (!result.downlink) return;
    publication.lagUs.record(Math.max(1, Math.round(receivedAtUs - baseUs(result.downlink, receivedAtUs))));
    for (const member of room.listeners) {
      if (member !== peer.session) this.send(member, result.downlink);
    }
  }

  #reply(peer: Peer, data: Uint8Array, receivedAtUs: number): void {
    const publication = peer.publication;
    const verdict = publication?.sync.onReply(parseProbeReply(data), Math.floor(receivedAtUs)) ?? 'unasked';
    if (verdict !== 'taken') {
      this.#count(`refused_${verdict}`);
      return;
    }
    publication?.synced.resolve();
  }

  #probe(publication: Publication, nowUs: number): void {
    // Whole microseconds: the reply echoes what was written, not the clock's fraction.
    const probe = publication.sync.nextProbe(Math.floor(nowUs));
    if (probe) this.send(publication.peer.session, encodeProbe(probe));
  }

  #step(): void {
    for (const peer of this.#peers.values()) {
      const now = peer.session.nowUs();
      if (peer.publication) this.#probe(peer.publication, now);
      if (peer.admitted && now - peer.lastSentUs >= HEARTBEAT_US) this.send(peer.session, HEARTBEAT);
    }
  }
}

class ScriptRoom implements MediaRoom {
  readonly options: MediaRoomOptions;
  readonly listeners = new Set<Session>();
  readonly #plane: ScriptPlane;
  readonly #publications = new Map<number, Publication>();

  constructor(plane: ScriptPlane, options: MediaRoomOptions) {
    this.#plane = plane;
    this.options = options;
  }

  publish(session: Session, slot: number, generation: number): Promise<void> {
    this.unpublish(slot);
    const publication = this.#plane.publication(this, session, slot, generation);
    this.#publications.set(slot, publication);
    return publication.synced.promise;
  }

  unpublish(slot: number): void {
    const publication = this.#publications.get(slot);
    if (!publication) return;
    this.#publications.delete(slot);
    if (publication.peer.publication === publication) publication.peer.publication = undefined;
    publication.synced.promise.catch(() => {});
    publication.synced.reject(new HayateError('closed', 'unpublished before the clock was synced'));
  }

  feed(): void {
    throw new TypeError('the scripted plane has no trunks');
  }

  join(session: Session): void {
    if (!this.listeners.has(session) && this.listeners.size >= this.options.maxMembers) {
      throw new HayateError('room_full', 'the room has no place left', { retryable: true });
    }
    this.listeners.add(session);
    for (const { forwarder, peer } of this.#publications.values()) {
      if (peer.session === session) continue;
      for (const bundle of forwarder.joinBundles()) this.#plane.send(session, bundle);
    }
  }

  leave(session: Session): void {
    this.listeners.delete(session);
  }

  /** Over WebSocket a bundle is a message and TCP repairs: nothing to hold, nothing to repeat. */
  setClass(): void {}

  async memberStats(): Promise<MemberStats[]> {
    return Promise.all(
      [...this.listeners].map(async (session) => {
        const stats = await session.getStats();
        const dropped = Object.values(stats.datagramsDropped).reduce((sum, n) => sum + n, 0);
        return {
          session,
          rttMs: stats.rttMs ?? 0,
          minRttMs: stats.rttMs ?? 0,
          packetsOut: stats.packetsSent ?? stats.datagramsSent,
          packetsLost: stats.packetsLost ?? 0,
          datagramsOut: stats.datagramsSent,
          dropped,
          queueBytes: 0,
        };
      }),
    );
  }

  async slotStats(slot: number): Promise<SlotStats> {
    const publication = this.#publications.get(slot);
    if (!publication) throw new HayateError('invalid_argument', `nobody publishes on slot ${slot}`);
    const { forwarder, sync, lagUs, peer } = publication;
    const empty = lagUs.count === 0;
    const stats: SlotStats = {
      ...forwarder.counts,
      lagP50Ms: empty ? 0 : lagUs.percentile(50) / 1000,
      lagP99Ms: empty ? 0 : lagUs.percentile(99) / 1000,
      uncertaintyMs: sync.synced ? sync.uncertaintyUs(peer.session.nowUs()) / 1000 : 0,
      refused: refusedByCode(publication.refused),
    };
    lagUs.reset();
    publication.refused = {};
    return stats;
  }

  async stats(): Promise<Record<string, number>> {
    return { members: this.listeners.size, publishers: this.#publications.size };
  }

  close(): void {
    for (const slot of [...this.#publications.keys()]) this.unpublish(slot);
    this.listeners.clear();
  }
}

/** Base time of a bundle in the relay's clock, unwrapped beside `nowUs`. */
function baseUs(bundle: Uint8Array, nowUs: number): number {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.length);
  const aliasBytes = 1 << (bundle[1]! >>> 6);
  const at = 1 + aliasBytes + 2;
  const base = view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
  return nowUs + signed48(base - nowUs);
}
