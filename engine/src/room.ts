import { quiet } from './callbacks.ts';
import { EngineError } from './errors.ts';
import type { NativeEngine } from './native.ts';
import { LAYERS, REPAIRS } from './options.ts';
import { Session } from './session.ts';
import type { DeliveryClass, EngineRoom, EngineSession, MemberStats } from './types.ts';

export interface RoomHost {
  readonly port: Pick<
    NativeEngine,
    'roomClose' | 'roomJoin' | 'roomLeave' | 'roomPublish' | 'roomUnpublish' | 'roomFeed' | 'roomSetClass' | 'roomSend'
  >;
  owns(session: Session): boolean;
  roomStats(room: number, slot?: number): Promise<Record<string, number>>;
  memberStats(room: number): Promise<MemberStats[]>;
  roomClosed(room: Room): void;
}

interface Publishing {
  generation: number;
  settle: PromiseWithResolvers<{ offsetUs: number; uncertaintyUs: number }>;
  forget: () => void;
}

/** A group of sessions in the engine. What is published reaches its members without JavaScript. */
export class Room implements EngineRoom {
  readonly id: number;
  readonly alias: number;
  readonly #host: RoomHost;
  /** By slot: who waits for the first clock sync. */
  readonly #waiting = new Map<number, Publishing>();
  #closed = false;

  constructor(host: RoomHost, id: number, alias: number) {
    this.#host = host;
    this.id = id;
    this.alias = alias;
  }

  join(session: EngineSession): void {
    this.#assertOpen();
    // A session may have ended since the caller looked: not an error.
    if (!this.#own(session).isClosed) this.#host.port.roomJoin(this.id, session.id);
  }

  leave(session: EngineSession): void {
    if (!this.#closed && !this.#own(session).isClosed) this.#host.port.roomLeave(this.id, session.id);
  }

  publish(
    session: EngineSession,
    slot: number,
    generation: number,
  ): Promise<{ offsetUs: number; uncertaintyUs: number }> {
    this.#assertOpen();
    const own = this.#own(session);
    if (!Number.isInteger(slot) || slot < 0 || slot > 7) throw new EngineError('invalid_argument', 'a slot is 0 to 7');
    this.#abandon(slot, 'another publisher took the slot');
    const settle = quiet<{ offsetUs: number; uncertaintyUs: number }>();
    if (own.isClosed) {
      settle.reject(new EngineError('closed', 'the session is closed'));
      return settle.promise;
    }
    const forget = own.onEnd(() => this.#abandon(slot, 'the session closed'));
    this.#waiting.set(slot, { generation: generation & 0xff, settle, forget });
    this.#host.port.roomPublish(this.id, own.id, slot, generation & 0xff);
    return settle.promise;
  }

  unpublish(slot: number): void {
    if (this.#closed) return;
    this.#abandon(slot, 'the slot was unpublished');
    this.#host.port.roomUnpublish(this.id, slot);
  }

  feed(session: EngineSession, alias: number, slots: number): void {
    this.#assertOpen();
    if (
      !(Number.isInteger(alias) && alias >= 0 && alias < 2 ** 30 && Number.isInteger(slots) && (slots & 255) === slots)
    ) {
      throw new EngineError('invalid_argument', 'a feed has an alias below 2^30 and a mask of slots');
    }
    const own = this.#own(session);
    if (!own.isClosed) this.#host.port.roomFeed(this.id, own.id, alias, slots);
  }

  setClass(session: EngineSession, delivery: DeliveryClass): void {
    this.#assertOpen();
    const { voice, holdMs, spacingMs, slots, patient = 0 } = delivery;
    const [repair, layer] = [REPAIRS.indexOf(delivery.repair), LAYERS.indexOf(delivery.layer)];
    const byte = (value: number) => value >= 0 && value <= 255;
    if (
      !(Number.isInteger(voice) && voice >= 1 && voice <= 4 && [holdMs, spacingMs, slots, patient].every(byte)) ||
      repair < 0 ||
      layer < 0
    ) {
      throw new EngineError(
        'invalid_argument',
        'a delivery class has voice 1 to 4, times of 0 to 255 ms, a repair, a layer and masks of slots',
      );
    }
    const own = this.#own(session);
    if (own.isClosed) return;
    const times = [Math.round(holdMs), Math.round(spacingMs)] as const;
    this.#host.port.roomSetClass(this.id, own.id, voice, times[0], repair, times[1], layer, slots, patient);
  }

  send(data: Uint8Array): void {
    this.#assertOpen();
    this.#host.port.roomSend(this.id, data);
  }

  async getStats(): Promise<Record<string, number>> {
    this.#assertOpen();
    return this.#host.roomStats(this.id);
  }

  async getSlotStats(slot: number): Promise<Record<string, number>> {
    this.#assertOpen();
    return this.#host.roomStats(this.id, slot);
  }

  async getMemberStats(): Promise<MemberStats[]> {
    this.#assertOpen();
    return this.#host.memberStats(this.id);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const slot of [...this.#waiting.keys()]) this.#abandon(slot, 'the room closed');
    this.#host.port.roomClose(this.id);
    this.#host.roomClosed(this);
  }

  handleSynced(slot: number, generation: number, offsetUs: number, uncertaintyUs: number): void {
    const publishing = this.#waiting.get(slot);
    // An answer to an older publisher of the slot may still be on its way.
    if (!publishing || publishing.generation !== generation) return;
    this.#waiting.delete(slot);
    publishing.forget();
    publishing.settle.resolve({ offsetUs, uncertaintyUs });
  }

  #abandon(slot: number, why: string): void {
    const publishing = this.#waiting.get(slot);
    if (!publishing) return;
    this.#waiting.delete(slot);
    publishing.forget();
    publishing.settle.reject(new EngineError('closed', why));
  }

  #own(session: EngineSession): Session {
    if (session instanceof Session && (session.isClosed || this.#host.owns(session))) return session;
    throw new EngineError('invalid_argument', 'the session is not one of this engine, or not open yet');
  }

  #assertOpen(): void {
    if (this.#closed) throw new EngineError('closed', 'the room is closed');
  }
}
