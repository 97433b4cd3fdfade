import { type CommentRequest, codeError, encodeMessage, type React, type RelayMessage } from '@hayate/codec/messages';
import { missed } from '../comments/kept.ts';
import type { Opened, RoomComments } from '../comments/room.ts';
import type { CommentAuthor, CommentClock, CommentRefusal, CommentSink } from '../comments/types.ts';
import { RateLimit } from './rate.ts';
import type { MessageWriter } from './writer.ts';

/** Refusals are answered so often; then nothing is read until the next may be: a flood costs its own sender. */
const REFUSED_PER_SECOND = 5;
const REFUSED_BURST = 5;
const REACTIONS_PER_SECOND = 5;
const REACTION_BURST = 20;
/** Opening costs a replay. */
const OPENED_PER_SECOND = 1;
const OPENED_BURST = 10;

/** A session's comments, over however many streams: these limits are the session's, others the person's and the room's. */
export class CommentLimits {
  readonly opened: RateLimit;
  readonly reactions: RateLimit;
  readonly refused: RateLimit;

  constructor(nowMs: number) {
    this.opened = new RateLimit(OPENED_PER_SECOND, OPENED_BURST, nowMs);
    this.reactions = new RateLimit(REACTIONS_PER_SECOND, REACTION_BURST, nowMs);
    this.refused = new RateLimit(REFUSED_PER_SECOND, REFUSED_BURST, nowMs);
  }
}

export interface CommentStreamOptions {
  room: RoomComments;
  author: CommentAuthor;
  limits: CommentLimits;
  out: MessageWriter;
  /** What may wait for a viewer that reads slowly. */
  queueBytes: number;
  clock: CommentClock;
  /** Comments are about to be written. */
  beforeWrite(): void;
  /** A comment of this session was taken. */
  onCommented(): void;
  onRefused(code: CommentRefusal): void;
  /** So many comments were left out, because this session reads slowly. */
  onDropped(count: number): void;
}

const WORDS: Record<CommentRefusal, string> = {
  not_permitted: 'the token does not permit it',
  muted: 'muted by a moderator',
  rate_limited: 'too many',
  slow_mode: 'the room is in slow mode: wait between two comments',
  comment_refused: 'the word filter refused it',
  filter_unavailable: 'the word filter did not answer',
  closed: 'the stream ended',
  overloaded: 'the relay that numbers the comments did not answer',
};

/**
 * The comments stream of one session: what it writes to the room, what the room writes to it. Ends with its stream.
 *
 * A viewer that reads slowly has at most `queueBytes` waiting, and one answer. What does not fit is counted, and once half
 * of the queue was read `missed` tells; then it goes on with the newest.
 */
export class CommentStream implements CommentSink {
  readonly #options: CommentStreamOptions;
  readonly #ended = new AbortController();
  #early = false;
  #opened: Opened | undefined;
  /** Comments left out since the last one that was sent. */
  #missed = 0;

  constructor(options: CommentStreamOptions) {
    this.#options = options;
  }

  get early(): boolean {
    return this.#early;
  }

  /** Its first message was `comments`. */
  open(after: number | undefined, early = false): void {
    const { room, limits, clock, queueBytes } = this.#options;
    if (!limits.opened.take(clock.nowMs())) {
      this.#refuse(undefined, 'rate_limited');
      this.end();
      return;
    }
    this.#early = early;
    // Half, so that what comes right after the replay fits as well.
    this.#opened = room.open(after, queueBytes / 2, this);
    this.#options.out.push(this.#opened.messages);
  }

  /** A promise when the next message may not be read yet. */
  take(message: CommentRequest | React): void | Promise<void> {
    const { out, limits, clock } = this.#options;
    if (this.#ended.signal.aborted) return;
    // Who does not read the answers gets no more of them.
    if (out.full || !limits.refused.has(clock.nowMs())) return this.#takeLater(message);
    return this.#take(message);
  }

  end(): void {
    this.#ended.abort();
    this.#opened?.close();
    this.#options.out.close();
  }

  comments(messages: Uint8Array, count: number): void {
    const { out, queueBytes } = this.#options;
    const fits = out.waitingBytes === 0 || out.waitingBytes + messages.length <= queueBytes;
    if (this.#missed === 0 && fits) {
      this.#options.beforeWrite();
      out.push(messages);
      return;
    }
    // Early ones: they come again.
    if (count === 0) return;
    this.#options.onDropped(count);
    if (this.#missed === 0) void out.drained(queueBytes / 2).then(() => this.#resume());
    this.#missed += count;
  }

  deleted(message: Uint8Array): void {
    const { out, queueBytes } = this.#options;
    if (out.waitingBytes + message.length <= 2 * queueBytes) out.push(message);
    // Without it the viewer would show what is to be shown no more: a new stream begins with what is kept.
    else this.end();
  }

  reactions(message: Uint8Array): void {
    const { out, queueBytes } = this.#options;
    if (out.waitingBytes + message.length <= queueBytes) out.push(message);
  }

  #resume(): void {
    if (this.#ended.signal.aborted) return;
    this.#options.out.push(missed(this.#missed));
    this.#missed = 0;
  }

  async #takeLater(message: CommentRequest | React): Promise<void> {
    const { out, limits, clock } = this.#options;
    await out.drained();
    while (!this.#ended.signal.aborted && !limits.refused.has(clock.nowMs())) {
      await this.#pause(limits.refused.waitMs(clock.nowMs()));
    }
    if (!this.#ended.signal.aborted) await this.#take(message);
  }

  /** Ends early with the stream. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#ended;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(ms, resolve);
    const ended = () => resolve();
    signal.addEventListener('abort', ended);
    await promise;
    signal.removeEventListener('abort', ended);
    cancel();
  }

  #take(message: CommentRequest | React): void | Promise<void> {
    const { room, author } = this.#options;
    if (message.t === 'react') return this.#react(message);
    const outcome = room.submit(author, message.text, this.#ended.signal);
    if (outcome instanceof Promise) return outcome.then((settled) => this.#answer(message.id, settled));
    this.#answer(message.id, outcome);
  }

  #react({ id, kind }: React): void {
    const { room, author, limits, clock } = this.#options;
    const refusal = limits.reactions.take(clock.nowMs()) ? room.react(author, kind) : 'rate_limited';
    if (refusal) this.#refuse(id, refusal);
  }

  #answer(id: number, outcome: number | CommentRefusal): void {
    if (typeof outcome === 'string') {
      this.#refuse(id, outcome);
      return;
    }
    this.#options.onCommented();
    this.#send({ t: 'done', id, n: outcome });
  }

  #refuse(id: number | undefined, code: CommentRefusal): void {
    const { limits, clock, onRefused } = this.#options;
    limits.refused.take(clock.nowMs());
    onRefused(code);
    const { message, retryable } = codeError(code, WORDS[code]);
    this.#send({ t: 'error', ...(id === undefined ? {} : { id }), code, message, retryable });
  }

  #send(message: RelayMessage): void {
    if (!this.#ended.signal.aborted) this.#options.out.push(encodeMessage(message));
  }
}
