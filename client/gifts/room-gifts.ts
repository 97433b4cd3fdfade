import type { HayateError } from '@hayate/codec/errors';
import { codeError, type GiftPosted, type RelayMessage } from '@hayate/codec/messages';
import type { Environment } from '../room/environment.ts';
import { BoundedQueue } from '../room/queue.ts';
import { errorOf, type RelaySession } from '../room/relay-session.ts';
import type { Participant } from '../room/room.ts';
import { StandingStream } from '../room/standing-stream.ts';
import { PendingGifts } from './pending.ts';
import type { GiftOptions, GiftOutcome, GiftReceipt, RoomGift, RoomGiftOptions } from './types.ts';

const QUEUE_LIMIT = 4096;
/** Records remembered by name, for the case that another relay has another sequence. */
const REMEMBERED = 1024;

export interface RoomGiftsSetup {
  environment: Environment;
  options: RoomGiftOptions;
  onGift(gift: RoomGift): void;
  onSettled(outcome: GiftOutcome): void;
  onWarning(error: HayateError): void;
}

/** The gifts of one room over all its sessions: tickets to the relay until they have an answer, records shown once each. */
export class RoomGifts implements Participant {
  readonly #setup: RoomGiftsSetup;
  readonly #pending: PendingGifts;
  readonly #queues = new Set<BoundedQueue<RoomGift>>();
  readonly #shown = new Set<string>();
  readonly #stream: StandingStream;
  #seen: number | undefined;
  #closed = false;

  constructor(setup: RoomGiftsSetup) {
    this.#setup = setup;
    const { environment, options } = setup;
    this.#seen = options.after;
    this.#stream = new StandingStream({
      environment,
      name: 'gifts',
      greeting: () => ({ t: 'gifts', ...(this.#seen === undefined ? {} : { after: this.#seen }) }),
      onOpen: (stream) => this.#pending.open((id, ticket) => stream.send({ t: 'gift', id, ticket })),
      onMessage: (message) => this.#onMessage(message),
      onLost: () => this.#pending.lost(),
      onWarning: setup.onWarning,
    });
    this.#pending = new PendingGifts({
      environment,
      storage: options.storage,
      onSettled: setup.onSettled,
      onWanted: () => this.want(),
    });
    // Of an earlier page; their answers come as events.
    for (const ticket of options.storage?.load() ?? []) this.#pending.submit(ticket).catch(() => {});
  }

  /** The last number that was shown; undefined before the relay said where the room stands. */
  get seen(): number | undefined {
    return this.#seen;
  }

  submit(ticket: string, options?: GiftOptions): Promise<GiftReceipt> {
    return this.#pending.submit(ticket, options);
  }

  /** From now on there is a stream in each session. */
  want(): void {
    this.#stream.want();
  }

  iterate(): AsyncIterator<RoomGift> {
    this.want();
    const queue: BoundedQueue<RoomGift> = new BoundedQueue(QUEUE_LIMIT, { onEnd: () => this.#queues.delete(queue) });
    this.#queues.add(queue);
    if (this.#closed) queue.end();
    return queue;
  }

  onOpen(session: RelaySession): void {
    this.#stream.begin(session);
  }

  onLost(): void {
    this.#stream.end();
  }

  onClosed(error: HayateError): void {
    this.#closed = true;
    this.onLost();
    this.#pending.close(error);
    for (const queue of [...this.#queues]) queue.end();
  }

  onDatagram(): void {}

  #onMessage(message: RelayMessage): void {
    switch (message.t) {
      case 'gifts':
        // A smaller one than asked for: this relay's ledger never had that sequence.
        if (this.#seen === undefined || message.after < this.#seen) this.#seen = message.after;
        break;
      case 'gift':
        this.#onRecord(message);
        break;
      case 'gifted':
        this.#pending.answered(message);
        break;
      case 'error': {
        const { id } = message;
        const error = errorOf(message);
        if (id !== undefined) this.#pending.refused({ ...message, id });
        else if (error.retryable) this.#stream.again(error);
        else this.#setup.onWarning(error);
        break;
      }
      default:
        throw codeError('protocol_error', `the relay sent ${message.t} on the gifts stream`);
    }
  }

  #onRecord(record: GiftPosted): void {
    const seen = this.#seen ?? record.n - 1;
    if (record.n <= seen) return;
    // Never skipped: a new stream begins after the last one that came.
    if (record.n > seen + 1) throw codeError('protocol_error', `gift ${record.n} came after ${seen}`);
    this.#seen = record.n;
    this.#stream.works();
    const name = `${record.kind} ${record.jti}`;
    if (this.#shown.has(name)) return;
    this.#shown.add(name);
    const [oldest] = this.#shown;
    if (this.#shown.size > REMEMBERED && oldest !== undefined) this.#shown.delete(oldest);
    const gift = giftOf(record);
    this.#setup.onGift(gift);
    for (const queue of [...this.#queues]) {
      if (queue.size < QUEUE_LIMIT) queue.push(gift);
      else queue.fail(codeError('overloaded', `${QUEUE_LIMIT} gifts wait for this iterator`));
    }
  }
}

function giftOf({ n, kind, jti, of, sub, name, liver, item, amount, currency, at }: GiftPosted): RoomGift {
  return {
    number: n,
    kind,
    jti,
    ...(of !== undefined && { of }),
    subject: sub,
    ...(name !== undefined && { name }),
    liver,
    item,
    amount,
    currency,
    atMs: at,
  };
}
