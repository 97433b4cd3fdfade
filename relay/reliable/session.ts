import type { HayateError } from '@hayate/codec/errors';
import {
  type ClientMessage,
  type Code,
  closeCodeOf,
  encodeMessage,
  MAX_HELLO_BYTES,
  MAX_MESSAGE_BYTES,
  MessageError,
  MessageReader,
  type RelayMessage,
  rowOf,
} from '@hayate/codec/messages';
import { onPeerStreams, type PeerStream, type Session } from '@hayate/transport';
import { systemClock } from '../comments/open.ts';
import type { RoomComments } from '../comments/room.ts';
import type { SessionKey } from '../room/types.ts';
import { CommentLimits, CommentStream } from './comments.ts';
import { roomEventOf } from './control.ts';
import { GiftLimits, GiftStream, type Giver } from './gifts.ts';
import { RateLimit } from './rate.ts';
import type { Hub, ReliableLimits } from './types.ts';
import { MessageWriter } from './writer.ts';

const PROTOCOL_VERSION = 1;
/** Requests on the control stream. Each may tell the whole room something, so a flood of them must not get far. */
const REQUESTS_PER_SECOND = 5;
const REQUEST_BURST = 20;
/** Playout reports; more are counted and ignored. The burst forgives a timer that is early. */
const REPORTS_PER_SECOND = 1;
const REPORT_BURST = 2;
/** Of a `publish`: the whole room is told of it, and a welcome with eight of them must stay below 65 536. */
const MAX_PUBLISH_BYTES = 4096;
/** Records and answers waiting for a session that reads slowly; the rest waits in the ledger. */
const GIFT_QUEUE_BYTES = 16_384;
/** As the client's own: control over gifts over comments, and gifts twice. */
const CONTROL_SEND = { sendOrder: 30 };
const GIFT_SEND = { sendOrder: 20, repeatMs: 10 };
const COMMENT_SEND = { sendOrder: 10, repeatMs: 0 };
/** Where so many packets are lost, or nobody knows, a comment leaves twice: a lost one takes 60 ms and more to come again. */
const COMMENT_LOSS = 0.002;
const COMMENT_REPEAT = { sendOrder: 10, repeatMs: 10 };
/** Streams after `welcome`, the control stream included. */
export const MAX_STREAMS = 8;
/** A little under the second in which the reports come, so that a timer that is early loses none. */
const WARNING_GAP_MS = 900;

/** Nothing is kept of a session that ended with one of these. */
const FINAL_CLOSES: ReadonlySet<number> = new Set(
  (['closed', 'kicked', 'banned', 'token_revoked', 'room_closed'] as const).map(closeCodeOf),
);

type Phase = 'hello' | 'authenticating' | 'open' | 'ended';

/**
 * The reliable half of one session, docs/protocol.md section 4: reads messages, keeps the limits, and hands what they
 * ask to the hub. Lives until the transport's session has ended; then it tells the hub, once.
 */
