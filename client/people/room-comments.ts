import type { HayateError } from '@hayate/codec/errors';
import {
  type CommentEarly,
  type CommentPosted,
  type CommentRequest,
  codeError,
  type Done,
  isCommentText,
  isReactionKind,
  type React,
  type RelayMessage,
  type CommentsDeleted as WireDeleted,
} from '@hayate/codec/messages';
import type { Environment } from '../room/environment.ts';
import type { MessageStream } from '../room/message-stream.ts';
import type { Participant } from '../room/participant.ts';
import { BoundedQueue } from '../room/queue.ts';
import { errorOf, REQUEST_LIMIT_MS, type RelaySession } from '../room/relay-session.ts';
import { PendingRequests } from '../room/requests.ts';
import { StandingStream } from '../room/standing-stream.ts';
import type { Welcome } from '../src/types.ts';
import { EarlyComments } from './early-comments.ts';
import type { CommentsDeleted, PlacedComment, RoomComment } from './types.ts';

const QUEUE_LIMIT = 256;
/** Reactions are not worth more memory while the stream opens. */
const UNSENT_LIMIT = 64;

export interface RoomCommentsSetup {
  environment: Environment;
  onComment(comment: RoomComment): void;
  onPlaced(placed: PlacedComment): void;
  onMissed(count: number): void;
  onDeleted(deleted: CommentsDeleted): void;
  onReactions(counts: Record<string, number>): void;
  onWarning(error: HayateError): void;
}

/** Comments and reactions of one room over all its sessions, each comment once. */
export class RoomComments implements Participant {
  readonly #setup: RoomCommentsSetup;
  readonly #stream: StandingStream;
  #requests: PendingRequests<Done>;
  /** Asked on the session that was left; answered there. */
  #before: PendingRequests<Done> | undefined;
  readonly #queues = new Set<BoundedQueue<RoomComment>>();
  readonly #early: EarlyComments;
  /** Written while the stream opens. */
  #unsent: (CommentRequest | React)[] = [];
  #open: MessageStream | undefined;
  #seen: number | undefined;
  /** The relay is one of several: comments may come before their numbers. */
  #clustered = false;
  #hasSession = false;
  #closed = false;

