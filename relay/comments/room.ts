import { type CommentsOpen, encodeMessage, MessageReader, type RelayMessage } from '@hayate/codec/messages';
import { RateLimit } from '../reliable/rate.ts';
import { EarlyComments } from './early.ts';
import type { CommentFilter } from './filter.ts';
import { KeptComments, missed } from './kept.ts';
import { People, type Undo } from './people.ts';
import { ReactionCounts } from './reactions.ts';
import type {
  CommentAuthor,
  CommentClock,
  CommentCounts,
  CommentRates,
  CommentRefusal,
  CommentRules,
  CommentSink,
  WrittenComment,
} from './types.ts';

/** What a viewer is shown: more than this nobody can read. */
const SHOWN_PER_SECOND = 20;
const SHOWN_BURST = 20;
/** Shown early only while half of the burst is left: a room that is sampled, or soon will be, shows the same to everybody. */
const EARLY_LEFT = 10;
/**
 * Least time between two writes to each viewer. Shorter than the 50 ms between two comments of a room that writes too much,
 * so that none of those waits.
 */
const WRITE_GAP_MS = 40;
/** Of reactions, and of a gap that no comment follows. */
const SUM_MS = 200;
/** A write that is longer is made two: it must fit into a viewer's queue. */
const MAX_WRITE_BYTES = 4096;

export interface RoomCommentsOptions {
  room: string;
  rates: CommentRates;
  rules: CommentRules;
  /** Undefined: every comment is shown as it came. */
  filter: CommentFilter | undefined;
  clock: CommentClock;
  counts: CommentCounts;
}

/** The relay that numbers a room's comments, where that is another one. */
export interface CommentOrigin {
  /** Its number, or why it is not taken. */
  post(comment: WrittenComment): Promise<number | CommentRefusal>;
  reacted(counts: Record<string, number>): void;
}

interface Pending {
  message: Uint8Array;
  /** Numbers that it stands for; 0: it is early. */
  count: number;
  /** It was shown early. */
  again: boolean;
}

/** What a stream that opens is told first. */
export interface Opened {
  messages: Uint8Array;
  close(): void;
}

/**
 * The comments of one room: limits, numbers, what is shown, what is kept. A comment is encoded once, however many see it;
 * one that is refused is never encoded. Everybody is shown the same ones: a viewer's `comments` answer, what it gets and
 * what its `missed` count add up to the room's number.
 */
export class RoomComments {
  readonly #options: RoomCommentsOptions;
  readonly #people: People;
  readonly #offered: RateLimit;
  readonly #shown: RateLimit;
  readonly #kept = new KeptComments();
  readonly #early = new EarlyComments();
  readonly #reactions = new ReactionCounts();
  readonly #sinks = new Set<CommentSink>();
  /** Undefined: comments get their numbers here. */
  origin: CommentOrigin | undefined;
  #n = 0;
  /** The last numbers, not shown and not told yet. */
  #leftOut = 0;
  /** The next write. */
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #wroteMs = Number.NEGATIVE_INFINITY;
  #cancelWrite: (() => void) | undefined;
  #cancelSum: (() => void) | undefined;

  constructor(options: RoomCommentsOptions) {
    this.#options = options;
    const { rates, clock } = options;
    const now = clock.nowMs();
    this.#people = new People(rates);
    this.#offered = new RateLimit(rates.roomPerSecond, rates.roomBurst, now);
    this.#shown = new RateLimit(SHOWN_PER_SECOND, SHOWN_BURST, now);
  }

  /** Comments taken so far: the last one's number. */
  get count(): number {
    return this.#n;
  }

  /** Whose limits are remembered. */
  get people(): number {
    return this.#people.size;
  }

  /** Seconds between two comments of one person; 0: no slow mode. Who may `moderate` is exempt. */
  set slowSeconds(seconds: number) {
    this.#people.slowSeconds = seconds;
  }

  get slowSeconds(): number {
    return this.#people.slowSeconds;
  }

  /**
   * A viewer of the comments. What is kept after `after` comes at once, as far as it fits; what comes later goes to the sink.
   * @param after undefined, or a number that the room has not reached: all that is kept
   */
  open(after: number | undefined, maxBytes: number, sink: CommentSink): Opened {
    // What follows is for all alike, so nothing of it may be in the replay.
    this.#write();
    const told = this.#n - this.#leftOut;
    const known = after !== undefined && after <= this.#n;
    const replay = this.#kept.replay(known ? after : 0, told, maxBytes);
    const answer: CommentsOpen = { t: 'comments', after: replay.after };
    if (known && replay.after > after) answer.missed = replay.after - after;
    this.#sinks.add(sink);
    return {
      messages: Buffer.concat([encodeMessage(answer), ...replay.messages]),
      close: () => this.#sinks.delete(sink),
    };
  }

