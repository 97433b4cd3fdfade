import type { HayateError } from '@hayate/codec/errors';
import { codeError, type ErrorMessage, type Gifted } from '@hayate/codec/messages';
import { Backoff } from '../room/backoff.ts';
import type { Environment } from '../room/environment.ts';
import { errorOf } from '../room/relay-session.ts';
import type { GiftOptions, GiftOutcome, GiftReceipt, GiftStorage } from './types.ts';

/** The relay lets 32 wait for the disk, and reads no more. */
const MAX_UNDER_WAY = 32;
const MAX_TICKET_CHARS = 4096;
const RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
/** A relay answers always; whoever does not is asked once more. */
const ANSWER_MS = 10_000;

interface Pending {
  ticket: string;
  state: 'queued' | 'sent' | 'waiting';
  /** Of the message that was sent last. */
  id: number;
  backoff: Backoff;
  /** Of the answer while sent, of the next try while waiting. */
  timer: unknown;
  settle(outcome: GiftReceipt | HayateError, kept?: boolean): void;
}

export interface PendingGiftsOptions {
  environment: Environment;
  storage: GiftStorage | undefined;
  onSettled(outcome: GiftOutcome): void;
  /** There is something to send and no stream. */
  onWanted(): void;
}

/**
 * Tickets without an answer, in the order they came. They outlive sessions: each is sent again on the next one, until the
 * relay says that it is durable, or that it never will be.
 */
export class PendingGifts {
  readonly #options: PendingGiftsOptions;
  readonly #pending = new Set<Pending>();
  #send: ((id: number, ticket: string) => void) | undefined;
  #underWay = 0;
  #nextId = 1;
  #closed: HayateError | undefined;

  constructor(options: PendingGiftsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  submit(ticket: string, { signal, timeoutMs }: GiftOptions = {}): Promise<GiftReceipt> {
    const { environment, storage } = this.#options;
    if (typeof ticket !== 'string' || ticket.length === 0 || ticket.length > MAX_TICKET_CHARS) {
      return Promise.reject(codeError('invalid_argument', `a ticket has 1 to ${MAX_TICKET_CHARS} characters`));
    }
    if (this.#closed) return Promise.reject(this.#closed);
    if (signal?.aborted) return Promise.reject(codeError('closed', 'aborted before it was sent', signal.reason));
    storage?.add(ticket);
    const { promise, resolve, reject } = Promise.withResolvers<GiftReceipt>();
    const abort = () => entry.settle(codeError('closed', 'aborted: not known whether it was taken', signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    const deadline =
      timeoutMs === undefined
        ? undefined
        : environment.setTimer(() => {
            entry.settle(codeError('timeout', `no answer within ${timeoutMs} ms: not known whether it was taken`));
          }, timeoutMs);
    const entry: Pending = {
      ticket,
      state: 'queued',
      id: 0,
      backoff: new Backoff(RETRY_MS, MAX_RETRY_MS, environment.random),
      timer: undefined,
      settle: (outcome, kept = false) => {
        if (!this.#pending.delete(entry)) return;
        this.#rest(entry);
        signal?.removeEventListener('abort', abort);
        environment.clearTimer(deadline);
        // The same ticket may have been given twice: the other one still needs it.
        if (!kept && ![...this.#pending].some((other) => other.ticket === ticket)) storage?.remove(ticket);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
        const { onSettled } = this.#options;
        if (!kept) onSettled(outcome instanceof Error ? { ticket, error: outcome } : { ticket, receipt: outcome });
        this.#pump();
      },
    };
    this.#pending.add(entry);
    if (this.#send) this.#pump();
    else this.#options.onWanted();
    return promise;
  }

  /** There is a stream. All that has no answer goes out on it. */
  open(send: (id: number, ticket: string) => void): void {
    this.lost();
    this.#send = send;
    this.#pump();
  }

  /** The stream is gone, and with it the answers. */
  lost(): void {
    this.#send = undefined;
    for (const entry of this.#pending) this.#rest(entry);
  }

  answered({ id, n, gift, at, repeat }: Gifted): void {
    const places = { ...(n !== undefined && { number: n }), ...(gift !== undefined && { gift }) };
    this.#sent(id)?.settle({ ...places, atMs: at, repeat });
  }

  refused(message: ErrorMessage & { id: number }): void {
    const entry = this.#sent(message.id);
    if (!entry) return;
    const error = errorOf(message);
    if (!error.retryable) {
      entry.settle(error);
      return;
    }
    this.#rest(entry);
    entry.state = 'waiting';
    entry.timer = this.#options.environment.setTimer(() => {
      entry.state = 'queued';
      this.#pump();
    }, entry.backoff.nextMs());
    this.#pump();
  }

  /** No more sessions. What is kept in the storage stays there. */
  close(error: HayateError): void {
    this.#closed = error;
    this.lost();
    for (const entry of [...this.#pending]) entry.settle(error, true);
  }

  #sent(id: number): Pending | undefined {
    for (const entry of this.#pending) if (entry.state === 'sent' && entry.id === id) return entry;
    return undefined;
  }

  /** Back to the queue. */
  #rest(entry: Pending): void {
    if (entry.state === 'sent') this.#underWay -= 1;
    this.#options.environment.clearTimer(entry.timer);
    entry.timer = undefined;
    entry.state = 'queued';
  }

  #pump(): void {
    for (const entry of this.#pending) {
      if (!this.#send || this.#underWay >= MAX_UNDER_WAY) return;
      if (entry.state !== 'queued') continue;
      entry.state = 'sent';
      entry.id = this.#nextId++ >>> 0;
      this.#underWay += 1;
      entry.timer = this.#options.environment.setTimer(() => {
        this.#rest(entry);
        this.#pump();
      }, ANSWER_MS);
      this.#send(entry.id, entry.ticket);
    }
  }
}