  constructor(setup: RoomCommentsSetup) {
    this.#setup = setup;
    this.#requests = new PendingRequests(setup.environment, REQUEST_LIMIT_MS);
    this.#early = new EarlyComments(setup.environment, (keys) => setup.onDeleted({ numbers: [], keys }));
    this.#stream = new StandingStream({
      environment: setup.environment,
      name: 'comments',
      greeting: () => ({
        t: 'comments',
        ...(this.#seen === undefined ? {} : { after: this.#seen }),
        ...(this.#clustered && { early: true }),
      }),
      onOpen: (stream) => {
        this.#open = stream;
        this.#early.resume();
        for (const message of this.#unsent.splice(0)) stream.send(message);
      },
      onMessage: (message) => this.#onMessage(message),
      onLate: (message) => this.#onLate(message),
      onLost: () => {
        this.#early.pause();
        // What waits for the stream is no loss of it.
        if (!this.#open) return;
        this.#open = undefined;
        this.#requests.failAll(codeError('connection_lost', 'the comments stream ended'));
      },
      onWarning: setup.onWarning,
    });
  }

  /** From now on there is a stream in each session. */
  want(): void {
    this.#stream.want();
  }

  async send(text: string): Promise<{ number: number }> {
    if (!isCommentText(text)) throw codeError('invalid_argument', 'a comment has 1 to 500 characters');
    if (!this.#hasSession) throw codeError('connection_lost', 'no session now: await room.ready');
    this.want();
    const { n } = await this.#requests.start((id) => {
      const message: CommentRequest = { t: 'comment', id, text };
      if (this.#open) this.#open.send(message);
      else this.#unsent.push(message);
    });
    return { number: n ?? 0 };
  }

  react(kind: string): boolean {
    if (!isReactionKind(kind)) {
      throw codeError('invalid_argument', `"${kind}" is no kind of reaction: 1 to 16 of a-z, 0-9, _ and -`);
    }
    this.want();
    const message: React = { t: 'react', id: this.#requests.takeId(), kind };
    if (this.#open) this.#open.send(message);
    else if (this.#hasSession && this.#unsent.length < UNSENT_LIMIT) this.#unsent.push(message);
    else return false;
    return true;
  }

  iterate(): AsyncIterator<RoomComment> {
    this.want();
    const queue: BoundedQueue<RoomComment> = new BoundedQueue(QUEUE_LIMIT, { onEnd: () => this.#queues.delete(queue) });
    this.#queues.add(queue);
    if (this.#closed) queue.end();
    return queue;
  }

  onOpen(session: RelaySession, welcome: Welcome): void {
    this.#hasSession = true;
    this.#clustered = welcome.numbering !== undefined;
    if (this.#open) {
      this.#open = undefined;
      this.#before = this.#requests;
      this.#requests = new PendingRequests(this.#setup.environment, REQUEST_LIMIT_MS);
    }
    this.#stream.begin(session);
  }

  onLost(error: HayateError): void {
    this.#hasSession = false;
    this.#open = undefined;
    this.#unsent = [];
    this.#requests.failAll(error);
    this.#before?.failAll(error);
    this.#stream.end();
  }

  onClosed(error: HayateError): void {
    this.#closed = true;
    this.onLost(error);
    for (const queue of [...this.#queues]) queue.end();
  }

  onDatagram(): void {}

  #onLate(message: RelayMessage): void {
    if (message.t === 'done') this.#before?.answer(message.id, message);
    else if (message.t === 'error' && message.id !== undefined) this.#before?.fail(message.id, errorOf(message));
  }

  #onMessage(message: RelayMessage): void {
    const { onMissed, onReactions, onWarning } = this.#setup;
    switch (message.t) {
      case 'comments':
        // A smaller one than asked for: the room began anew, and counts from there.
        this.#seen = message.after;
        if (message.missed) onMissed(message.missed);
        break;
      case 'comment':
        this.#onComment(message);
        break;
      case 'early':
        this.#onEarly(message);
        break;
      case 'missed':
        // They have numbers too: the next session goes on behind them.
        if (this.#seen !== undefined) this.#seen += message.count;
        onMissed(message.count);
        break;
      case 'deleted':
        this.#onDeleted(message);
        break;
      case 'reactions':
        onReactions(message.counts);
        break;
      case 'done':
        this.#requests.answer(message.id, message);
        break;
      case 'error': {
        const error = errorOf(message);
        // A refused reaction has an id that nobody waits for.
        if (message.id === undefined || !this.#requests.fail(message.id, error)) onWarning(error);
        break;
      }
      default:
        throw codeError('protocol_error', `the relay sent ${message.t} on the comments stream`);
    }
  }

  #onComment({ n, key, sub, name, text, at }: CommentPosted): void {
    this.#stream.works();
    if (this.#seen !== undefined && n <= this.#seen) return;
    this.#seen = n;
    if (key !== undefined && this.#early.numbered(key)) this.#setup.onPlaced({ key, number: n });
    else this.#show({ number: n, subject: sub, ...(name !== undefined && { name }), text, atMs: at });
  }

  #onEarly({ key, sub, name, text, at }: CommentEarly): void {
    if (!this.#early.take(key, sub)) return;
    this.#show({ key, subject: sub, ...(name !== undefined && { name }), text, atMs: at });
  }

  #onDeleted({ n, sub, early }: WireDeleted): void {
    const keys = this.#early.retract(early ?? []);
    if (sub !== undefined) this.#early.retractOf(sub);
    // Told to all, and this one was not shown it.
    if (early && keys.length === 0) return;
    this.#setup.onDeleted({ numbers: n ?? [], keys, ...(sub !== undefined && { subject: sub }) });
  }

  #show(comment: RoomComment): void {
    this.#setup.onComment(comment);
    for (const queue of this.#queues) queue.push(comment);
  }
}
