/**
 * What a gift's ticket says, once its signature is checked. Text fields: 1 to 128 characters without control characters.
 */
export interface GiftTicket {
  /** Single use: claimed for ever, over all rooms. */
  jti: string;
  room: string;
  sender: string;
  liver: string;
  item: string;
  /** In the currency's minor unit (yen, cents): 1 to 2^53 - 1. */
  amount: number;
  /** ISO 4217: three capital letters. */
  currency: string;
  /** The region that may accept it. */
  reg: string;
  /** When the sender was shown the gift, ms since 1970 by the sender's clock: kept, never trusted. */
  shownAtMs?: number;
}

/** Takes back a gift: `void` all of it, as if it had never counted; `refund` a part or all of what is left. */
export type Amendment = {
  /** Single use, as a ticket's `jti`: a repeat gets the first answer. */
  key: string;
  /** The `jti` of the gift. */
  gift: string;
  reason: string;
} & ({ kind: 'void' } | { kind: 'refund'; amount: number });

export type RecordKind = 'gift' | 'void' | 'refund';

/** One line of the ledger. It never changes: what takes back a gift is a record of its own, in the gift's room. */
export interface LedgerRecord {
  /** Place in the whole ledger, from 1, without gaps: the cursor of the pull API. In a cluster: of its region's ledger. */
  id: number;
  room: string;
  /** Place in the room, from 1, without gaps. In a cluster null until the room's home region gave it one. */
  sequence: number | null;
  kind: RecordKind;
  /** `jti` of a gift, key of an amendment. */
  key: string;
  /** When it was claimed, ms since 1970 by the relay's clock. Not always in the order of `id`: clocks are set. */
  atMs: number;
  /** These five are the gift's in an amendment too. */
  sender: string;
  liver: string;
  item: string;
  currency: string;
  reg: string;
  /** Always positive: a void or refund takes this much back. */
  amount: number;
  shownAtMs: number | null;
  /** `jti` of the gift that an amendment takes back. */
  gift: string | null;
  reason: string | null;
}

export type PlacedRecord = LedgerRecord & { sequence: number };

/**
 * The answer to a claim or an amendment: durable when it is given, and the same for every repeat but for `repeat`, and for
 * what was not known yet.
 */
export interface Receipt {
  /** In a cluster null for what waits on the disks of two relays until their region's ledger can be reached. */
  id: number | null;
  room: string;
  /** In a cluster null until the room's home region gave it one. */
  sequence: number | null;
  atMs: number;
  repeat: boolean;
}

export interface LedgerQuery {
  /** First ms since 1970. */
  fromMs: number;
  /** First ms that is too late. */
  toMs: number;
  liver?: string;
}

/** Where the ledger ends; 0 where there is nothing. */
export interface LedgerHead {
  /** Of the room. */
  sequence: number;
  /** Of all records. */
  id: number;
}

/** A place in the answers of one `LedgerQuery`. */
export interface ReadCursor {
  atMs: number;
  id: number;
}

export type ReadRecord = LedgerRecord & { deliveredAtMs: number | null };

export interface ReadPage {
  /** By `atMs`, then `id`. */
  records: ReadRecord[];
  /** Undefined on the last page. */
  next: ReadCursor | undefined;
}

/** A record that the backend has not taken yet. */
export interface OutboxEntry {
  record: LedgerRecord;
  /** Attempts so far. */
  attempts: number;
  /** When the next one is due, ms since 1970; 0 at first. */
  nextAtMs: number;
}

export type DeliveryOutcome =
  | { id: number; outcome: 'delivered'; atMs: number }
  | { id: number; outcome: 'retry'; nextAtMs: number }
  | { id: number; outcome: 'dead' };

export interface LedgerStats {
  /** Calls that wait for their answer. */
  waiting: number;
  /** Claims and amendments written, repeats not counted. */
  records: number;
  repeats: number;
  /** Transactions made durable; `records / commits` is how many shared one. */
  commits: number;
  /** Refused by a full queue. */
  overloaded: number;
}

/**
 * Gifts and what takes them back. Every method may reject with `ledger_overloaded`, `ledger_closed`, `ledger_failed` or
 * `ledger_corrupt`, those that write with `ledger_full`, `ledger_busy` or `ledger_read_only` too, and all with
 * `invalid_argument`: see `ledgerCodes`. After a retryable error it is not known whether the record was written; the same
 * call again gives the one true answer.
 *
 * `limit` is 1 to 1000 records.
 */
export interface Ledger {
  /**
   * Resolves when the gift is durable. A `jti` is claimed for ever: a repeat, also years later, gets the first answer.
   * @throws HayateError `gift_conflict` when the `jti` was claimed with other content
   */
  claim(ticket: GiftTicket, nowMs: number): Promise<Receipt>;
  /** @throws HayateError `gift_unknown`, `gift_amended` (voided, or less is left), `gift_conflict` */
  amend(amendment: Amendment, nowMs: number): Promise<Receipt>;
  /** The gift claimed under this `jti`. */
  find(jti: string): Promise<LedgerRecord | undefined>;
  /** A room's records after a sequence, in order. */
  resume(room: string, afterSequence: number, limit: number): Promise<PlacedRecord[]>;
  /** The last record of a room, and of all; of a room that is at home in another region as far as the copy here is. */
  head(room: string): Promise<LedgerHead>;
  /** All rooms' records after an id, in order: no record ever appears behind a cursor. */
  since(afterId: number, limit: number): Promise<LedgerRecord[]>;
  /** The id up to which a named consumer has read; 0 at first. */
  cursor(name: string): Promise<number>;
  /** Never moves back. */
  moveCursor(name: string, id: number): Promise<void>;
  /** What is due for delivery, after an id (default 0), by id; dead letters are not. */
  outbox(nowMs: number, limit: number, afterId?: number): Promise<OutboxEntry[]>;
  /** Counts an attempt for each; ids that are not in the outbox are ignored. */
  settle(outcomes: readonly DeliveryOutcome[]): Promise<void>;
  deadLetters(afterId: number, limit: number): Promise<OutboxEntry[]>;
  /** Puts dead and delivered records back into the outbox, due at once; resolves with how many exist. */
  redeliver(ids: readonly number[]): Promise<number>;
  /**
   * Tells of a room's records as they become known, whoever wrote them: any number of times and in any order, those
   * without a place too. Undefined: `since` has to be asked. Gives what ends it.
   */
  follow?(room: string, listener: (record: LedgerRecord) => void): () => void;
  stats(): LedgerStats;
  /** Answers what waits, then lets go of the file. Idempotent. */
  close(): Promise<void>;
}

/** A ledger on one machine. */
export interface LocalLedger extends Ledger {
  /** Records of a time, for export and reconciliation. */
  read(query: LedgerQuery, after: ReadCursor | undefined, limit: number): Promise<ReadPage>;
}
