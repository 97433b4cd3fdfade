import type { Engine, EngineRoom, EngineSession } from '@hayate/engine';
import type { Session } from '@hayate/transport';
import { nativeSession } from '@hayate/transport/engine';
import type { DeliveryClass, MediaPlane, MediaRoom, MediaRoomOptions, MemberStats, SlotStats } from './plane.ts';
import { refusedByCode } from './refused.ts';

/** The engine holds nothing longer. */
const MAX_WAIT_MS = 255;

/** Rooms of the engine: a packet never meets JavaScript. The listener must start sessions in datagram mode `refuse`. */
export class NativePlane implements MediaPlane {
  readonly kind = 'engine';
  readonly #engine: Engine;
  readonly #streams: { bidi: number; uni: number };
  /** By the engine's number. */
  readonly #admitted = new Map<number, Session>();

  /** `streams`: how many a session may have once it is welcomed. */
  constructor(engine: Engine, streams: { bidi: number; uni: number }) {
    this.#engine = engine;
    this.#streams = streams;
  }

  accept(): void {}

  admit(session: Session): void {
    const native = nativeOf(session);
    this.#admitted.set(native.id, session);
    native.setDatagramMode('room');
    native.setStreamLimits(this.#streams);
  }

  forget(session: Session): void {
    this.#admitted.delete(nativeOf(session).id);
  }

  openRoom(options: MediaRoomOptions): MediaRoom {
    return new NativeRoom(this.#engine.createRoom(options), this.#admitted);
  }

  batch(run: () => void): void {
    this.#engine.batch(run);
  }

  stats(): Promise<Record<string, number>> {
    return this.#engine.getStats();
  }

  /** The engine belongs to whoever opened it. */
  close(): void {}
}

class NativeRoom implements MediaRoom {
  readonly #room: EngineRoom;
  /** The engine counts on from each publish; reports say what came since the last one. */
  readonly #reported = new Map<number, Record<string, number>>();

  readonly #admitted: ReadonlyMap<number, Session>;

  constructor(room: EngineRoom, admitted: ReadonlyMap<number, Session>) {
    this.#room = room;
    this.#admitted = admitted;
  }

  async publish(session: Session, slot: number, generation: number): Promise<void> {
    this.#reported.delete(slot);
    await this.#room.publish(nativeOf(session), slot, generation);
  }

  unpublish(slot: number): void {
    this.#room.unpublish(slot);
  }

  feed(session: Session, alias: number, slots: number): void {
    this.#room.feed(nativeOf(session), alias, slots);
  }

  join(session: Session): void {
    this.#room.join(nativeOf(session));
  }

  leave(session: Session): void {
    this.#room.leave(nativeOf(session));
  }

  setClass(session: Session, delivery: DeliveryClass): void {
    const holdMs = Math.min(delivery.holdMs, MAX_WAIT_MS);
    const spacingMs = Math.min(delivery.spacingMs, MAX_WAIT_MS);
    this.#room.setClass(nativeOf(session), { ...delivery, holdMs, spacingMs });
  }

  async memberStats(): Promise<MemberStats[]> {
    const rows = await this.#room.getMemberStats();
    return rows.flatMap(({ delivery: _, congestionWindow: __, session: id, ...row }) => {
      const session = this.#admitted.get(id);
      return session ? [{ session, ...row }] : [];
    });
  }

  async slotStats(slot: number): Promise<SlotStats> {
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
    this.#room.close();
  }
}

function nativeOf(session: Session): EngineSession {
  const native = nativeSession(session);
  if (!native) throw new TypeError('the native plane takes sessions of the engine only');
  return native;
}
