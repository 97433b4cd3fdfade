import type { HayateError } from '@hayate/codec/errors';
import { Backoff } from './backoff.ts';
import type { Environment } from './environment.ts';
import type { RelaySession } from './relay-session.ts';

export interface StandingRequestOptions<T> {
  environment: Environment;
  retryMs: number;
  maxRetryMs: number;
  send(session: RelaySession): Promise<T>;
  onGranted(answer: T, session: RelaySession): void;
  /** The relay said no; asked again when `error.retryable`. */
  onRefused(error: HayateError): void;
}

/** Something asked of each session anew (`watch`, `publish`), and again while the relay says "not now". */
export class StandingRequest<T> {
  readonly #options: StandingRequestOptions<T>;
  readonly #backoff: Backoff;
  #session: RelaySession | undefined;
  #timer: unknown;

  constructor(options: StandingRequestOptions<T>) {
    this.#options = options;
    this.#backoff = new Backoff(options.retryMs, options.maxRetryMs, options.environment.random);
  }

  /** A session opened. */
  begin(session: RelaySession): void {
    this.end();
    this.#session = session;
    this.#backoff.reset();
    this.#ask(session);
  }

  /** The session is over, or nothing is wanted any more. */
  end(): void {
    this.#session = undefined;
    if (this.#timer !== undefined) this.#options.environment.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #ask(session: RelaySession): void {
    this.#timer = undefined;
    this.#options.send(session).then(
      (answer) => {
        if (this.#session === session) this.#options.onGranted(answer, session);
      },
      (error: HayateError) => {
        // A session that ends fails its requests, and its end is told elsewhere.
        if (this.#session !== session || session.over) return;
        this.#options.onRefused(error);
        if (!error.retryable || this.#session !== session) return;
        this.#timer = this.#options.environment.setTimer(() => this.#ask(session), this.#backoff.nextMs());
      },
    );
  }
}
