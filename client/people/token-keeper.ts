import { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import { Backoff } from '../room/backoff.ts';
import type { Environment } from '../room/environment.ts';
import type { Participant } from '../room/participant.ts';
import type { RelaySession } from '../room/relay-session.ts';
import { withLimit } from '../room/with-limit.ts';
import type { Welcome } from '../src/types.ts';

/** Part of the remaining lifetime after which another token is asked for. */
const REFRESH_AT = 0.8;
const LEAST_WAIT_MS = 1_000;
/** The relay takes a token that has ended by this machine's clock: the clock is wrong, and says nothing of when. */
const WRONG_CLOCK_WAIT_MS = 30_000;
const TOKEN_LIMIT_MS = 10_000;
const RETRY_MS = 2_000;
const MAX_RETRY_MS = 30_000;
/** Timers of the platforms hold 2^31 ms at most. */
const MAX_TIMER_MS = 2 ** 30;

export interface TokenKeeperSetup {
  environment: Environment;
  token: () => Promise<string>;
  onWarning(error: HayateError): void;
}

/** Gives a running session a new token before the old one ends, and again until the relay takes one. */
export class TokenKeeper implements Participant {
  readonly #setup: TokenKeeperSetup;
  readonly #backoff: Backoff;
  #session: RelaySession | undefined;
  #dueMs = 0;
  #timer: unknown;

  constructor(setup: TokenKeeperSetup) {
    this.#setup = setup;
    this.#backoff = new Backoff(RETRY_MS, MAX_RETRY_MS, setup.environment.random);
  }

  onOpen(session: RelaySession, welcome: Welcome): void {
    this.#session = session;
    this.expiresAt(welcome.expiresAtMs);
  }

  /** The relay said when the session's token ends. */
  expiresAt(expiresAtMs: number): void {
    const { environment } = this.#setup;
    const leftMs = expiresAtMs - environment.wallMs();
    const waitMs = leftMs > 0 ? Math.max(leftMs * REFRESH_AT, LEAST_WAIT_MS) : WRONG_CLOCK_WAIT_MS;
    this.#backoff.reset();
    this.#dueMs = environment.nowMs() + waitMs;
    this.#arm();
  }

  onLost(): void {
    this.#session = undefined;
    this.#setup.environment.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  onClosed(): void {
    this.onLost();
  }

  onDatagram(): void {}

  #arm(): void {
    const { environment } = this.#setup;
    environment.clearTimer(this.#timer);
    const waitMs = this.#dueMs - environment.nowMs();
    this.#timer = environment.setTimer(
      () => {
        if (waitMs > MAX_TIMER_MS) this.#arm();
        else void this.#refresh();
      },
      Math.min(waitMs, MAX_TIMER_MS),
    );
  }

  async #refresh(): Promise<void> {
    const session = this.#session;
    this.#timer = undefined;
    if (!session) return;
    try {
      const token = await withLimit(this.#setup.token(), this.#setup.environment, TOKEN_LIMIT_MS);
      if (this.#session !== session) return;
      // `access` answers, and says when the new one ends.
      await session.request((id) => ({ t: 'refresh', id, token }));
    } catch (cause) {
      if (this.#session !== session || session.over) return;
      const error =
        cause instanceof HayateError ? cause : codeError('connect_failed', 'the token function failed', cause);
      this.#dueMs = this.#setup.environment.nowMs() + Math.max(LEAST_WAIT_MS, this.#backoff.nextMs());
      this.#arm();
      this.#setup.onWarning(error);
    }
  }
}
