import { HayateError } from '@hayate/codec/errors';
import { ledgerError } from './errors.ts';
import type {
  Amendment,
  DeliveryOutcome,
  GiftTicket,
  Ledger,
  LedgerHead,
  LedgerRecord,
  LedgerStats,
  LocalLedger,
  OutboxEntry,
  PlacedRecord,
  Receipt,
} from './types.ts';

/** A gift that the ledger of its region does not have yet. */
export interface SpooledGift {
  ticket: GiftTicket;
  /** When it was claimed, ms since 1970. */
  atMs: number;
}

/** Another relay's disk. */
export interface SecondCopy {
  /** Resolves when another relay of this region has it on its disk; rejects when none has, or nobody knows. */
  store(gift: SpooledGift): Promise<void>;
}

/** A ledger that every relay of a region has. */
export type RegionLedger = Ledger & Required<Pick<Ledger, 'follow'>>;

export interface SpoolingOptions<Main extends RegionLedger> {
  /** Opens the ledger of the region: at the start, and each second until it opens. */
  open(): Promise<Main>;
  /** This relay's own file. Its outbox is what the region does not have yet. Closed with this ledger. */
  spool: LocalLedger;
  /** Undefined: nothing is taken while NATS does not answer. */
  second?: SecondCopy | undefined;
  /** Whether there is a connection to NATS: without one nothing is tried. */
  connected(): boolean;
  /** The region's ledger answers, or no more. */
  onReach(reached: boolean): void;
  /** The region's ledger has this `jti` with other content: two gifts of one `jti` were taken while it was away. */
  onConflict(gift: SpooledGift): void;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

const RETRY_MS = 1000;
const PAGE = 100;
const MOST_UNANSWERED = 4096;

type Follow = { room: string; listener: (record: LedgerRecord) => void; end: (() => void) | undefined };

/**
 * The ledger of a region as long as NATS answers. While it does not, a gift is taken once this relay's disk and that of
 * another have it, and is brought to the region's ledger by both when NATS is back: there the `jti` is claimed once.
 * All but claims waits for NATS.
 */
export class SpoolingLedger<Main extends RegionLedger> implements RegionLedger {
  /** Resolves when the region's ledger opened first. */
  readonly opened: Promise<Main>;
  readonly #opened = Promise.withResolvers<Main>();
  readonly #options: SpoolingOptions<Main>;
  readonly #follows = new Set<Follow>();
  /** On this disk, and refused for want of a second one: the next answer is the first. */
  readonly #unanswered = new Set<string>();
  #main: Main | undefined;
  /** It failed, and has not answered since. */
  #away = false;
  #timer: unknown;
  #turn: Promise<void> | undefined;
  #closed = false;

  private constructor(options: SpoolingOptions<Main>) {
    this.#options = options;
    this.opened = this.#opened.promise;
  }

  /** Resolves whether or not NATS answers. */
  static async open<Main extends RegionLedger>(options: SpoolingOptions<Main>): Promise<SpoolingLedger<Main>> {
    const ledger = new SpoolingLedger(options);
    await ledger.retry();
    return ledger;
  }

  /** The region's ledger, once it opened. */
  get main(): Main | undefined {
    return this.#main;
  }

  /** Whether the region's ledger answers, as far as is known. */
  get reached(): boolean {
    return this.#main !== undefined && !this.#away && this.#options.connected();
  }

  async claim(ticket: GiftTicket, nowMs: number): Promise<Receipt> {
    if (!this.reached) {
      this.#lost();
      return this.#spool(ticket, nowMs);
    }
    try {
      return await this.#main!.claim(ticket, nowMs);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      this.#lost();
      return this.#spool(ticket, nowMs);
    }
  }

  /** What another relay's `SecondCopy` brings: resolves when it is on this disk. */
  async keep({ ticket, atMs }: SpooledGift): Promise<void> {
    await this.#options.spool.claim(ticket, atMs);
    this.#later(0);
  }

  amend(amendment: Amendment, nowMs: number): Promise<Receipt> {
    return this.#call((main) => main.amend(amendment, nowMs));
  }

