import type { HayateError } from '@hayate/codec/errors';
import type {
  Amendment,
  DeliveryOutcome,
  GiftTicket,
  LedgerHead,
  LedgerQuery,
  LedgerRecord,
  LedgerStats,
  LocalLedger,
  OutboxEntry,
  PlacedRecord,
  ReadCursor,
  ReadPage,
  Receipt,
} from './types.ts';

/** A ledger that may end by itself. */
export interface EndingLedger extends LocalLedger {
  /** Resolves when no call is taken any more: with what ended the ledger, with undefined after `close`. */
  readonly ended: Promise<HayateError | undefined>;
}

export interface ReopeningOptions {
  /** Opens the file anew, which checks all of it and makes what it finds durable. */
  open(): Promise<EndingLedger>;
  /** It ended; `retryMs` until the first attempt, undefined when none is made. */
  onFailed(error: HayateError, retryMs: number | undefined): void;
  onReopened(): void;
  /** From 0 to below 1. */
  random(): number;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

const FIRST_MS = 1000;
const MOST_MS = 60_000;

/** What no attempt mends: somebody must look at the file. */
const FOR_GOOD = new Set(['ledger_corrupt', 'ledger_version']);

/**
 * A ledger that is opened again after its disk failed, by waits that double from 1 s to 60 s. Meanwhile every call rejects
 * with what ended it. Nothing of the old one is kept: the new one is what the file says, checked.
 */
export class ReopeningLedger implements LocalLedger {
  readonly #options: ReopeningOptions;
  #current: EndingLedger;
  #failure: HayateError | undefined;
  #timer: unknown;
  #opening: Promise<void> | undefined;
  #closed = false;
  /** Of those before. */
  #past = { records: 0, repeats: 0, commits: 0, overloaded: 0 };

  constructor(first: EndingLedger, options: ReopeningOptions) {
    this.#options = options;
    this.#current = first;
    this.#watch(first);
  }

  /** What ended the ledger, until it is open again. */
  get failure(): HayateError | undefined {
    return this.#failure;
  }

  claim(ticket: GiftTicket, nowMs: number): Promise<Receipt> {
    return this.#current.claim(ticket, nowMs);
  }

  amend(amendment: Amendment, nowMs: number): Promise<Receipt> {
    return this.#current.amend(amendment, nowMs);
  }

  find(jti: string): Promise<LedgerRecord | undefined> {
    return this.#current.find(jti);
  }

  resume(room: string, afterSequence: number, limit: number): Promise<PlacedRecord[]> {
    return this.#current.resume(room, afterSequence, limit);
  }

  head(room: string): Promise<LedgerHead> {
    return this.#current.head(room);
  }

  since(afterId: number, limit: number): Promise<LedgerRecord[]> {
    return this.#current.since(afterId, limit);
  }

  read(query: LedgerQuery, after: ReadCursor | undefined, limit: number): Promise<ReadPage> {
    return this.#current.read(query, after, limit);
  }

  cursor(name: string): Promise<number> {
    return this.#current.cursor(name);
  }

  moveCursor(name: string, id: number): Promise<void> {
    return this.#current.moveCursor(name, id);
  }

  outbox(nowMs: number, limit: number, afterId?: number): Promise<OutboxEntry[]> {
    return this.#current.outbox(nowMs, limit, afterId);
  }

  settle(outcomes: readonly DeliveryOutcome[]): Promise<void> {
    return this.#current.settle(outcomes);
  }

  deadLetters(afterId: number, limit: number): Promise<OutboxEntry[]> {
    return this.#current.deadLetters(afterId, limit);
  }

  redeliver(ids: readonly number[]): Promise<number> {
    return this.#current.redeliver(ids);
  }

  /** Counts go on over each opening. */
  stats(): LedgerStats {
    const { waiting, records, repeats, commits, overloaded } = this.#current.stats();
    const past = this.#past;
    return {
      waiting,
      records: past.records + records,
      repeats: past.repeats + repeats,
      commits: past.commits + commits,
      overloaded: past.overloaded + overloaded,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== undefined) this.#options.clearTimer(this.#timer);
    await this.#opening;
    await this.#current.close();
  }

  #watch(ledger: EndingLedger): void {
    void ledger.ended.then((error) => {
      if (error) this.#failed(error, FIRST_MS);
    });
  }

  #failed(error: HayateError, nextMs: number): void {
    this.#failure = error;
    const retry = !this.#closed && !FOR_GOOD.has(error.code);
    this.#options.onFailed(error, retry ? this.#later(nextMs) : undefined);
  }

  /** The next attempt, after `ms` less up to half of it. */
  #later(ms: number): number {
    const waitMs = Math.round(ms * (1 - this.#options.random() / 2));
    this.#timer = this.#options.setTimer(() => {
      this.#timer = undefined;
      this.#opening = this.#reopen(ms).finally(() => {
        this.#opening = undefined;
      });
    }, waitMs);
    return waitMs;
  }

  async #reopen(waitedMs: number): Promise<void> {
    try {
      const next = await this.#options.open();
      this.#past = this.stats();
      this.#current = next;
      this.#failure = undefined;
      this.#watch(next);
      this.#options.onReopened();
    } catch (error) {
      this.#failed(error as HayateError, Math.min(2 * waitedMs, MOST_MS));
    }
  }
}
