import type { Engine, EngineRoom, EngineSession } from '@hayate/engine';
import type { Session } from '@hayate/transport';
import { nativeSession } from '@hayate/transport/engine';
import { HybridSession } from '@hayate/transport/hybrid';
import type { Legs } from './legs.ts';
import {
  type DeliveryClass,
  DIRECT,
  type LoopPeaks,
  type MediaPlane,
  type MediaRoom,
  type MediaRoomOptions,
  type MemberStats,
  type SlotStats,
} from './plane.ts';
import type { ScriptPublication } from './publication.ts';
import { refusedByCode } from './refused.ts';

/** The engine holds nothing longer. */
const MAX_WAIT_MS = 255;

/**
 * Rooms of the engine: a packet never meets JavaScript, but those of sessions over the fallback, which are in rooms by their
 * legs. The listener must start sessions in datagram mode `refuse`.
 */
export class NativePlane implements MediaPlane {
  readonly kind = 'engine';
  readonly #engine: Engine;
  readonly #streams: { bidi: number; uni: number };
  readonly #members: Members;
  #peaks: LoopPeaks = { turnUs: 0, timerUs: 0 };

  /** `streams`: how many a session may have once it is welcomed. `legs`: of the sessions that are none of the engine's. */
  constructor(engine: Engine, streams: { bidi: number; uni: number }, legs?: Legs) {
    this.#engine = engine;
    this.#streams = streams;
    this.#members = { admitted: new Map(), legs };
  }

  accept(): void {}

