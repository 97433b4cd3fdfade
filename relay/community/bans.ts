import { codeError } from '@hayate/codec/messages';
import type { Ban } from './types.ts';

/** About 300 bytes each. */
const MAX_BANS = 200_000;

/** The bans in force, in memory. */
export class BanTable {
  readonly #rooms = new Map<string, Map<string, Ban>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(room: string, subject: string, nowMs: number): Ban | undefined {
    const ban = this.#rooms.get(room)?.get(subject);
    return ban && (ban.untilMs === null || ban.untilMs > nowMs) ? ban : undefined;
  }

  /** @throws HayateError `overloaded` when it is full */
  add(ban: Ban): void {
    let room = this.#rooms.get(ban.room);
    const known = room?.has(ban.subject) === true;
    if (!known && this.#size >= MAX_BANS) throw codeError('overloaded', `there are ${MAX_BANS} bans`);
    if (!room) {
      room = new Map();
      this.#rooms.set(ban.room, room);
    }
    room.set(ban.subject, ban);
    if (!known) this.#size++;
  }

  /** Whether it was in force. */
  remove(room: string, subject: string, nowMs: number): boolean {
    const found = this.find(room, subject, nowMs) !== undefined;
    const at = this.#rooms.get(room);
    if (at?.delete(subject)) this.#size--;
    if (at?.size === 0) this.#rooms.delete(room);
    return found;
  }

  /** Forgets those that are over. */
  prune(nowMs: number): void {
    for (const [room, bans] of this.#rooms) {
      for (const { subject, untilMs } of bans.values()) {
        if (untilMs !== null && untilMs <= nowMs) this.remove(room, subject, nowMs);
      }
    }
  }
}
