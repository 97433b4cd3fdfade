import {
  answerProbe,
  BundleError,
  DATAGRAM_TYPE,
  encodeHeartbeat,
  MAX_DATAGRAM_BYTES,
  parseMissing,
  parseProbeReply,
} from '@hayate/codec/bundle';
import { HayateError } from '@hayate/codec/errors';
import type { Session } from '@hayate/transport';
import type { MediaPlane, MediaRoom, MediaRoomOptions, MemberStats, SlotStats } from './plane.ts';
import { guardedId, ScriptPublication } from './publication.ts';

/** Step of the one timer that all probes and heartbeats share: the probe burst's gap. */
const STEP_MS = 25;
const HEARTBEAT_US = 200_000;
const HEARTBEAT = encodeHeartbeat();

export interface ScriptPlaneOptions {
  /** Of probes. */
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
  slot: ScriptPublication;
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
    this.#randomId = options.randomId ?? guardedId;
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

  loopPeaks(): undefined {}

  close(): void {
    for (const session of [...this.#peers.keys()]) this.forget(session);
  }

  /** @internal */
  publication(room: ScriptRoom, session: Session, slot: number, generation: number): Publication {
    const peer = this.#peer(session);
    const onRefused = (reason: string) => this.#count(`refused_${reason}`);
    const own = new ScriptPublication({ ...room.options, slot, generation, randomId: this.#randomId, onRefused });
    const publication: Publication = { peer, room, slot: own };
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
        case DATAGRAM_TYPE.refresh:
          // Over TCP nothing was lost on the way to a former address.
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
    if (peer.publication) peer.publication.slot.refuse(reason);
    else this.#count(`refused_${reason}`);
  }

  #bundle({ slot, peer, room }: Publication, data: Uint8Array, receivedAtUs: number): void {
    const downlink = slot.forward(data, receivedAtUs);
    if (!downlink) return;
    for (const member of room.listeners) {
      if (member !== peer.session) this.send(member, downlink);
    }
  }

  #reply({ publication }: Peer, data: Uint8Array, receivedAtUs: number): void {
    if (!publication) parseProbeReply(data);
    const verdict = publication ? publication.slot.reply(data, receivedAtUs) : 'unasked';
    if (verdict !== undefined) this.#count(`refused_${verdict}`);
  }

  #probe({ slot, peer }: Publication, nowUs: number): void {
    const probe = slot.probe(nowUs);
    if (probe) this.send(peer.session, probe);
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
    return publication.slot.synced;
  }

  unpublish(slot: number): void {
    const publication = this.#publications.get(slot);
    if (!publication) return;
    this.#publications.delete(slot);
    if (publication.peer.publication === publication) publication.peer.publication = undefined;
    publication.slot.end();
  }

  feed(): void {
    throw new TypeError('the scripted plane has no trunks');
  }

  join(session: Session): void {
    if (!this.listeners.has(session) && this.listeners.size >= this.options.maxMembers) {
      throw new HayateError('room_full', 'the room has no place left', { retryable: true });
    }
    this.listeners.add(session);
    for (const { slot, peer } of this.#publications.values()) {
      if (peer.session === session) continue;
      for (const bundle of slot.joinBundles()) this.#plane.send(session, bundle);
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
    return publication.slot.stats(publication.peer.session.nowUs());
  }

  async stats(): Promise<Record<string, number>> {
    return { members: this.listeners.size, publishers: this.#publications.size };
  }

  close(): void {
    for (const slot of [...this.#publications.keys()]) this.unpublish(slot);
    this.listeners.clear();
  }
}