  admit(session: Session): void {
    const native = nativeOf(session, this.#members);
    this.#members.admitted.set(native.id, session);
    native.setDatagramMode('room');
    // Streams of a hybrid session are not the engine's.
    if (nativeSession(session) && !(session instanceof HybridSession)) native.setStreamLimits(this.#streams);
  }

  forget(session: Session): void {
    this.#members.admitted.delete(nativeOf(session, this.#members).id);
  }

  openRoom(options: MediaRoomOptions): MediaRoom {
    return new NativeRoom(this.#engine.createRoom(options), options, this.#members);
  }

  batch(run: () => void): void {
    this.#engine.batch(run);
  }

  /** The engine's figures are asked for here and nowhere else: each question resets its peaks, which are kept. */
  async stats(): Promise<Record<string, number>> {
    const { legs } = this.#members;
    const stats = await this.#engine.getStats();
    const { turn_max_us = 0, timer_late_max_us = 0 } = stats;
    this.#peaks.turnUs = Math.max(this.#peaks.turnUs, turn_max_us);
    this.#peaks.timerUs = Math.max(this.#peaks.timerUs, timer_late_max_us);
    return legs ? { ...stats, fallback_sessions: legs.size } : stats;
  }

  loopPeaks(): LoopPeaks {
    const peaks = this.#peaks;
    this.#peaks = { turnUs: 0, timerUs: 0 };
    return peaks;
  }

  /** The engine belongs to whoever opened it. */
  close(): void {}
}

class NativeRoom implements MediaRoom {
  readonly #room: EngineRoom;
  /** The engine counts on from each publish; reports say what came since the last one. */
  readonly #reported = new Map<number, Record<string, number>>();

  readonly #options: MediaRoomOptions;
  readonly #members: Members;
  /** Slots of sessions with a leg. */
  readonly #fed = new Map<number, { session: Session; publication: ScriptPublication }>();
  /** The class that such a session was given. */
  readonly #classes = new WeakMap<Session, DeliveryClass>();

  constructor(room: EngineRoom, options: MediaRoomOptions, members: Members) {
    this.#room = room;
    this.#options = options;
    this.#members = members;
  }

  async publish(session: Session, slot: number, generation: number): Promise<void> {
    const { legs } = this.#members;
    this.#reported.delete(slot);
    if (!legs?.of(session)) {
      this.#unfeed(slot);
      await this.#room.publish(this.#native(session), slot, generation);
      return;
    }
    this.unpublish(slot);
    const publication = legs.feed.publish(session, { ...this.#options, slot, generation });
    this.#fed.set(slot, { session, publication });
    this.#feed();
    this.#classOf(session);
    await publication.synced;
  }

  unpublish(slot: number): void {
    this.#unfeed(slot);
    this.#room.unpublish(slot);
  }

  feed(session: Session, alias: number, slots: number): void {
    this.#room.feed(this.#native(session), alias, slots);
  }

  join(session: Session): void {
    this.#room.join(this.#native(session));
    if (this.#slotOf(session) !== undefined) this.#classOf(session);
  }

  leave(session: Session): void {
    this.#classes.delete(session);
    this.#room.leave(this.#native(session));
  }

  setClass(session: Session, delivery: DeliveryClass): void {
    if (this.#members.legs?.of(session)) this.#classes.set(session, delivery);
    const holdMs = Math.min(delivery.holdMs, MAX_WAIT_MS);
    const spacingMs = Math.min(delivery.spacingMs, MAX_WAIT_MS);
    const own = this.#slotOf(session);
    // The engine does not know whose slot it is that is fed.
    const slots = own === undefined ? delivery.slots : delivery.slots & ~(1 << own);
    this.#room.setClass(this.#native(session), { ...delivery, holdMs, spacingMs, slots });
  }

  #classOf(session: Session): void {
    this.setClass(session, this.#classes.get(session) ?? DIRECT);
  }

  #slotOf(session: Session): number | undefined {
    for (const [slot, fed] of this.#fed) if (fed.session === session) return slot;
    return undefined;
  }

  #unfeed(slot: number): void {
    const fed = this.#fed.get(slot);
    const { legs } = this.#members;
    if (!fed || !legs) return;
    this.#fed.delete(slot);
    legs.feed.end(fed.session, fed.publication);
    this.#feed();
    this.#classOf(fed.session);
  }

  #feed(): void {
    let slots = 0;
    for (const slot of this.#fed.keys()) slots |= 1 << slot;
    this.#room.feed(this.#members.legs!.feed.served, this.#room.alias, slots);
  }

  async memberStats(): Promise<MemberStats[]> {
    const { admitted, legs } = this.#members;
    const rows = await this.#room.getMemberStats();
    const members = rows.flatMap(({ delivery: _, congestionWindow: __, session: id, ...row }) => {
      const session = admitted.get(id);
      return session ? [{ session, ...row }] : [];
    });
    // A leg's own path is loopback: what counts is the one of its session.
    return Promise.all(members.map((row) => (legs?.of(row.session) ? beyondLeg(row) : row)));
  }

  #native(session: Session): EngineSession {
    return nativeOf(session, this.#members);
  }

  async slotStats(slot: number): Promise<SlotStats> {
    const fed = this.#fed.get(slot);
    if (fed) return fed.publication.stats(fed.session.nowUs());
    const flat = await this.#room.getSlotStats(slot);
    const value = (name: string) => flat[name] ?? 0;
    return {
      received: value('received'),
      lost: value('lost'),
      duplicate: value('duplicate'),
      voice: { received: value('voice_received'), duplicate: value('voice_duplicate') },
      lagP50Ms: value('lag_p50_ms'),
      lagP99Ms: value('lag_p99_ms'),
      uncertaintyMs: value('uncertainty_ms'),
      refused: this.#since(slot, refusedByCode(flat)),
    };
  }

  #since(slot: number, refused: Record<string, number>): Record<string, number> {
    const before = this.#reported.get(slot) ?? {};
    this.#reported.set(slot, refused);
    const out: Record<string, number> = {};
    for (const [reason, count] of Object.entries(refused)) {
      const grown = count - (before[reason] ?? 0);
      if (grown > 0) out[reason] = grown;
    }
    return out;
  }

  stats(): Promise<Record<string, number>> {
    return this.#room.getStats();
  }

  close(): void {
    for (const slot of [...this.#fed.keys()]) this.#unfeed(slot);
    this.#room.close();
  }
}

/** Who is in the rooms of an engine. */
interface Members {
  /** By the engine's number. */
  admitted: Map<number, Session>;
  legs: Legs | undefined;
}

async function beyondLeg(row: MemberStats): Promise<MemberStats> {
  const { rttMs = 0, minRttMs = rttMs, datagramsDropped } = await row.session.getStats();
  // What `expired` in a stall says nothing of how much the path carries; where it is too much the round trip grows.
  const { queue_full: full = 0 } = datagramsDropped;
  return { ...row, rttMs, minRttMs, packetsLost: 0, dropped: row.dropped + full };
}

function nativeOf(session: Session, { legs }: Members): EngineSession {
  const native = nativeSession(session) ?? legs?.of(session);
  if (!native) throw new TypeError('the native plane takes sessions of the engine, and those with a leg into it');
  return native;
}
