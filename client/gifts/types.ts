import type { HayateError } from '@hayate/codec/errors';

/** A record of the room: a gift, or what takes one back. */
export interface RoomGift {
  /** Place in the room: from 1, without gaps. Absent in a cluster until `gift_placed` tells it. */
  number?: number;
  /** A `void` takes a gift back whole, a `refund` a part of it. */
  kind: 'gift' | 'void' | 'refund';
  /** The ticket's `jti`; of a void or refund their own key. */
  jti: string;
  /** Of a void or refund: the `jti` of the gift. */
  of?: string;
  /** Who gave. */
  subject: string;
  /** While the relay remembers it. */
  name?: string;
  /** Who gets it: a `sub`. */
  liver: string;
  /** What was given, as the backend names it. */
  item: string;
  /** In the currency's minor unit; a void or refund takes so much back. */
  amount: number;
  /** ISO 4217. */
  currency: string;
  /** Milliseconds since 1970, the relay's clock. */
  atMs: number;
}

/** A record that was shown without its place has one now. */
export interface PlacedGift {
  /** As in the record. */
  kind: 'gift' | 'void' | 'refund';
  /** Of the record that was shown. */
  jti: string;
  /** Its place in the room. */
  number: number;
}

/** The relay's word that a gift is durable. */
export interface GiftReceipt {
  /** Place in the room. Absent in a cluster: not known yet. */
  number?: number;
  /** Place in the ledger of its region. Absent in a cluster while that ledger cannot be reached. */
  gift?: number;
  /** When it became durable, milliseconds since 1970, the relay's clock. */
  atMs: number;
  /** It was taken before: this is the first answer again. */
  repeat: boolean;
}

/** How long to wait for the answer. */
export interface GiftOptions {
  /**
   * Gives the promise up with `closed`. Whether the gift was taken is then not known; the same ticket may be given
   * again.
   */
  signal?: AbortSignal;
  /** As the signal after so many ms, with `timeout`. Default: as long as the room lives. */
  timeoutMs?: number;
}

/**
 * Where tickets without an answer are kept, so that a reload loses none. One a room and user: they are submitted again by
 * the next room with it. All calls are synchronous, since a ticket must be kept before it is sent.
 */
export interface GiftStorage {
  /** All tickets that are kept. */
  load(): string[];
  /** Before the ticket is sent. */
  add(ticket: string): void;
  /** It has its answer. */
  remove(ticket: string): void;
}

/** Gifts of a room. */
export interface RoomGiftOptions {
  /** The last number that was shown: the records after it come first. Default: from now on. */
  after?: number;
  /** Default: none, and a reload loses what has no answer. In a browser `webGiftStorage(name)`. */
  storage?: GiftStorage;
}

/** A ticket got its answer; also one that an earlier page had kept. */
export type GiftOutcome = GiftTaken | GiftRefused;

/** A gift that is durable. */
export interface GiftTaken {
  /** As it was given to `gift()`. */
  ticket: string;
  /** The relay's word. */
  receipt: GiftReceipt;
}

/** A gift that was not taken, and cannot be by this ticket. */
export interface GiftRefused {
  /** As it was given to `gift()`. */
  ticket: string;
  /** `error.code` is a row of the code table. */
  error: HayateError;
}
