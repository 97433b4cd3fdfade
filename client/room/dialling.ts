import { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import type { Connector, Session } from '@hayate/transport';
import type { RelayCandidate } from '../src/types.ts';
import type { Environment } from './environment.ts';
import { parseHash } from './target.ts';

/** Whoever has been in a room knows who is there: what does not answer by then is looked for anew. */
export const AGAIN_LIMIT_MS = 4_000;
const LIMIT_MS = 10_000;
/** Those that were dialled beside the one that won may still open so long after, to be known. */
const LOSERS_MS = 1_000;

export interface Dialled {
  relay: RelayCandidate;
  session: Session;
  connectMs: number;
}

export interface DiallingOptions {
  /** At least one, best first, each dialled so long after the begin, or when the one before it failed. */
  relays: { relay: RelayCandidate; afterMs: number }[];
  connector: Connector;
  environment: Environment;
  /** Until all count as failed. Default 10 s. */
  limitMs?: number;
  /** The first that opened. */
  onOpened(dialled: Dialled): void;
  /** Another one that opened too: it is closed again. */
  onMeasured(dialled: Dialled): void;
  onFailed(relay: RelayCandidate): void;
  /** All failed; the error is that of the best one. */
  onOver(error: HayateError): void;
}

/** Dials relays, each a little after the better one, until one opens. */
export class Dialling {
  readonly #options: DiallingOptions;
  readonly #errors: HayateError[] = [];
  readonly #under = new Map<AbortController, RelayCandidate>();
  #dialled = 0;
  #beganMs: number;
  #timer: unknown;
  #limitTimer: unknown;
  #won = false;
  #over = false;

  constructor(options: DiallingOptions) {
    this.#options = options;
    this.#beganMs = options.environment.nowMs();
    const limitMs = options.limitMs ?? LIMIT_MS;
    this.#limitTimer = options.environment.setTimer(() => {
      this.#giveUp();
      this.#finish(codeError('timeout', `no relay opened a session within ${limitMs} ms`));
    }, limitMs);
    this.#next();
  }

  /** Idempotent. Nothing is called any more. */
  stop(): void {
    this.#over = true;
    this.#options.environment.clearTimer(this.#timer);
    this.#options.environment.clearTimer(this.#limitTimer);
    for (const abort of this.#under.keys()) abort.abort();
    this.#under.clear();
  }

  /** Dials those whose time has come. */
  #next(): void {
    const { relays, environment } = this.#options;
    environment.clearTimer(this.#timer);
    for (;;) {
      const entry = relays[this.#dialled];
      if (!entry || this.#won || this.#over) return;
      const waitMs = this.#beganMs + entry.afterMs - environment.nowMs();
      if (waitMs > 0 && this.#under.size > 0) {
        this.#timer = environment.setTimer(() => this.#next(), waitMs);
        return;
      }
      const rank = this.#dialled;
      this.#dialled += 1;
      this.#dial(entry.relay, rank);
    }
  }

  #dial(relay: RelayCandidate, rank: number): void {
    const { connector, environment, onFailed } = this.#options;
    const atMs = environment.nowMs();
    const abort = new AbortController();
    this.#under.set(abort, relay);
    const failed = (error: unknown) => {
      if (!this.#under.delete(abort)) return;
      onFailed(relay);
      if (this.#won) return;
      this.#errors[rank] = error instanceof HayateError ? error : codeError('connect_failed', 'dialling failed', error);
      this.#next();
      if (this.#under.size === 0) this.#finish(this.#errors.find(Boolean)!);
    };
    try {
      const session = connector(relay.url, {
        ...(relay.certificateHashes?.length && { serverCertificateHashes: relay.certificateHashes.map(parseHash) }),
        signal: abort.signal,
        connectTimeoutMs: LIMIT_MS,
      });
      session.closed.catch(() => {});
      session.ready.then(() => {
        if (!this.#under.delete(abort)) return session.close();
        this.#opened({ relay, session, connectMs: environment.nowMs() - atMs });
      }, failed);
    } catch (error) {
      // Later, as every other failure: whoever dials does not know this object yet.
      queueMicrotask(() => failed(error));
    }
  }

  #opened(dialled: Dialled): void {
    const { environment, onOpened, onMeasured } = this.#options;
    if (this.#won) {
      dialled.session.close();
      onMeasured(dialled);
      if (this.#under.size === 0) this.stop();
      return;
    }
    this.#won = true;
    environment.clearTimer(this.#timer);
    environment.clearTimer(this.#limitTimer);
    if (this.#under.size > 0) this.#limitTimer = environment.setTimer(() => this.#giveUp(), LOSERS_MS);
    onOpened(dialled);
  }

  /** Who did not answer by now is as good as dead. */
  #giveUp(): void {
    const silent = [...this.#under.values()];
    this.stop();
    for (const relay of silent) this.#options.onFailed(relay);
  }

  #finish(error: HayateError): void {
    this.stop();
    this.#options.onOver(error);
  }
}
