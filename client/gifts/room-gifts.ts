import type { HayateError } from '@hayate/codec/errors';
import { codeError, type GiftPlaced, type GiftPosted, type RelayMessage } from '@hayate/codec/messages';
import type { Environment } from '../room/environment.ts';
import type { Participant } from '../room/participant.ts';
import { BoundedQueue } from '../room/queue.ts';
import { errorOf, type RelaySession } from '../room/relay-session.ts';
import { StandingStream } from '../room/standing-stream.ts';
import { PendingGifts } from './pending.ts';
import type { GiftOptions, GiftOutcome, GiftReceipt, PlacedGift, RoomGift, RoomGiftOptions } from './types.ts';

const QUEUE_LIMIT = 4096;
/** Records remembered by name: they may come without their place and with it, and another ledger has another sequence. */
const REMEMBERED = 4096;

export interface RoomGiftsSetup {
  environment: Environment;
  options: RoomGiftOptions;
  onGift(gift: RoomGift): void;
  onPlaced(placed: PlacedGift): void;
  onSettled(outcome: GiftOutcome): void;
  onWarning(error: HayateError): void;
}

/** The gifts of one room over all its sessions: tickets to the relay until they have an answer, records shown once each. */
export class RoomGifts implements Participant {
  readonly #setup: RoomGiftsSetup;
  readonly #pending: PendingGifts;
  readonly #queues = new Set<BoundedQueue<RoomGift>>();
  /** Names of what was shown, and whether without a place so far. */
  readonly #shown = new Map<string, boolean>();
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
      case 'placed':
        this.#onPlaced(message);
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
    const { n, kind, jti } = record;
    if (n !== undefined && !this.#advance(n)) return;
    const name = `${kind} ${jti}`;
    const unplaced = this.#shown.get(name);
    if (unplaced === undefined) {
      this.#remember(name, n === undefined);
      this.#show(giftOf(record));
    } else if (unplaced && n !== undefined) this.#placed(name, { kind, jti, number: n });
  }

  #onPlaced({ n, kind, jti }: GiftPlaced): void {
    const name = `${kind} ${jti}`;
    const unplaced = this.#shown.get(name);
    // Looked at before the place counts as seen: a new stream brings the whole record.
    if (unplaced === undefined && n > (this.#seen ?? n - 1)) {
      throw codeError('protocol_error', `a place came for ${jti}, which did not`);
    }
    if (this.#advance(n) && unplaced) this.#placed(name, { kind, jti, number: n });
  }

  /** Whether this is the room's next number; an older one is left out. */
  #advance(n: number): boolean {
    const seen = this.#seen ?? n - 1;
    if (n <= seen) return false;
    // Never skipped: a new stream begins after the last one that came.
    if (n > seen + 1) throw codeError('protocol_error', `gift ${n} came after ${seen}`);
    this.#seen = n;
    this.#stream.works();
    return true;
  }

  #placed(name: string, placed: PlacedGift): void {
    this.#shown.set(name, false);
    this.#setup.onPlaced(placed);
  }

  #remember(name: string, unplaced: boolean): void {
    this.#shown.set(name, unplaced);
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > REMEMBERED && oldest !== undefined) this.#shown.delete(oldest);
  }

  #show(gift: RoomGift): void {
    this.#setup.onGift(gift);
    for (const queue of [...this.#queues]) {
      if (queue.size < QUEUE_LIMIT) queue.push(gift);
      else queue.fail(codeError('overloaded', `${QUEUE_LIMIT} gifts wait for this iterator`));
    }
  }
}

function giftOf({ n, kind, jti, of, sub, name, liver, item, amount, currency, at }: GiftPosted): RoomGift {
  return {
    ...(n !== undefined && { number: n }),
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
