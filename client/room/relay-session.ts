import { answerProbe } from '@hayate/codec/bundle';
import { HayateError } from '@hayate/codec/errors';
import {
  type Access,
  type ClientMessage,
  type Code,
  closeCodeOf,
  closeError,
  codeError,
  type Done,
  type ErrorMessage,
  type Publishing,
  type RelayMessage,
  type Route,
  type Welcome,
} from '@hayate/codec/messages';
import type { CloseInfo, SendStreamOptions, Session } from '@hayate/transport';
import { apartUs } from './clocks.ts';
import type { Environment } from './environment.ts';
import { Liveness } from './liveness.ts';
import { MessageStream } from './message-stream.ts';
import { PathJudge } from './path-judge.ts';
import { PendingRequests } from './requests.ts';

export const REQUEST_LIMIT_MS = 5_000;
/** A control stream that ends is followed by the session's close code, unless the relay broke. */
const CODE_GRACE_MS = 500;
/** The first answer of a stream beside the control stream. */
const FIRST_WORD_MS = 4_000;

const CONTROL: SendStreamOptions = { sendOrder: 30 };
/** Streams beside the control stream. */
const STREAMS = {
  /** Somebody waits for the answer: a lost packet must not cost the round trips of its recovery. */
  gifts: { sendOrder: 20, repeatMs: 10 },
  comments: { sendOrder: 10, repeatMs: 10 },
} satisfies Record<string, SendStreamOptions>;

/** A relay keeps the place of a session that ends with one of these: 0 would say that its person has left. */
const SAID_ON_CLOSE: ReadonlySet<string> = new Set<Code>(['protocol_error', 'connection_lost', 'timeout']);

export type StreamName = keyof typeof STREAMS;
/** What answers a request of the control stream. */
type Answer = Done | Publishing | Access | Route;

export interface RelaySessionOptions {
  /** Open. */
  transport: Session;
  token: string;
  environment: Environment;
  /** From `hello` to `welcome`. */
  welcomeLimitMs: number;
  deadAfterMs: number;
  agent: string;
  /** Of the session that was lost. */
  resume: string | undefined;
  onWelcome(welcome: Welcome): void;
  /** What is no answer: `liver`, `left`, `uplink`, `draining`, warnings, news of people. */
  onMessage(message: RelayMessage): void;
  /** `data` is valid only during the call; the time is in the environment's clock. */
  onDatagram(data: Uint8Array, receivedAtUs: number): void;
}

/** An `error` message as what it means. */
export function errorOf(message: ErrorMessage): HayateError {
  return new HayateError(message.code, message.message, { retryable: message.retryable });
}

/** One session with a relay, from `hello` to its end. */
export class RelaySession {
  readonly #options: RelaySessionOptions;
  readonly #requests: PendingRequests<Answer>;
  readonly #ended = Promise.withResolvers<HayateError>();
  readonly #liveness: Liveness;
  readonly #judge = new PathJudge();
  readonly transport: Session;
  #control: MessageStream | undefined;
  #endedWith: HayateError | undefined;
  #welcomed = false;
  #limitTimer: unknown;

