import { setTimeout as sleep } from 'node:timers/promises';
import { encodeMessage, type GiftPlaced, type GiftPosted } from '@hayate/codec/messages';
import type { Ledger, LedgerRecord, PlacedRecord } from '../ledger/index.ts';

/** Records that a room keeps at hand: who is no further behind reads nothing from the disk. */
const KEPT = 128;
const PAGE = 64;
/** Records of a room shown before they have a place; the oldest is forgotten. Clients remember more names. */
const EARLY = 512;
/** Names of a room's last records, in a cluster: one may come without its place after it came with it. */
const PLACED = 1024;
/** A copy of the ledger may be behind what is known of it. */
const BEHIND_MS = 20;

/** Where a viewer's records go. */
export interface GiftSink {
  /** Hands on one message. Resolves when the next may come; undefined: at once. */
  send(message: Uint8Array): Promise<void> | undefined;
  /** Nothing more comes, because of a fault. */
  failed(error: unknown): void;
}

export interface Subscription {
  /** The records after this one come. */
  readonly after: number;
  /** Begins, once the peer was told. */
  start(): void;
  end(): void;
}

interface Subscriber {
  sink: GiftSink;
  /** The last sequence that was handed on. */
  cursor: number;
  /** It was handed these without their place. */
  early: Set<string>;
  /** It has all that the room has, and waits for more. */
  idle: boolean;
  ended: boolean;
}

interface Kept {
  name: string;
  message: Uint8Array;
  /** The place alone, for who has the rest. */
  placed: Uint8Array;
}

/**
 * The records of one room as its viewers get them: each once and in order, and in a cluster those without a place at once,
 * which get it later. A viewer that reads slowly holds up nobody, and costs nothing but its place: it goes on from the
 * ledger.
 */
export class GiftFeed {
  readonly #room: string;
  readonly #ledger: Ledger;
  readonly #nameOf: (sub: string) => string | undefined;
  /** Other relays write too, and records come before their place does. */
  readonly #shared: boolean;
  readonly #subscribers = new Set<Subscriber>();
  /** Of the sequences up to `#head`, the newest last. */
  #kept: Kept[] = [];
  #head = 0;
  /** The last sequence that is known to exist. */
  #known = 0;
  #filling = false;
  readonly #placed = new Set<string>();
  /** What has no place yet, by name. */
  readonly #early = new Map<string, Uint8Array>();

  /** @param head the room's last sequence now */
  constructor(room: string, head: number, ledger: Ledger, nameOf: (sub: string) => string | undefined) {
    this.#room = room;
    this.#head = head;
    this.#ledger = ledger;
    this.#nameOf = nameOf;
    this.#shared = ledger.follow !== undefined;
  }

  get empty(): boolean {
    return this.#subscribers.size === 0;
  }

