import { HayateError } from '@hayate/codec/errors';
import { codeError, rowOf } from '@hayate/codec/messages';
import type { Logger } from 'pino';
import type { Community } from '../community/index.ts';
import type { JoinLimits } from '../joins/limits.ts';
import type { ReliableSession } from '../reliable/session.ts';
import type { Identity, RoomEvent } from '../room/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import { logged } from '../telemetry/traces/ids.ts';
import type { JoinTraces } from '../telemetry/traces/joins.ts';
import type { ResumeTokens } from '../token/resume.ts';
import type { TokenClaims, TokenVerifier } from '../token/token.ts';
import type { LiveTokens } from './live-tokens.ts';
import type { HostedRoom } from './rooms.ts';
import type { HostedSession, Sessions } from './sessions.ts';

export interface JoiningOptions {
  verifier: TokenVerifier;
  community: Community;
  joins: JoinLimits;
  sessions: Sessions;
  tokens: LiveTokens;
  resume: ResumeTokens;
  counters: Counters;
  log: Logger;
  traces: JoinTraces | undefined;
  /** Lag budget of rooms at most, ms. */
  budgetMs: number;
  nowMs(): number;
  dateMs(): number;
  draining(): boolean;
  /** Undefined: this relay has all the rooms it may have. */
  room(name: string): HostedRoom | undefined;
  /** Where the room lives at other relays: when it is here as well. Undefined: now. */
  ready(hosted: HostedRoom): Promise<void> | undefined;
  /** After a join. */
  joined(hosted: HostedRoom): void;
  dispatch(hosted: HostedRoom, event: RoomEvent): void;
  fault(reliable: ReliableSession, error: unknown): void;
  onJoinMs?: ((ms: number) => void) | undefined;
}

/** How sessions come into their rooms, and keep their tokens fresh. */
export class Joining {
  readonly #options: JoiningOptions;

  constructor(options: JoiningOptions) {
    this.#options = options;
  }

  /** As `Hub.authenticate`. */
  async authenticate(reliable: ReliableSession, token: string): Promise<TokenClaims> {
    const session = this.#options.sessions.get(reliable.key);
    if (session) session.trace = this.#options.traces?.begin(session.arrivedMs);
    const claims = await this.#verify(token);
    session?.trace?.step('join.token');
    return claims;
  }

  async #verify(token: string): Promise<TokenClaims> {
    const { verifier, community, dateMs, draining } = this.#options;
    const claims = await verifier.verify(token, dateMs());
    community.check(claims);
    if (claims.permissions.length === 0) throw new HayateError('not_permitted', 'the token permits nothing');
    if (draining()) throw codeError('draining', 'the relay is going away');
    return claims;
  }

  /** As `Hub.joining`. */
  join(reliable: ReliableSession, claims: TokenClaims, resume: string | undefined): void | Promise<void> {
    const { sessions, joins, counters } = this.#options;
    const session = sessions.get(reliable.key);
    if (!session) return;
    const { room, sub } = claims;
    const hosted = this.#options.room(room);
    if (!hosted) {
      reliable.close('overloaded', 'this relay has all the rooms it may have');
      return;
    }
    if (!joins.enter(sub)) {
      counters.add('joins_limited', 'subject');
      reliable.close('rate_limited', 'too many sessions of this person at once');
      return;
    }
    session.sub = sub;
    const wait = this.#options.ready(hosted);
    if (wait) return wait.then(() => this.#enter(reliable, session, claims, resume));
    this.#enter(reliable, session, claims, resume);
  }

  #enter(reliable: ReliableSession, session: HostedSession, claims: TokenClaims, resume: string | undefined): void {
    const { sessions, log, community, dispatch, budgetMs } = this.#options;
    const { key } = reliable;
    const { room, sub, isNew } = claims;
    session.trace?.step('join.room');
    const hosted = this.#options.room(room);
    // It may have ended while the room was fetched.
    if (!hosted || sessions.get(key) !== session) return;
    session.room = hosted;
    // Signed by the backend; never more than this relay's own.
    if (claims.budgetMs !== undefined) hosted.delivery.budgetMs = Math.min(budgetMs, claims.budgetMs);
    const former = resume === undefined ? undefined : this.#options.resume.read(resume, room, sub);
    dispatch(hosted, {
      type: 'join',
      session: key,
      identity: identityOf(claims),
      ...(isNew === undefined ? {} : { isNew }),
      ...(former === undefined ? {} : { resume: former }),
    });
    if (!reliable.open) return;
    this.#options.joined(hosted);
    this.#options.tokens.hold(session, claims);
    this.#options.onJoinMs?.(this.#options.nowMs() - session.arrivedMs);
    session.trace?.welcomed(room);
    log.debug({ session: key, room, sub, roles: claims.roles, ...logged(session.trace?.ids) }, 'joined');
    session.trace = undefined;
    void community.visit(room, sub).then((visit) => {
      if (visit && isNew === undefined)
        this.#request(reliable, { type: 'visited', session: key, isNew: visit.count === 1 });
    });
  }

  /** As `Hub.refresh`. */
  async refresh(reliable: ReliableSession, id: number, token: string): Promise<void> {
    const session = this.#options.sessions.get(reliable.key);
    const before = session?.claims;
    if (!session || !before) return;
    try {
      const claims = await this.#verify(token);
      if (claims.sub !== before.sub || claims.room !== before.room) {
        throw codeError('token_invalid', 'a token of another person or room');
      }
      // It may have ended meanwhile.
      if (!reliable.open) return;
      this.#options.tokens.hold(session, claims);
      this.#request(reliable, { type: 'refresh', session: reliable.key, id, identity: identityOf(claims) });
    } catch (error) {
      const row = rowOf(error);
      if (!row) return this.#options.fault(reliable, error);
      this.#options.counters.add('refused', row.code);
      reliable.refuse(id, row.code, (error as HayateError).message, row.retryable);
    }
  }

  #request(reliable: ReliableSession, event: RoomEvent): void {
    const hosted = this.#options.sessions.get(reliable.key)?.room;
    if (hosted) this.#options.dispatch(hosted, event);
  }
}

function identityOf({ sub, name, roles, permissions, exp }: TokenClaims): Identity {
  return { sub, roles, permissions, expiresAt: exp * 1000, ...(name === undefined ? {} : { name }) };
}
