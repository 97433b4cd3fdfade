import type { HayateError } from '@hayate/codec/errors';
import type { ClientMessage, RelayMessage } from '@hayate/codec/messages';
import { Backoff } from './backoff.ts';
import type { Environment } from './environment.ts';
import type { MessageStream } from './message-stream.ts';
import type { RelaySession, StreamName } from './relay-session.ts';

const RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;

export interface StandingStreamOptions {
  environment: Environment;
  name: StreamName;
  /** The first message of each. */
  greeting(): ClientMessage;
  /** It is open, the greeting is sent. */
  onOpen(stream: MessageStream): void;
  onMessage(message: RelayMessage): void;
  /** On one that was left for a newer session's: answers that were on their way. */
  onLate?(message: RelayMessage): void;
  /** It is over, or another one is about to open. */
  onLost(): void;
  /** It broke in a session that lives; it is opened again after a growing wait. */
  onWarning(error: HayateError): void;
}

/** A stream wanted in each session, and again when it breaks before its session does. */
export class StandingStream {
  readonly #options: StandingStreamOptions;
  readonly #backoff: Backoff;
  #wanted = false;
  #session: RelaySession | undefined;
  #stream: MessageStream | undefined;
  /** Of the stream that is open or opening; another one means that it is over. */
  #opening = 0;
  #timer: unknown;

  constructor(options: StandingStreamOptions) {
    this.#options = options;
    this.#backoff = new Backoff(RETRY_MS, MAX_RETRY_MS, options.environment.random);
  }

  /** From now on there is one in each session. */
  want(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    if (this.#session) this.#open(this.#session);
  }

  begin(session: RelaySession): void {
    this.#session = session;
    this.#backoff.reset();
    if (this.#wanted) this.#open(session);
  }

  /** The session is over. */
  end(): void {
    this.#session = undefined;
    this.#leave();
  }

  /** It serves its purpose: the next wait is a short one. */
  works(): void {
    this.#backoff.reset();
  }

  /** Gives the present one up and opens another after a wait. */
  again(error: HayateError): void {
    this.#stream?.close();
    const session = this.#session;
    this.#leave();
    if (!session) return;
    // A dying connection fails its streams first, and the room tells of it.
    if (error.code !== 'connection_lost') this.#options.onWarning(error);
    this.#timer = this.#options.environment.setTimer(() => this.#open(session), this.#backoff.nextMs());
  }

  #leave(): void {
    this.#opening += 1;
    this.#stream = undefined;
    this.#options.environment.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#options.onLost();
  }

  #open(session: RelaySession): void {
    this.#leave();
    const opening = this.#opening;
    const over = () => this.#opening !== opening;
    const broken = (error: HayateError) => {
      if (!over()) this.again(error);
    };
    const { name, greeting, onMessage, onLate, onOpen } = this.#options;
    session
      .openStream(name, (message) => (over() ? onLate?.(message) : onMessage(message)))
      .then((stream) => {
        if (over()) return stream.close();
        this.#stream = stream;
        stream.send(greeting());
        onOpen(stream);
        void stream.ended.then(broken);
      }, broken);
  }
}