  /**
   * @param after undefined: from now on. One that the room has not reached begins at the room's last, but in a cluster:
   * there is one sequence, and this relay's copy of it is behind
   */
  subscribe(after: number | undefined, sink: GiftSink): Subscription {
    const subscriber: Subscriber = {
      sink,
      cursor: this.#shared ? (after ?? this.#head) : Math.min(after ?? this.#head, this.#head),
      early: new Set(),
      idle: false,
      ended: false,
    };
    this.#subscribers.add(subscriber);
    return {
      after: subscriber.cursor,
      start: () => {
        // Who came back may have missed them.
        const missed = after === undefined ? [] : [...this.#early];
        void this.#pump(subscriber, missed);
      },
      end: () => {
        subscriber.ended = true;
        this.#subscribers.delete(subscriber);
      },
    };
  }

  /**
   * A durable record of this room; any number of times and in any order, without its place and with it. Gives how many viewers
   * it is for when they hear of it first by this call; undefined: they have, or will when what comes before it is there.
   */
  offer(record: LedgerRecord): number | undefined {
    if (!isPlaced(record)) return this.#show(record);
    if (record.sequence <= this.#head) return undefined;
    this.#known = Math.max(this.#known, record.sequence);
    if (record.sequence === this.#head + 1) {
      const isNew = this.#append(record);
      for (const subscriber of this.#subscribers) this.#wake(subscriber);
      return isNew ? this.#subscribers.size : undefined;
    }
    // Another process wrote what is between.
    if (!this.#filling) void this.#fill();
    return undefined;
  }

  #show(record: LedgerRecord): number | undefined {
    const name = nameOf(record);
    if (this.#early.has(name) || this.#placed.has(name)) return undefined;
    const message = encodeMessage(posted(record, this.#nameOf(record.sender)));
    this.#early.set(name, message);
    dropOldest(this.#early, EARLY);
    for (const subscriber of this.#subscribers) {
      // Who is behind gets it with its place.
      if (!subscriber.idle) continue;
      subscriber.idle = false;
      void this.#pump(subscriber, [[name, message]]);
    }
    return this.#subscribers.size;
  }

  /** Whether nobody has heard of it before. */
  #append(record: PlacedRecord): boolean {
    const name = nameOf(record);
    this.#head = record.sequence;
    const early = this.#early.delete(name);
    if (this.#shared) {
      this.#placed.add(name);
      dropOldest(this.#placed, PLACED);
    }
    this.#kept.push({ name, ...messagesOf(record, this.#nameOf(record.sender)) });
    if (this.#kept.length > KEPT) this.#kept.shift();
    return !early;
  }

  async #fill(): Promise<void> {
    this.#filling = true;
    try {
      while (this.#head < this.#known) {
        const page = await this.#ledger.resume(this.#room, this.#head, PAGE);
        if (page.length === 0) await sleep(BEHIND_MS);
        for (const record of page) this.offer(record);
      }
    } catch {
      // The ledger is busy: the next record, or the next look at what others wrote, tries again.
    } finally {
      this.#filling = false;
    }
  }

  #wake(subscriber: Subscriber): void {
    if (!subscriber.idle) return;
    subscriber.idle = false;
    void this.#pump(subscriber, []);
  }

  async #pump(subscriber: Subscriber, early: readonly [name: string, message: Uint8Array][]): Promise<void> {
    const { sink } = subscriber;
    try {
      for (const [name, message] of early) {
        if (subscriber.ended || !this.#early.has(name)) continue;
        subscriber.early.add(name);
        const wait = sink.send(message);
        if (wait) await wait;
      }
      while (!subscriber.ended && subscriber.cursor < this.#head) {
        const at = this.#kept.length - (this.#head - subscriber.cursor);
        // No promise where the viewer keeps up.
        const wait = at >= 0 ? this.#hand(subscriber, this.#kept[at]!) : this.#page(subscriber);
        if (wait) await wait;
      }
      subscriber.idle = true;
    } catch (error) {
      this.#subscribers.delete(subscriber);
      if (!subscriber.ended) sink.failed(error);
    }
  }

  #hand(subscriber: Subscriber, { name, message, placed }: Omit<Kept, 'sequence'>): Promise<void> | undefined {
    subscriber.cursor += 1;
    return subscriber.sink.send(subscriber.early.delete(name) ? placed : message);
  }

  async #page(subscriber: Subscriber): Promise<void> {
    const page = await this.#ledger.resume(this.#room, subscriber.cursor, PAGE);
    if (page.length === 0) await sleep(BEHIND_MS);
    for (const record of page) {
      if (subscriber.ended || record.sequence !== subscriber.cursor + 1) return;
      const messages = messagesOf(record, this.#nameOf(record.sender));
      const wait = this.#hand(subscriber, { name: nameOf(record), ...messages });
      if (wait) await wait;
    }
  }
}

function dropOldest(names: Pick<Set<string>, 'size' | 'keys' | 'delete'>, most: number): void {
  const { value } = names.size > most ? names.keys().next() : {};
  if (value !== undefined) names.delete(value);
}

function isPlaced(record: LedgerRecord): record is PlacedRecord {
  return record.sequence !== null;
}

function nameOf({ kind, key }: LedgerRecord): string {
  return `${kind} ${key}`;
}

function messagesOf(record: PlacedRecord, name: string | undefined): { message: Uint8Array; placed: Uint8Array } {
  const { sequence: n, kind, key: jti } = record;
  const placed: GiftPlaced = { t: 'placed', n, kind, jti };
  return { message: encodeMessage(posted(record, name)), placed: encodeMessage(placed) };
}

function posted(record: LedgerRecord, name: string | undefined): GiftPosted {
  const { sequence, kind, key, gift, sender, liver, item, amount, currency, atMs } = record;
  return {
    t: 'gift',
    ...(sequence === null ? {} : { n: sequence }),
    kind,
    jti: key,
    ...(gift === null ? {} : { of: gift }),
    sub: sender,
    ...(name === undefined ? {} : { name }),
    liver,
    item,
    amount,
    currency,
    at: atMs,
  };
}
