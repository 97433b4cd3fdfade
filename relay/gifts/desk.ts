import { HayateError } from '@hayate/codec/errors';
import { CODES, type Code, codeError } from '@hayate/codec/messages';
import type { Logger } from 'pino';
import type { GiftTicket, Ledger, LedgerRecord, Receipt } from '../ledger/index.ts';
import type { Counters } from '../telemetry/counters.ts';
import { wallMs } from '../telemetry/traces/clock.ts';
import type { GiftTraces, HeardFrom, Submission } from '../telemetry/traces/gifts.ts';
import { logged } from '../telemetry/traces/ids.ts';
import { GiftFeed, type GiftSink, type Subscription } from './feed.ts';
import type { GiftForwarder } from './forward.ts';
import type { CheckedTicket, Sender, TicketChecker } from './ticket.ts';

/** How often the ledger is asked what other processes wrote. */
const TAIL_MS = 1000;
const TAIL_PAGE = 500;
const NAMES = 1024;

export interface DeskOptions {
  ledger: Ledger;
  checker: TicketChecker;
  /** This relay's: its ledger takes these tickets. */
  region: string;
  /** Takes tickets of other regions there. Undefined: they are refused. */
  forwarder?: GiftForwarder | undefined;
  counters: Counters;
  log: Logger;
  traces?: GiftTraces | undefined;
  /** Since 1970. */
  dateMs(): number;
  /** Something new is in the ledger. */
  onRecord?: (() => void) | undefined;
  /** A gift that this relay was given is durable, for the first time: for the room's other relays. */
  onGiven?: ((gift: GivenGift) => void) | undefined;
}

/** A ticket on its way from `check` to `claim`. */
export interface SubmittedTicket extends CheckedTicket {
  /** Where gifts are traced. */
  submission?: Submission | undefined;
}

/** A durable gift with its ticket, by which any relay can check it. */
export interface GivenGift extends Sender {
  ticket: string;
  name?: string;
  /** ms since 1970. */
  atMs: number;
}

