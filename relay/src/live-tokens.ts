import type { SessionKey } from '../room/types.ts';
import { Expiries } from '../token/expiries.ts';
import { LEEWAY_SECONDS, type TokenClaims } from '../token/token.ts';
import type { HostedSession, Sessions } from './sessions.ts';

/** The tokens of sessions that live: ends those whose token is over or revoked. */
export class LiveTokens {
  readonly #sessions: Sessions;
  /** ms since 1970. */
  readonly #expiries = new Expiries<SessionKey>();

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  /** This token counts for the session from now on. */
  hold(session: HostedSession, claims: TokenClaims): void {
    session.claims = claims;
    this.#expiries.set(session.reliable.key, (claims.exp + LEEWAY_SECONDS) * 1000);
  }

  forget(session: SessionKey): void {
    this.#expiries.delete(session);
  }

  /** @param dateMs since 1970 */
  expire(dateMs: number): void {
    for (const key of this.#expiries.take(dateMs)) {
      this.#sessions.of(key)?.close('token_expired', 'the token has expired');
    }
  }

  revoke(isMeant: (token: TokenClaims) => boolean): void {
    for (const { reliable, claims } of this.#sessions.values()) {
      if (claims && isMeant(claims)) reliable.close('token_revoked', 'the token was revoked');
    }
  }
}
