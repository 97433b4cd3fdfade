import { HayateError } from '@hayate/codec/errors';
import {
  type ClientMessage,
  codeError,
  encodeMessage,
  type GiftRequest,
  type RelayMessage,
} from '@hayate/codec/messages';
import type { GiftDesk } from '../gifts/desk.ts';
import type { Subscription } from '../gifts/feed.ts';
import type { Receipt } from '../ledger/index.ts';
import { RateLimit } from './rate.ts';
import type { MessageWriter } from './writer.ts';

/** Gifts of one session that wait for the disk; then nothing more is read from it. */
const MAX_UNDER_WAY = 32;
/** Refused tickets: checking one costs a signature. */
const REFUSED_PER_SECOND = 1;
const REFUSED_BURST = 10;

/** A session's gifts, over however many streams: their limits are the session's. */
export class GiftLimits {
  readonly gifts: RateLimit;
  readonly refused: RateLimit;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.gifts = new RateLimit(perSecond, burst, nowMs);
    this.refused = new RateLimit(REFUSED_PER_SECOND, REFUSED_BURST, nowMs);
  }
}

export interface Giver {
  room: string;
  sub: string;
  name?: string;
}

export interface GiftStreamOptions {
  /** Undefined where no gifts are taken. */
  desk: GiftDesk | undefined;
  giver: Giver;
  limits: GiftLimits;
  out: MessageWriter;
  /** Monotonic, ms. */
  nowMs(): number;
  /** Whether this session may give, now. */
  permitted(): boolean;
  /** A gift of this session is durable. */
  onGiven(): void;
  onLimited(): void;
}

/** The gifts stream of one session: submissions to the desk, records to the viewer. Ends with its stream. */
export class GiftStream {
  readonly #options: GiftStreamOptions;
  #subscription: Subscription | undefined;
  #underWay = 0;
  #freed: (() => void) | undefined;
  #ended = false;

  constructor(options: GiftStreamOptions) {
    this.#options = options;
  }

  /** Its first message was `gifts`. */
  async open(after: number | undefined): Promise<void> {
    const { desk, giver, out } = this.#options;
    try {
      if (!desk) throw codeError('gifts_off', 'this relay takes no gifts');
      const subscription = await desk.subscribe(giver.room, after, {
        send: (message) => {
          out.push(message);
          return out.full ? out.drained() : undefined;
        },
        // Without its records a viewer is better off with a new stream.
        failed: () => this.end(),
      });
      if (this.#ended) return subscription.end();
      this.#subscription = subscription;
      this.#send({ t: 'gifts', after: subscription.after });
      subscription.start();
    } catch (error) {
      this.#send({ t: 'error', ...wordsOf(error) });
    }
  }

  /** Resolves when the next message may be read. Undefined: it has no place on this stream. */
  take(message: ClientMessage): Promise<void> | undefined {
    return message.t === 'gift' ? this.#submit(message) : undefined;
  }

  end(): void {
    this.#ended = true;
    this.#subscription?.end();
    this.#options.out.close();
    this.#freed?.();
  }

  async #submit({ id, ticket }: GiftRequest): Promise<void> {
    const { desk, giver, limits, out, nowMs, permitted } = this.#options;
    // Who does not read the answers gets no more of them.
    if (out.full) await out.drained();
    // Nobody would hear the answer: the client sends the ticket again.
    if (this.#ended) return;
    if (!desk) return this.#refuse(id, codeError('gifts_off', 'this relay takes no gifts'));
    if (!permitted()) return this.#refuse(id, codeError('not_permitted', 'giving is not permitted'));
    if (!limits.gifts.take(nowMs()) || !limits.refused.has(nowMs())) {
      this.#options.onLimited();
      return this.#refuse(id, codeError('rate_limited', 'too many gifts, or too many that are refused'));
    }
    try {
      const checked = await desk.check(ticket, giver);
      this.#underWay += 1;
      // Not awaited: the next ticket is checked while this one waits for the disk.
      void desk
        .claim(checked, giver.name)
        .then((receipt) => this.#given(id, receipt))
        .catch((error: unknown) => this.#refuse(id, error))
        .finally(() => {
          this.#underWay -= 1;
          this.#freed?.();
        });
    } catch (error) {
      limits.refused.take(nowMs());
      this.#refuse(id, error);
    }
    while (this.#underWay >= MAX_UNDER_WAY && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#freed = resolve;
      });
    }
  }

  #given(id: number, { sequence, id: gift, atMs, repeat }: Receipt): void {
    this.#options.onGiven();
    const places = { ...(sequence !== null && { n: sequence }), ...(gift !== null && { gift }) };
    this.#send({ t: 'gifted', id, ...places, at: atMs, repeat });
  }

  #refuse(id: number, error: unknown): void {
    this.#send({ t: 'error', id, ...wordsOf(error) });
  }

  #send(message: RelayMessage): void {
    if (!this.#ended) this.#options.out.push(encodeMessage(message));
  }
}

function wordsOf(error: unknown): { code: string; message: string; retryable: boolean } {
  const { code, message, retryable } =
    error instanceof HayateError ? error : codeError('internal', 'a fault of the relay');
  return { code, message, retryable };
}
