import type { RoomEventData } from '../webhook/lifecycle.ts';

interface Life {
  openedAtMs: number;
  /** Its end is told already. */
  told: boolean;
  /** By slot: whose connection broke while it was theirs. */
  broken: Map<number, string>;
}

/** What becomes of rooms and livers, told once each: the edge reports what it does, this says what the backend hears. */
export class RoomLifecycle {
  readonly #lives = new Map<string, Life>();
  readonly #tell: (event: RoomEventData) => void;

  constructor(tell: (event: RoomEventData) => void) {
    this.#tell = tell;
  }

  opened(room: string, nowMs: number): void {
    this.#lives.set(room, { openedAtMs: nowMs, told: false, broken: new Map() });
    this.#tell({ type: 'room.opened', room });
  }

  /** Somebody closes it; the room itself may stay for a while so that nobody comes back. */
  closed(room: string): void {
    this.#end(room, 'closed');
  }

  /** It is gone. `relay`: because the relay goes. */
  vanished(room: string, reason: 'empty' | 'relay'): void {
    this.#end(room, reason);
    this.#lives.delete(room);
  }

  /** The liver's session ended abruptly; the slot may linger. */
  broke(room: string, slot: number, sub: string): void {
    this.#lives.get(room)?.broken.set(slot, sub);
  }

  /** Somebody publishes on it. */
  taken(room: string, slot: number): void {
    this.#lives.get(room)?.broken.delete(slot);
  }

  /** The slot is announced no more. */
  left(room: string, slot: number): void {
    const life = this.#lives.get(room);
    const sub = life?.broken.get(slot);
    if (sub === undefined) return;
    life!.broken.delete(slot);
    this.#tell({ type: 'liver.lost', room, sub, slot });
  }

  #end(room: string, reason: 'empty' | 'closed' | 'relay'): void {
    const life = this.#lives.get(room);
    if (!life || life.told) return;
    life.told = true;
    this.#tell({ type: 'room.closed', room, reason, openedAtMs: life.openedAtMs });
  }
}