  async find(jti: string): Promise<LedgerRecord | undefined> {
    const spooled = await this.#options.spool.find(jti);
    try {
      return (await this.#call((main) => main.find(jti))) ?? (spooled && { ...spooled, id: 0, sequence: null });
    } catch (error) {
      if (spooled) return { ...spooled, id: 0, sequence: null };
      throw error;
    }
  }

  resume(room: string, afterSequence: number, limit: number): Promise<PlacedRecord[]> {
    return this.#call((main) => main.resume(room, afterSequence, limit));
  }

  head(room: string): Promise<LedgerHead> {
    return this.#call((main) => main.head(room));
  }

  since(afterId: number, limit: number): Promise<LedgerRecord[]> {
    return this.#call((main) => main.since(afterId, limit));
  }

  cursor(name: string): Promise<number> {
    return this.#call((main) => main.cursor(name));
  }

  moveCursor(name: string, id: number): Promise<void> {
    return this.#call((main) => main.moveCursor(name, id));
  }

  outbox(nowMs: number, limit: number, afterId?: number): Promise<OutboxEntry[]> {
    return this.#call((main) => main.outbox(nowMs, limit, afterId));
  }

  settle(outcomes: readonly DeliveryOutcome[]): Promise<void> {
    return this.#call((main) => main.settle(outcomes));
  }

  deadLetters(afterId: number, limit: number): Promise<OutboxEntry[]> {
    return this.#call((main) => main.deadLetters(afterId, limit));
  }

  redeliver(ids: readonly number[]): Promise<number> {
    return this.#call((main) => main.redeliver(ids));
  }

  follow(room: string, listener: (record: LedgerRecord) => void): () => void {
    const follow: Follow = { room, listener, end: this.#main?.follow(room, listener) };
    this.#follows.add(follow);
    return () => {
      follow.end?.();
      this.#follows.delete(follow);
    };
  }

  /** Gifts on this disk that the region's ledger does not have; a hundred stand for any more. */
  async held(): Promise<number> {
    return (await this.#options.spool.outbox(Number.MAX_SAFE_INTEGER, PAGE)).length;
  }

  stats(): LedgerStats {
    return this.#main?.stats() ?? { waiting: 0, records: 0, repeats: 0, commits: 0, overloaded: 0 };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#options.clearTimer(this.#timer);
    await this.#turn;
    await this.#main?.close();
    await this.#options.spool.close();
  }

  /** Opens the region's ledger if it is not, and brings it what this disk has for it. Each second by itself while it fails. */
  retry(): Promise<void> {
    this.#turn ??= this.#try().finally(() => {
      this.#turn = undefined;
    });
    return this.#turn;
  }

  async #spool(ticket: GiftTicket, nowMs: number): Promise<Receipt> {
    const { spool, second } = this.#options;
    if (!second) throw ledgerError('ledger_unavailable', 'NATS does not answer, and there is no second relay');
    const [mine, other] = await Promise.allSettled([spool.claim(ticket, nowMs), second.store({ ticket, atMs: nowMs })]);
    if (mine.status === 'rejected') throw mine.reason;
    if (other.status === 'rejected') {
      if (!mine.value.repeat && this.#unanswered.size < MOST_UNANSWERED) this.#unanswered.add(ticket.jti);
      throw ledgerError('ledger_unavailable', 'NATS does not answer, and no second relay took it', other.reason);
    }
    this.#later(RETRY_MS);
    const { room, atMs } = mine.value;
    const repeat = mine.value.repeat && !this.#unanswered.delete(ticket.jti);
    return { id: null, room, sequence: null, atMs, repeat };
  }

  async #call<T>(call: (main: Main) => Promise<T>): Promise<T> {
    if (!this.#main || !this.#options.connected()) {
      this.#lost();
      throw ledgerError('ledger_unavailable', 'there is no connection to NATS');
    }
    try {
      return await call(this.#main);
    } catch (error) {
      if (isUnavailable(error)) this.#lost();
      throw error;
    }
  }

  #lost(): void {
    if (this.#main && !this.#away) this.#options.onReach(false);
    this.#away = true;
    this.#later(RETRY_MS);
  }

  #later(ms: number): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#options.setTimer(() => {
      this.#timer = undefined;
      void this.retry();
    }, ms);
  }

  async #try(): Promise<void> {
    const { open, onReach } = this.#options;
    const before = this.reached;
    try {
      if (!this.#options.connected()) throw ledgerError('ledger_unavailable', 'there is no connection to NATS');
      if (!this.#main) {
        this.#main = await open();
        this.#opened.resolve(this.#main);
        for (const follow of this.#follows) follow.end = this.#main.follow(follow.room, follow.listener);
      }
      if (this.#away) await this.#main.cursor('reach');
      this.#away = false;
      if (!before) onReach(true);
      // New gifts do not wait for those.
      await this.#export(this.#main);
    } catch {
      if (!this.#closed) this.#later(RETRY_MS);
      if (this.reached) onReach(false);
      this.#away = true;
    }
  }

  async #export(main: Main): Promise<void> {
    const { spool } = this.#options;
    for (;;) {
      const page = await spool.outbox(Number.MAX_SAFE_INTEGER, PAGE);
      const outcomes = await Promise.allSettled(page.map(({ record }) => this.#bring(main, record)));
      await spool.settle(outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
      for (const each of outcomes) if (each.status === 'rejected') throw each.reason;
      if (page.length < PAGE) return;
    }
  }

  async #bring(main: Main, { id, atMs, key: jti, ...record }: LedgerRecord): Promise<DeliveryOutcome> {
    const { room, sender, liver, item, amount, currency, reg } = record;
    const ticket = { jti, room, sender, liver, item, amount, currency, reg };
    try {
      await main.claim(ticket, atMs);
      return { id, outcome: 'delivered', atMs };
    } catch (error) {
      if (!(error instanceof HayateError && error.code === 'gift_conflict')) throw error;
      this.#options.onConflict({ ticket, atMs });
      return { id, outcome: 'dead' };
    }
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof HayateError && error.code === 'ledger_unavailable';
}