/** Takes tickets to the ledger and records to the rooms. One a relay. */
export class GiftDesk {
  readonly #options: DeskOptions;
  readonly #feeds = new Map<string, Promise<GiftFeed>>();
  readonly #follows = new Map<string, () => void>();
  /** Of those who gave lately; a record has none. */
  readonly #names = new Map<string, string>();
  readonly #timer: ReturnType<typeof setInterval>;
  #tailId: number | undefined;
  #tailing = false;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.tail(), TAIL_MS);
    this.#timer.unref();
  }

  /** @throws HayateError with a code of the protocol's table */
  async check(ticket: string, sender: Sender): Promise<SubmittedTicket> {
    const submission = this.#options.traces?.submit('session');
    try {
      const checked = await this.#options.checker.check(ticket, sender, this.#options.dateMs);
      submission?.checked(checked.gift);
      return { ...checked, submission };
    } catch (error) {
      throw this.#refused(error, submission);
    }
  }

  /**
   * Resolves when the gift is durable. Calls are carried out in their order.
   * @throws HayateError with a code of the protocol's table
   */
  async claim(checked: SubmittedTicket, name?: string): Promise<Receipt> {
    const { submission } = checked;
    try {
      const receipt = await this.#claim(checked, name);
      submission?.taken(receipt);
      return receipt;
    } catch (error) {
      throw this.#refused(error, submission);
    }
  }

  /** What another region's relay was given and forwards. @throws HayateError with a code of the protocol's table */
  async claimForwarded(ticket: string, sender: Sender): Promise<Receipt> {
    const submission = this.#options.traces?.submit('relay');
    let checked: CheckedTicket;
    try {
      checked = await this.#options.checker.check(ticket, sender, this.#options.dateMs, true);
    } catch (error) {
      const out = this.#known(error);
      submission?.refused(out.code);
      throw out;
    }
    submission?.checked(checked.gift);
    return this.claim({ ...checked, submission });
  }

  /** @throws HayateError with a code of the protocol's table */
  async subscribe(room: string, after: number | undefined, sink: GiftSink): Promise<Subscription> {
    try {
      for (;;) {
        const feed = this.#feeds.get(room) ?? this.#open(room);
        const opened = await feed;
        // The last of its viewers left meanwhile, and it hears of nothing any more.
        if (this.#feeds.get(room) !== feed) continue;
        const subscription = opened.subscribe(after, sink);
        return {
          ...subscription,
          end: () => {
            subscription.end();
            if (opened.empty && this.#feeds.get(room) === feed) this.#drop(room);
          },
        };
      }
    } catch (error) {
      throw this.#refused(error);
    }
  }

  /**
   * Looks for records that other processes wrote: voids and refunds of the command line. Each second by itself, but where
   * the ledger tells of them.
   */
  async tail(): Promise<void> {
    if (this.#feeds.size === 0 || this.#options.ledger.follow) this.#tailId = undefined;
    if (this.#tailId === undefined || this.#tailing) return;
    this.#tailing = true;
    try {
      for (;;) {
        const page: LedgerRecord[] = await this.#options.ledger.since(this.#tailId, TAIL_PAGE);
        for (const record of page) void this.#offer(record, 'ledger');
        this.#tailId = page.at(-1)?.id ?? this.#tailId;
        if (page.length < TAIL_PAGE) return;
      }
    } catch (error) {
      this.#options.log.debug({ err: error }, 'the end of the ledger could not be read');
    } finally {
      this.#tailing = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const room of [...this.#feeds.keys()]) this.#drop(room);
  }

  async #claim({ gift, expiresMs, ticket, submission }: SubmittedTicket, name: string | undefined): Promise<Receipt> {
    const { ledger, dateMs, counters, region, forwarder } = this.#options;
    const now = dateMs();
    if (gift.reg !== region && forwarder) {
      const forward = () => forwarder.forward(gift.reg, ticket, { room: gift.room, sub: gift.sender });
      const receipt = await (submission ? submission.step('gift.forward', forward) : forward());
      if (!receipt.repeat) this.#showSoon(gift, receipt, ticket, name);
      return receipt;
    }
    if (now > expiresMs && !(await ledger.find(gift.jti))) {
      throw codeError('ticket_expired', 'the ticket has expired, and was not claimed before');
    }
    const commit = () => ledger.claim(gift, now);
    const receipt = await (submission ? submission.step('gift.commit', commit) : commit());
    counters.add('gifts', receipt.repeat ? 'repeat' : 'new');
    if (!receipt.repeat) this.#showSoon(gift, receipt, ticket, name);
    return receipt;
  }

  #open(room: string): Promise<GiftFeed> {
    const { ledger } = this.#options;
    const feed = ledger.head(room).then(({ sequence, id }) => {
      this.#tailId ??= id;
      return new GiftFeed(room, sequence, ledger, (sub) => this.#names.get(sub));
    });
    this.#feeds.set(room, feed);
    // Before the head is known, so that nothing comes between; it waits for the feed.
    const end = ledger.follow?.(room, (record) => void this.#offer(record, 'ledger'));
    if (end) this.#follows.set(room, end);
    // The next one tries again.
    feed.catch(() => {
      if (this.#feeds.get(room) === feed) this.#drop(room);
    });
    return feed;
  }

  #drop(room: string): void {
    this.#feeds.delete(room);
    this.#follows.get(room)?.();
    this.#follows.delete(room);
  }

  /** Once the giver has the answer: a room may have thousands to show it to. What fails here loses nothing that is durable. */
  #showSoon(gift: GiftTicket, receipt: Receipt, ticket: string, name: string | undefined): void {
    const { onRecord, onGiven, log } = this.#options;
    setImmediate(() => {
      try {
        this.#shown(gift, receipt, name, 'giver');
        onRecord?.();
        const { room, sender: sub } = gift;
        onGiven?.({ room, sub, ticket, atMs: receipt.atMs, ...(name === undefined ? {} : { name }) });
      } catch (error) {
        log.error({ err: error }, 'fault of the gifts');
      }
    });
  }

  /**
   * What another relay says is durable: shown at once, its place follows. The ticket is checked again.
   * @throws HayateError with a code of the protocol's table
   */
  async given({ ticket, room, sub, name, atMs }: GivenGift): Promise<void> {
    if (!this.#feeds.has(room)) return;
    const { checker, dateMs } = this.#options;
    const { gift } = await checker.check(ticket, { room, sub }, dateMs);
    this.#shown(gift, { id: null, sequence: null, atMs }, name, 'relay');
  }

  #shown(
    gift: GiftTicket,
    { id, sequence, atMs }: Pick<Receipt, 'id' | 'sequence' | 'atMs'>,
    name: string | undefined,
    from: HeardFrom,
  ): void {
    if (name !== undefined) {
      this.#names.delete(gift.sender);
      this.#names.set(gift.sender, name);
      const [oldest] = this.#names.keys();
      if (this.#names.size > NAMES && oldest !== undefined) this.#names.delete(oldest);
    }
    const { jti, room, sender, liver, item, currency, reg, amount } = gift;
    const of = { room, sender, liver, item, currency, reg, amount, shownAtMs: null, gift: null, reason: null };
    void this.#offer({ ...of, id: id ?? 0, sequence, kind: 'gift', key: jti, atMs }, from);
  }

  async #offer(record: LedgerRecord, from: HeardFrom): Promise<void> {
    const feed = this.#feeds.get(record.room);
    const { traces } = this.#options;
    const startMs = traces ? wallMs() : 0;
    const offer = (opened: GiftFeed) => {
      const viewers = opened.offer(record);
      if (viewers !== undefined) traces?.shown(record, from, viewers, startMs);
    };
    // A feed that cannot open has told its subscribers.
    if (feed) await feed.then(offer).catch(() => {});
  }

  /** What a client hears. Why the ledger does not answer is the operator's matter. */
  #refused(error: unknown, submission?: Submission): HayateError {
    const { counters, log } = this.#options;
    const out = this.#known(error);
    counters.add('refused', out.code);
    submission?.refused(out.code);
    const told = { err: error, ...logged(submission?.ids) };
    if (out.code === 'internal') log.error(told, 'fault of the gifts');
    else if (out.code === 'ledger_unavailable') log.warn(told, 'the ledger did not answer');
    return out;
  }

  #known(error: unknown): HayateError {
    if (!(error instanceof HayateError)) return codeError('internal', 'a fault of the relay', error);
    // What the ledger does not take was not as documented.
    if (error.code === 'invalid_argument') return codeError('ticket_invalid', error.message, error);
    const row = CODES.find(({ code }) => code === error.code);
    if (row) return codeError(row.code, error.message, error);
    const code: Code = error.code.startsWith('ledger_') ? 'ledger_unavailable' : 'internal';
    return codeError(code, 'the ledger does not answer', error);
  }
}
