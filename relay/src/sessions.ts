import { randomBytes } from 'node:crypto';
import type { Session } from '@hayate/transport';
import type { Flood } from '../policy/flood.ts';
import type { ReliableSession } from '../reliable/session.ts';
import type { SessionKey } from '../room/types.ts';
import type { JoinTrace } from '../telemetry/traces/joins.ts';
import type { TokenClaims } from '../token/token.ts';
import type { HostedRoom } from './rooms.ts';

export interface HostedSession {
  reliable: ReliableSession;
  /** Once it was let in. */
  room: HostedRoom | undefined;
  /** As which it counts for the limits of joins. */
  sub: string | undefined;
  /** Of the token that counts now. */
  claims: TokenClaims | undefined;
  arrivedMs: number;
  /** Of the few that are traced, until the welcome. */
  trace: JoinTrace | undefined;
  /** While it publishes. */
  flood: Flood | undefined;
}

/** The sessions of one relay, by their number and by their transport. */
export class Sessions {
  readonly #byKey = new Map<SessionKey, HostedSession>();
  readonly #keys = new Map<Session, SessionKey>();
  /** Tells session names of different runs apart in logs. */
  readonly #run = randomBytes(4).toString('hex');

  get size(): number {
    return this.#byKey.size;
  }

  add(reliable: ReliableSession, nowMs: number): void {
    this.#byKey.set(reliable.key, {
      reliable,
      room: undefined,
      sub: undefined,
      claims: undefined,
      arrivedMs: nowMs,
      trace: undefined,
      flood: undefined,
    });
    this.#keys.set(reliable.transport, reliable.key);
  }

  /** What was known of it; undefined for one that is gone already. */
  remove({ key, transport }: ReliableSession): HostedSession | undefined {
    const session = this.#byKey.get(key);
    this.#byKey.delete(key);
    this.#keys.delete(transport);
    return session;
  }

  get(key: SessionKey): HostedSession | undefined {
    return this.#byKey.get(key);
  }

  /** The reliable half. */
  of(key: SessionKey): ReliableSession | undefined {
    return this.#byKey.get(key)?.reliable;
  }

  keyOf(transport: Session): SessionKey | undefined {
    return this.#keys.get(transport);
  }

  values(): IterableIterator<HostedSession> {
    return this.#byKey.values();
  }

  /** As `welcome` and the logs call it. */
  nameOf(key: SessionKey): string {
    return `${this.#run}-${key}`;
  }
}