  constructor(options: RelaySessionOptions) {
    this.#options = options;
    this.transport = options.transport;
    const { environment, welcomeLimitMs } = options;
    this.#requests = new PendingRequests(environment, REQUEST_LIMIT_MS);
    const onDead = () => {
      this.transport.condemn?.('silent');
      this.end(codeError('connection_lost', `nothing came from the relay for ${options.deadAfterMs} ms`));
    };
    this.#liveness = new Liveness(environment, options.deadAfterMs, onDead, () => this.#judge.excuse());
    this.#limitTimer = environment.setTimer(() => {
      this.transport.condemn?.('stuck');
      this.end(codeError('timeout', `no welcome within ${welcomeLimitMs} ms`));
    }, welcomeLimitMs);
    this.#run().catch((error: unknown) => {
      this.end(error instanceof HayateError ? error : codeError('connection_lost', 'no control stream', error));
    });
  }

  /** Resolves with the reason once it is over; never rejects. */
  get ended(): Promise<HayateError> {
    return this.#ended.promise;
  }

  get over(): boolean {
    return this.#endedWith !== undefined;
  }

  /** Resolves with the relay's answer; rejects with its code, `timeout`, or what ended the session. */
  request(make: (id: number) => ClientMessage): Promise<Answer> {
    if (this.#endedWith) return Promise.reject(this.#endedWith);
    const answer = this.#requests.start((id) => this.#control?.send(make(id)));
    answer.catch((error: HayateError) => {
      if (error.code === 'timeout') this.#stuck();
    });
    return answer;
  }

  /** Units of media so far, and those among them that never came: where that is too much another way is taken. */
  judge(received: number, lost: number): void {
    if (this.#endedWith || !this.#judge.look(received, lost) || !this.transport.condemn?.('lossy')) return;
    this.end(codeError('connection_lost', 'the path loses too much'));
  }

  /** Media may flow all the same: full packets are lost where small ones pass. */
  #stuck(): void {
    if (this.#endedWith || !this.transport.condemn?.('stuck')) return;
    this.end(codeError('connection_lost', 'the streams of the connection stand still'));
  }

  /** A message on the control stream that nobody answers. */
  tell(message: ClientMessage): void {
    if (!this.#endedWith) this.#control?.send(message);
  }

  /**
   * A new stream; the caller says the first word. Rejects with what ended the session, or `connection_lost`. What
   * `onMessage` throws ends the stream with it.
   */
  async openStream(name: StreamName, onMessage: (message: RelayMessage) => void): Promise<MessageStream> {
    if (this.#endedWith) throw this.#endedWith;
    try {
      const stream = await this.transport.openBidirectional(STREAMS[name]);
      const { environment } = this.#options;
      const silent = environment.setTimer(() => this.#stuck(), FIRST_WORD_MS);
      const messages = new MessageStream(stream, (message) => {
        environment.clearTimer(silent);
        if (this.#endedWith) return;
        this.#liveness.heard();
        onMessage(message);
      });
      void messages.ended.then(() => environment.clearTimer(silent));
      return messages;
    } catch (error) {
      throw (
        this.#endedWith ?? (error instanceof HayateError ? error : codeError('connection_lost', 'no stream', error))
      );
    }
  }

  /** The relay wants to know this clock. */
  answerProbe(probe: Uint8Array, receivedAtUs: number, nowUs: number): void {
    try {
      this.transport.sendDatagram(answerProbe(probe, Math.floor(receivedAtUs), nowUs));
    } catch {
      // A malformed probe gets no answer, as a lost one.
    }
  }

  /** The network may have changed: the relay counts as dead soon unless something comes. */
  doubt(): void {
    this.#liveness.doubt();
  }

  /** Idempotent. What is pending rejects with `error`. */
  end(error: HayateError): void {
    if (this.#endedWith) return;
    this.#endedWith = error;
    this.#options.environment.clearTimer(this.#limitTimer);
    this.#liveness.stop();
    this.#requests.failAll(error);
    this.transport.setDatagramHandler(undefined);
    const closeCode = SAID_ON_CLOSE.has(error.code) ? closeCodeOf(error.code as Code) : 0;
    this.transport.close({ closeCode, reason: closeCode === 0 ? '' : error.message });
    this.#ended.resolve(error);
  }

  async #run(): Promise<void> {
    const { agent, environment, resume, token } = this.#options;
    const session = this.transport;
    // A body may count from another instant than this package.
    const skewUs = apartUs(
      () => environment.nowMs() * 1000,
      () => session.nowUs(),
    );
    session.setDatagramHandler((data, receivedAtUs) => {
      this.#liveness.heard();
      this.#options.onDatagram(data, receivedAtUs + skewUs);
    });
    session.closed.then(
      (info) => this.end(endOf(info)),
      (error: unknown) => {
        this.end(error instanceof HayateError ? error : codeError('connection_lost', 'the connection died', error));
      },
    );
    const stream = await session.openBidirectional(CONTROL);
    if (this.#endedWith) return;
    this.#control = new MessageStream(stream, (message) => this.#onControl(message));
    this.#control.send({ t: 'hello', v: 1, token, agent, ...(resume !== undefined && { resume }) });
    const reason = await this.#control.ended;
    if (reason.code === 'protocol_error' || reason.code === 'message_too_large') {
      this.end(reason);
      return;
    }
    if (this.#endedWith) return;
    this.#options.environment.clearTimer(this.#limitTimer);
    this.#limitTimer = this.#options.environment.setTimer(() => this.end(reason), CODE_GRACE_MS);
  }

  #onControl(message: RelayMessage): void {
    if (this.#endedWith) return;
    this.#liveness.heard();
    if (!this.#welcomed) {
      if (message.t === 'error') {
        // The close code follows, but this says it in words.
        this.end(errorOf(message));
      } else if (message.t !== 'welcome') {
        throw codeError('protocol_error', `the relay sent ${message.t} before welcome`);
      } else if (message.v !== 1) {
        throw codeError('unsupported_version', `the relay speaks version ${message.v}`);
      } else {
        this.#welcomed = true;
        this.#options.environment.clearTimer(this.#limitTimer);
        this.#liveness.start();
        this.#options.onWelcome(message);
      }
      return;
    }
    // `access` is news even when it answers, and comes before whoever waits for it goes on.
    if (message.t === 'access') this.#options.onMessage(message);
    switch (message.t) {
      case 'done':
      case 'publishing':
      case 'access':
      case 'route':
        if (message.id !== undefined) this.#requests.answer(message.id, message);
        break;
      case 'error':
        if (message.id === undefined) this.#options.onMessage(message);
        else this.#requests.fail(message.id, errorOf(message));
        break;
      default:
        this.#options.onMessage(message);
    }
  }
}

/** A relay always names a code; 0 is how QUIC shows a process that went away before its close came through. */
function endOf({ closeCode, reason }: CloseInfo): HayateError {
  if (closeCode === 0) return codeError('connection_lost', 'the relay went away without a word');
  return closeError(closeCode, reason);
}
