import type { DeliveryOutcome, OutboxEntry } from '../ledger/types.ts';

interface Room {
  /** By id; the first one may be under way. */
  entries: OutboxEntry[];
  sending: boolean;
  /** The head failed for want of a backend, not by its own fault. */
  starved: boolean;
  /** Entries from this id on were not kept: they are read again when there is place. */
  leftOutFrom: number | undefined;
}

export interface QueueLimits {
  /** Entries kept of one room. */
  perRoom: number;
  /** Entries kept in all. */
  total: number;
}

const LIMITS: QueueLimits = { perRoom: 64, total: 4096 };

/**
 * The part of the outbox that is in memory, bounded. Gives one record of a room at a time, in the room's order: a record waits
 * for all earlier ones of its room that the outbox holds. Pure: time is an argument.
 *
 * `offer` takes the outbox in the order of ids, from `scanStart` on without gaps. What finds no place is noted by its
 * first id; `scanFrom` says where to read again.
 */
export class DeliveryQueue {
  readonly #limits: QueueLimits;
  readonly #rooms = new Map<string, Room>();
  readonly #ids = new Set<number>();
  /** Rooms without place even for their name begin here. */
  #noRoomFrom: number | undefined;

  constructor(limits: Partial<QueueLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  get size(): number {
    return this.#ids.size;
  }

  /** @param scanStart the scan that these are a part of has read everything after this id */
  offer(entries: readonly OutboxEntry[], scanStart: number): void {
    for (const entry of entries) this.#offer(entry, scanStart);
  }

  /** The scan reached the end of the outbox. */
  scanned(scanStart: number): void {
    if (this.#noRoomFrom !== undefined && this.#noRoomFrom > scanStart && this.#ids.size < this.#limits.total) {
      this.#noRoomFrom = undefined;
    }
    for (const [name, room] of this.#rooms) {
      // What was left out has gone meanwhile: another process delivered it.
      if (room.leftOutFrom !== undefined && room.leftOutFrom > scanStart && room.entries.length === 0) {
        this.#rooms.delete(name);
      }
    }
  }

  /** Read the outbox again after this id; undefined: nothing was left out for which there is place now. */
  scanFrom(): number | undefined {
    let from: number | undefined;
    if (this.#noRoomFrom !== undefined && this.#ids.size < this.#limits.total) from = this.#noRoomFrom - 1;
    for (const { entries, leftOutFrom } of this.#rooms.values()) {
      if (entries.length > 0 || leftOutFrom === undefined) continue;
      from = Math.min(from ?? Number.POSITIVE_INFINITY, leftOutFrom - 1);
    }
    return from;
  }

  /** The next record to send, the oldest first; undefined when none is due. It is under way until `settle`. */
  take(nowMs: number): OutboxEntry | undefined {
    let best: Room | undefined;
    for (const room of this.#rooms.values()) {
      const [head] = room.entries;
      if (!head || room.sending || head.nextAtMs > nowMs) continue;
      if (!best || head.record.id < best.entries[0]!.record.id) best = room;
    }
    if (!best) return undefined;
    best.sending = true;
    return best.entries[0];
  }

  /** When the next record is due; undefined when none waits. */
  nextDueMs(): number | undefined {
    let due: number | undefined;
    for (const { entries, sending } of this.#rooms.values()) {
      const [head] = entries;
      if (head && !sending && !(due !== undefined && due <= head.nextAtMs)) due = head.nextAtMs;
    }
    return due;
  }

  /** @param starved the backend was unavailable: `release` lets it go at once */
  settle(room: string, outcome: DeliveryOutcome, starved: boolean): void {
    const at = this.#rooms.get(room);
    const head = at?.entries[0];
    if (!at?.sending || head?.record.id !== outcome.id) throw new TypeError(`record ${outcome.id} is not under way`);
    at.sending = false;
    if (outcome.outcome === 'retry') {
      at.entries[0] = { ...head, attempts: head.attempts + 1, nextAtMs: outcome.nextAtMs };
      at.starved = starved;
      return;
    }
    at.starved = false;
    at.entries.shift();
    this.#ids.delete(outcome.id);
    if (at.entries.length === 0 && at.leftOutFrom === undefined) this.#rooms.delete(room);
  }

  /** The backend is back: what failed for want of it is due. */
  release(nowMs: number): void {
    for (const { entries, starved } of this.#rooms.values()) {
      const [head] = entries;
      if (head && starved) entries[0] = { ...head, nextAtMs: Math.min(head.nextAtMs, nowMs) };
    }
  }

  /** The time of the record that waits with the smallest id, ms since 1970. */
  oldestAtMs(): number | undefined {
    let oldest: OutboxEntry | undefined;
    for (const { entries } of this.#rooms.values()) {
      const [head] = entries;
      if (head && !(oldest && oldest.record.id < head.record.id)) oldest = head;
    }
    return oldest?.record.atMs;
  }

  #offer(entry: OutboxEntry, scanStart: number): void {
    const { id, room: name } = entry.record;
    if (this.#ids.has(id)) {
      this.#refresh(entry);
      return;
    }
    if (this.#noRoomFrom !== undefined && this.#noRoomFrom > scanStart && id >= this.#noRoomFrom) {
      if (this.#ids.size < this.#limits.total) this.#noRoomFrom = undefined;
    }
    let room = this.#rooms.get(name);
    if (!room) {
      if (this.#noRoomFrom !== undefined && id >= this.#noRoomFrom) return;
      if (this.#ids.size >= this.#limits.total) {
        this.#noRoomFrom = Math.min(this.#noRoomFrom ?? id, id);
        return;
      }
      room = { entries: [], sending: false, starved: false, leftOutFrom: this.#noRoomFrom };
      this.#rooms.set(name, room);
    }
    const full =
      room.entries.length >= this.#limits.perRoom || (room.entries.length > 0 && this.#ids.size >= this.#limits.total);
    if (room.leftOutFrom !== undefined && id >= room.leftOutFrom) {
      // Only a scan that began before them has all that come between.
      if (full || room.leftOutFrom <= scanStart) return;
      room.leftOutFrom = undefined;
    } else if (full) {
      room.leftOutFrom = id;
      return;
    }
    this.#insert(room, entry);
  }

  /** A record of the past that is to be delivered again comes before the later ones, but not before one under way. */
  #insert(room: Room, entry: OutboxEntry): void {
    const { id } = entry.record;
    let at = room.entries.length;
    while (at > (room.sending ? 1 : 0) && room.entries[at - 1]!.record.id > id) at--;
    room.entries.splice(at, 0, entry);
    this.#ids.add(id);
  }

  /** Another process may have made it due. */
  #refresh(entry: OutboxEntry): void {
    const room = this.#rooms.get(entry.record.room)!;
    const at = room.entries.findIndex(({ record }) => record.id === entry.record.id);
    if (at === 0 && room.sending) return;
    if (entry.nextAtMs < room.entries[at]!.nextAtMs) room.entries[at] = entry;
  }
}
