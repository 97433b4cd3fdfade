import { encodeMessage, type GiftPosted } from '@hayate/codec/messages';
import type { Ledger, LedgerRecord } from '../ledger/index.ts';

/** Records that a room keeps at hand: who is no further behind reads nothing from the disk. */
const KEPT = 128;
const PAGE = 64;

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
  /** It has all that the room has, and waits for more. */
  idle: boolean;
  ended: boolean;
}

/**
 * The records of one room as its viewers get them: each once and in order. A viewer that reads slowly holds up nobody, and
 * costs nothing but its place: it goes on from the ledger.
 */
export class GiftFeed {
  readonly #room: string;
  readonly #ledger: Ledger;
  readonly #nameOf: (sub: string) => string | undefined;
  readonly #subscribers = new Set<Subscriber>();
  /** Messages of the sequences up to `#head`, the newest last. */
  #kept: Uint8Array[] = [];
  #head = 0;
  /** The last sequence that is known to exist. */
  #known = 0;
  #filling = false;

  /** @param head the room's last sequence now */
  constructor(room: string, head: number, ledger: Ledger, nameOf: (sub: string) => string | undefined) {
    this.#room = room;
    this.#head = head;
    this.#ledger = ledger;
    this.#nameOf = nameOf;
  }

  get empty(): boolean {
    return this.#subscribers.size === 0;
  }

  /** @param after undefined: from now on. One that the room has not reached begins at the room's last. */
  subscribe(after: number | undefined, sink: GiftSink): Subscription {
    const subscriber: Subscriber = {
      sink,
      cursor: Math.min(after ?? this.#head, this.#head),
      idle: true,
      ended: false,
    };
    this.#subscribers.add(subscriber);
    return {
      after: subscriber.cursor,
      start: () => this.#wake(subscriber),
      end: () => {
        subscriber.ended = true;
        this.#subscribers.delete(subscriber);
      },
    };
  }

  /** A durable record of this room; any number of times and in any order. */
  offer(record: LedgerRecord): void {
    if (record.sequence <= this.#head) return;
    this.#known = Math.max(this.#known, record.sequence);
    if (record.sequence === this.#head + 1) {
      this.#append(record);
      for (const subscriber of this.#subscribers) this.#wake(subscriber);
    } else if (!this.#filling) {
      // Another process wrote what is between.
      void this.#fill();
    }
  }

  #append(record: LedgerRecord): void {
    this.#head = record.sequence;
    this.#kept.push(encodeMessage(posted(record, this.#nameOf(record.sender))));
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  async #fill(): Promise<void> {
    this.#filling = true;
    try {
      while (this.#head < this.#known) {
        for (const record of await this.#ledger.resume(this.#room, this.#head, PAGE)) this.offer(record);
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
    void this.#pump(subscriber);
  }

  async #pump(subscriber: Subscriber): Promise<void> {
    const { sink } = subscriber;
    try {
      while (!subscriber.ended && subscriber.cursor < this.#head) {
        const at = this.#kept.length - (this.#head - subscriber.cursor);
        // No promise where the viewer keeps up.
        const wait = at >= 0 ? sink.send(this.#kept[at]!) : this.#page(subscriber);
        if (at >= 0) subscriber.cursor += 1;
        if (wait) await wait;
      }
      subscriber.idle = true;
    } catch (error) {
      this.#subscribers.delete(subscriber);
      if (!subscriber.ended) sink.failed(error);
    }
  }

  async #page(subscriber: Subscriber): Promise<void> {
    for (const record of await this.#ledger.resume(this.#room, subscriber.cursor, PAGE)) {
      if (subscriber.ended) return;
      const wait = subscriber.sink.send(encodeMessage(posted(record, this.#nameOf(record.sender))));
      subscriber.cursor = record.sequence;
      if (wait) await wait;
    }
  }
}

function posted(record: LedgerRecord, name: string | undefined): GiftPosted {
  const { sequence, kind, key, gift, sender, liver, item, amount, currency, atMs } = record;
  return {
    t: 'gift',
    n: sequence,
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