export class ReliableSession {
  readonly key: SessionKey;
  readonly transport: Session;
  readonly #hub: Hub;
  readonly #limits: ReliableLimits;
  readonly #requests: RateLimit;
  readonly #reports: RateLimit;
  // Made when first needed: most of thousands of viewers do neither, and nobody is warned.
  #commentLimits: CommentLimits | undefined;
  #giftLimits: GiftLimits | undefined;
  #warnedAtMs: Map<Code, number> | undefined;
  #phase: Phase = 'hello';
  #streams = 0;
  #control: MessageWriter | undefined;
  #comments: CommentStream | undefined;
  #gifts: GiftStream | undefined;
  #giver: Giver | undefined;
  #helloTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(key: SessionKey, transport: Session, hub: Hub, limits: ReliableLimits) {
    this.key = key;
    this.transport = transport;
    this.#hub = hub;
    this.#limits = limits;
    const now = hub.nowMs();
    this.#requests = new RateLimit(REQUESTS_PER_SECOND, REQUEST_BURST, now);
    this.#reports = new RateLimit(REPORTS_PER_SECOND, REPORT_BURST, now);
    this.#helloTimer = setTimeout(
      () => this.close('hello_timeout', `no hello within ${limits.helloMs} ms`),
      limits.helloMs,
    );
    transport.closed.then(
      ({ closeCode }) => this.#ended(FINAL_CLOSES.has(closeCode)),
      () => this.#ended(false),
    );
    onPeerStreams(transport, (stream) => this.#accept(stream));
  }

  /** Welcomed and not ended. */
  get open(): boolean {
    return this.#phase === 'open';
  }

  /** Ends the session with a row of the code table. The first call counts. */
  close(code: Code, reason: string): void {
    if (this.#phase === 'ended') return;
    this.#hub.closing(this, code);
    this.#phase = 'ended';
    this.#stopHelloTimer();
    this.transport.close({ closeCode: closeCodeOf(code), reason });
  }

  /** On the control stream. A session that does not read is ended: skipping a message would leave it with a wrong room. */
  send(message: RelayMessage): void {
    this.sendEncoded(encodeMessage(message));
  }

  /** As `send`; for one message to many. */
  sendEncoded(message: Uint8Array): void {
    if (this.#phase !== 'open' || !this.#control) return;
    if (!this.#control.send(message)) this.close('overloaded', 'too many control messages wait to be read');
  }

  /**
   * News that newer ones replace, on the control stream. False: not sent, because this session reads slowly; room for what it
   * must not miss stays.
   */
  sendNews(message: Uint8Array): boolean {
    if (this.#phase !== 'open' || !this.#control) return true;
    return this.#control.waitingBytes <= this.#limits.controlQueueBytes / 2 && this.#control.send(message);
  }

  /** The answer to a request. */
  refuse(id: number, code: Code, message: string, retryable: boolean): void {
    this.send({ t: 'error', id, code, message, retryable });
  }

  /** A warning: the session goes on. At most one a second and code. */
  warn(code: Code, message: string, retryable: boolean): void {
    const now = this.#hub.nowMs();
    this.#warnedAtMs ??= new Map();
    const last = this.#warnedAtMs.get(code);
    if (last !== undefined && now - last < WARNING_GAP_MS) return;
    this.#warnedAtMs.set(code, now);
    this.send({ t: 'error', code, message, retryable });
  }

  #stopHelloTimer(): void {
    clearTimeout(this.#helloTimer);
    this.#helloTimer = undefined;
  }

  #ended(clean: boolean): void {
    this.#phase = 'ended';
    this.#stopHelloTimer();
    this.#gifts?.end();
    this.#comments?.end();
    this.#hub.ended(this, clean);
  }

  #accept(stream: PeerStream): void {
    if (this.#phase === 'ended') return;
    if (!stream.bidirectional) {
      this.close('too_many_streams', 'no unidirectional stream is allowed');
      return;
    }
    const open = this.#phase === 'open';
    if (this.#streams >= (open ? MAX_STREAMS : 1)) {
      this.close('too_many_streams', open ? `over ${MAX_STREAMS} streams` : 'a stream before welcome');
      return;
    }
    this.#streams += 1;
    if (this.#control === undefined) this.#controlStream(stream);
    else this.#otherStream(stream);
  }

  #controlStream(stream: PeerStream): void {
    stream.setOptions(CONTROL_SEND);
    this.#control = new MessageWriter(stream, this.#limits.controlQueueBytes);
    const messages = new MessageReader({ from: 'client', maxBytes: MAX_HELLO_BYTES });
    const take = (message: ClientMessage) => {
      if (this.#phase === 'hello') return this.#hello(message, messages);
      return this.#request(message);
    };
    this.#read(stream, messages, take, (how) => {
      // Nobody waits for the end of a stream, but without control there is no session.
      if (how === 'finished') this.close('closed', 'the control stream ended');
      // A dying connection fails its streams first: let `closed` tell, so that this is not taken for a reset.
      else setImmediate(() => this.close('protocol_error', 'the control stream was reset'));
    });
  }

  async #hello(message: ClientMessage, messages: MessageReader<'client'>): Promise<void> {
    if (message.t !== 'hello') return this.close('token_missing', 'the first message must be hello with a token');
    if (message.v !== PROTOCOL_VERSION) {
      return this.close('unsupported_version', `this relay speaks version ${PROTOCOL_VERSION}, not ${message.v}`);
    }
    this.#phase = 'authenticating';
    try {
      const claims = await this.#hub.authenticate(this, message.token);
      if (this.#over()) return;
      this.#stopHelloTimer();
      messages.setMaxBytes(MAX_MESSAGE_BYTES);
      this.#phase = 'open';
      const { room, sub, name } = claims;
      this.#giver = { room, sub, ...(name === undefined ? {} : { name }) };
      await this.#hub.joining(this, claims, message.resume);
    } catch (error) {
      const row = rowOf(error);
      // Of a fault the peer learns no more than that it is one.
      if (row) this.close(row.code, (error as HayateError).message);
      else this.#hub.fault(this, error);
    }
  }

  /** A call, not a comparison in place: the phase may have changed while something was awaited. */
  #over(): boolean {
    return this.#phase === 'ended';
  }

  /** A promise: the next message waits for it. */
  #request(message: ClientMessage): void | Promise<void> {
    if (message.t === 'report') {
      this.#hub.report(this, message, this.#reports.take(this.#hub.nowMs()));
      return;
    }
    if (!this.#requests.take(this.#hub.nowMs())) {
      this.close('rate_limited', 'too many requests');
      return;
    }
    if (message.t === 'route') return this.#hub.route(this, message.id);
    if (message.t === 'refresh') return this.#hub.refresh(this, message.id, message.token);
    if (message.t === 'publish' && encodeMessage(message).length > MAX_PUBLISH_BYTES) {
      this.refuse(message.id, 'message_too_large', `a publish has at most ${MAX_PUBLISH_BYTES} bytes`, false);
      return;
    }
    const event = roomEventOf(this.key, message);
    if (event) this.#hub.request(this, event);
    else this.close('protocol_error', `${message.t} has no place on the control stream`);
  }

  #otherStream(stream: PeerStream): void {
    const messages = new MessageReader({ from: 'client' });
    let kind: { take(message: ClientMessage): void | Promise<void>; end(): void } | undefined;
    const take = (message: ClientMessage) => {
      if (kind) return kind.take(message);
      const room = this.#hub.comments(this);
      if (message.t === 'comments' && room) {
        const comments = this.#openComments(stream, room);
        kind = comments;
        comments.open(message.after, message.early);
      } else if (message.t === 'gifts') {
        const gifts = this.#openGifts(stream);
        kind = gifts;
        // What comes right behind is one of the records that follow.
        return gifts.open(message.after);
      } else {
        this.close('protocol_error', `no stream begins with ${message.t}`);
      }
    };
    this.#read(stream, messages, take, () => {
      if (kind) kind.end();
      else stream.abort();
    });
  }

  #openComments(stream: PeerStream, room: RoomComments) {
    let repeats: boolean | undefined;
    const beforeWrite = () => {
      const wanted = (this.#hub.lossOf(this) ?? 1) >= COMMENT_LOSS;
      if (wanted === repeats) return;
      repeats = wanted;
      stream.setOptions(wanted ? COMMENT_REPEAT : COMMENT_SEND);
    };
    beforeWrite();
    const { room: _, ...person } = this.#giver!;
    const queueBytes = this.#limits.commentQueueBytes;
    this.#commentLimits ??= new CommentLimits(this.#hub.nowMs());
    const comments = new CommentStream({
      room,
      author: { session: this.key, ...person },
      limits: this.#commentLimits,
      out: new MessageWriter(stream, queueBytes),
      queueBytes,
      clock: systemClock,
      beforeWrite,
      onCommented: () => this.#hub.request(this, { type: 'active', session: this.key }),
      onRefused: (code) => this.#hub.refused(code),
      onDropped: (count) => this.#hub.dropped(count),
    });
    // The newest comments stream is the one that counts.
    this.#comments?.end();
    this.#comments = comments;
    return {
      take: (message: ClientMessage) => {
        if (message.t === 'comment' || message.t === 'react') return comments.take(message);
        this.close('protocol_error', `${message.t} has no place on the comments stream`);
      },
      open: (after: number | undefined, early: boolean | undefined) => comments.open(after, early),
      end: () => comments.end(),
    };
  }

  #openGifts(stream: PeerStream) {
    stream.setOptions(GIFT_SEND);
    const { giftsPerSecond, giftBurst } = this.#limits;
    this.#giftLimits ??= new GiftLimits(giftsPerSecond, giftBurst, this.#hub.nowMs());
    const gifts = new GiftStream({
      desk: this.#hub.gifts,
      giver: this.#giver!,
      limits: this.#giftLimits,
      out: new MessageWriter(stream, GIFT_QUEUE_BYTES),
      nowMs: () => this.#hub.nowMs(),
      permitted: () => this.#hub.may(this, 'gift'),
      onGiven: () => this.#hub.request(this, { type: 'active', session: this.key }),
      onLimited: () => this.#hub.refused('rate_limited'),
    });
    this.#gifts?.end();
    this.#gifts = gifts;
    return {
      open: (after: number | undefined) => gifts.open(after),
      take: (message: ClientMessage) => {
        const later = gifts.take(message);
        if (!later) this.close('protocol_error', `${message.t} has no place on the gifts stream`);
        return later;
      },
      end: () => gifts.end(),
    };
  }

  /** Hands on each message until the stream or the session ends, and then tells how, once; a malformed one ends the session. */
  #read(
    stream: PeerStream,
    messages: MessageReader<'client'>,
    take: (message: ClientMessage) => void | Promise<void>,
    ended: (how: 'finished' | 'failed') => void,
  ): void {
    let over = false;
    const end = (how: 'finished' | 'failed') => {
      if (over) return;
      over = true;
      this.#streams -= 1;
      stream.stop();
      ended(how);
    };
    const failed = (error: unknown) => {
      if (error instanceof MessageError) this.#malformed(error);
      end('failed');
    };
    const next = (): void | Promise<void> => {
      try {
        for (let message = messages.next(); message && !this.#over(); message = messages.next()) {
          const later = take(message);
          if (later) return later.then(next, failed);
        }
      } catch (error) {
        failed(error);
      }
    };
    stream.receive({
      data: (bytes) => {
        if (this.#over()) return end('finished');
        try {
          messages.push(bytes);
        } catch (error) {
          return failed(error);
        }
        return next();
      },
      // Not within the call: whoever closed the session is in the middle of something.
      end: (error) => queueMicrotask(() => end(error ? 'failed' : 'finished')),
    });
  }

  #malformed(error: MessageError): void {
    if (this.#phase === 'hello' && error.field === 'token') {
      this.close('token_missing', 'the first message must be hello with a token');
    } else {
      this.close(error.reason === 'too_large' ? 'message_too_large' : 'protocol_error', error.message);
    }
  }
}