  /**
   * Its number, or why it is not taken. A promise only where a filter has to be asked; `signal` ends the waiting with `closed`.
   */
  submit(
    author: CommentAuthor,
    text: string,
    signal: AbortSignal,
  ): number | CommentRefusal | Promise<number | CommentRefusal> {
    const { rules, filter, clock } = this.#options;
    const now = clock.nowMs();
    const refusal = rules.refusal(author.session, 'comment', now);
    if (refusal) return refusal;
    if (!this.#offered.has(now)) return 'rate_limited';
    const exempt = rules.refusal(author.session, 'moderate', now) === undefined;
    const undo = this.#people.take(author.sub, exempt, now);
    if (typeof undo === 'string') return undo;
    this.#offered.take(now);
    return filter ? this.#filtered(filter, author, text, signal, undo) : this.#submit(author, text);
  }

  /** Why it is not taken, if so. */
  react(author: CommentAuthor, kind: string): CommentRefusal | undefined {
    const { rules, clock, counts } = this.#options;
    const refusal = rules.refusal(author.session, 'react', clock.nowMs());
    if (refusal) return refusal;
    counts.add('reactions');
    this.#reactions.add(kind);
    this.#sumLater();
    return undefined;
  }

  /** Reactions at other relays. */
  reacted(counts: Record<string, number>): void {
    for (const [kind, count] of Object.entries(counts)) this.#reactions.add(kind, count);
    this.#sumLater();
  }

  /** What the origin sends: what a viewer of its comments gets. Messages that have no place there are nothing. */
  ingest(messages: Uint8Array): void {
    const reader = new MessageReader({ from: 'relay' });
    reader.push(messages);
    for (let message = reader.next(); message; message = reader.next()) this.#ingested(message);
    this.#writeSoon();
  }

  /** Numbers up to this one were given by another relay, and are not to be given again. */
  skipTo(n: number): void {
    if (n <= this.#n) return;
    this.#leftOut += n - this.#n;
    this.#n = n;
    this.#sumLater();
  }

  /** Takes back one comment. False when it is not kept. */
  deleteComment(n: number): boolean {
    if (!this.#kept.delete(n)) return false;
    this.#deleted(encodeMessage({ t: 'deleted', n: [n] }));
    return true;
  }

  /** Takes back every comment of a person, also those that are shown but not kept. How many were kept. */
  deleteOf(sub: string): number {
    const count = this.#kept.deleteOf(sub);
    this.#deleted(encodeMessage({ t: 'deleted', sub }));
    return count;
  }

  /** The room is gone. */
  close(): void {
    this.#cancelWrite?.();
    this.#cancelSum?.();
    this.#cancelWrite = this.#cancelSum = undefined;
    this.#sinks.clear();
  }

  async #filtered(
    filter: CommentFilter,
    author: CommentAuthor,
    text: string,
    signal: AbortSignal,
    undo: Undo,
  ): Promise<number | CommentRefusal> {
    const { room, rules, clock } = this.#options;
    const { session, sub, name } = author;
    const comment = { room, sub, ...(name === undefined ? {} : { name }), text };
    const verdict = await filter.judge(comment, signal);
    // A moderator may have acted meanwhile, or the writer may have gone.
    const refusal = signal.aborted ? 'closed' : rules.refusal(session, 'comment', clock.nowMs());
    if (refusal === undefined && verdict.do === 'allow') return this.#submit(author, text);
    if (refusal === undefined && verdict.do === 'replace') return this.#submit(author, verdict.text);
    undo();
    if (refusal) return refusal;
    return verdict.do === 'refuse' ? 'comment_refused' : 'filter_unavailable';
  }

  #submit({ sub, name }: CommentAuthor, text: string): number | Promise<number | CommentRefusal> {
    const named = name === undefined ? {} : { name };
    const comment = { sub, ...named, text, at: this.#options.clock.dateMs() };
    return this.origin ? this.origin.post(comment) : this.post(comment);
  }

  /**
   * Where numbers are given.
   * @param key under which it was shown on its way here, perhaps
   */
  post(comment: WrittenComment, key?: number): number {
    const { clock, counts } = this.#options;
    this.#n += 1;
    counts.add('comments');
    if (key !== undefined) this.#early.numbered(key);
    if (!this.#shown.take(clock.nowMs())) {
      counts.add('comments_left_out');
      this.#leftOut += 1;
      this.#sumLater();
      return this.#n;
    }
    const keyed = key === undefined ? {} : { key };
    const message = encodeMessage({ t: 'comment', n: this.#n, ...keyed, ...comment });
    this.#kept.add(this.#n, comment.sub, message);
    this.#addLeftOut();
    this.#add(message, 1);
    this.#writeSoon();
    return this.#n;
  }

  /** One whose number is to come. Nothing, where too much is shown already: it comes with its number all the same. */
  showEarly(comment: WrittenComment, key: number): void {
    const now = this.#options.clock.nowMs();
    if (this.#early.has(key) || !this.#shown.has(now, EARLY_LEFT)) return;
    this.#shown.take(now);
    this.#early.show(key);
    this.#add(encodeMessage({ t: 'early', key, ...comment }), 0);
    this.#writeSoon();
  }

  /** No number comes for it. Nothing happens to one that is not shown, or has one. */
  retract(keys: readonly number[]): void {
    const shown = keys.filter((key) => this.#early.retract(key));
    if (shown.length > 0) this.#deleted(encodeMessage({ t: 'deleted', early: shown }), true);
  }

  #ingested(message: RelayMessage): void {
    const { clock } = this.#options;
    switch (message.t) {
      case 'comments':
        this.skipTo(message.after);
        return;
      case 'missed':
        this.skipTo(this.#n + message.count);
        return;
      case 'comment': {
        // Of a former parent already.
        if (message.n <= this.#n) return;
        this.skipTo(message.n - 1);
        this.#n = message.n;
        const again = message.key !== undefined && this.#early.numbered(message.key);
        // So that early ones leave room for it.
        if (!again) this.#shown.take(clock.nowMs());
        const encoded = encodeMessage(message);
        this.#kept.add(message.n, message.sub, encoded);
        this.#addLeftOut();
        this.#add(encoded, 1, again);
        return;
      }
      case 'deleted':
        if (message.early) {
          this.retract(message.early);
          return;
        }
        for (const n of message.n ?? []) this.#kept.delete(n);
        if (message.sub !== undefined) this.#kept.deleteOf(message.sub);
        this.#deleted(encodeMessage(message));
        return;
      case 'early': {
        const { t: _, key, ...comment } = message;
        this.showEarly(comment, key);
        return;
      }
      case 'reactions':
        this.#react(encodeMessage(message));
    }
  }

  #react(reactions: Uint8Array): void {
    for (const sink of this.#sinks) sink.reactions(reactions);
  }

  #addLeftOut(): void {
    if (this.#leftOut === 0) return;
    const count = this.#leftOut;
    this.#leftOut = 0;
    this.#add(missed(count), count);
  }

  #add(message: Uint8Array, count: number, again = false): void {
    if (this.#pendingBytes + message.length > MAX_WRITE_BYTES) this.#write();
    this.#pending.push({ message, count, again });
    this.#pendingBytes += message.length;
  }

  #writeSoon(): void {
    if (this.#pending.length === 0 || this.#cancelWrite) return;
    const { clock } = this.#options;
    const waitMs = this.#wroteMs + WRITE_GAP_MS - clock.nowMs();
    // A comment after a pause leaves at once.
    if (waitMs <= 0) this.#write();
    else this.#cancelWrite = clock.after(waitMs, () => this.#write());
  }

  #write(): void {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    const numbered = pending.filter(({ count }) => count > 0);
    const count = numbered.reduce((sum, each) => sum + each.count, 0);
    const forMost = joined(numbered);
    const withEarly = numbered.length === pending.length ? forMost : joined(pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    // Nothing waits for a write that shows nothing new.
    if (!pending.every(({ again }) => again)) this.#wroteMs = this.#options.clock.nowMs();
    for (const sink of this.#sinks) {
      if (sink.early) sink.comments(withEarly, count);
      else if (count > 0) sink.comments(forMost, count);
    }
  }

  #sumLater(): void {
    this.#cancelSum ??= this.#options.clock.after(SUM_MS, () => {
      this.#cancelSum = undefined;
      this.#addLeftOut();
      this.#writeSoon();
      const counts = this.#reactions.take();
      if (!counts) return;
      if (this.origin) this.origin.reacted(counts);
      else this.#react(encodeMessage({ t: 'reactions', counts }));
    });
  }

  #deleted(message: Uint8Array, early = false): void {
    this.#write();
    for (const sink of this.#sinks) if (sink.early || !early) sink.deleted(message);
  }
}

function joined(pending: readonly Pending[]): Uint8Array {
  return pending.length === 1 ? pending[0]!.message : Buffer.concat(pending.map(({ message }) => message));
}
