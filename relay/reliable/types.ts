import type { Code, Permission, Report } from '@hayate/codec/messages';
import type { RoomComments } from '../comments/room.ts';
import type { GiftDesk } from '../gifts/desk.ts';
import type { RoomEvent } from '../room/types.ts';
import type { TokenClaims } from '../token/token.ts';
import type { ReliableSession } from './session.ts';

export interface ReliableLimits {
  helloMs: number;
  controlQueueBytes: number;
  commentQueueBytes: number;
  giftsPerSecond: number;
  giftBurst: number;
}

/** What a session's reliable half needs from the relay around it. */
export interface Hub {
  /** Undefined where no gifts are taken. */
  readonly gifts: GiftDesk | undefined;
  /** Monotonic, ms. */
  nowMs(): number;
  /** Since 1970, ms. */
  dateMs(): number;
  /** Of a `hello`. @throws HayateError `token_missing`, `token_invalid`, `token_expired`, `token_revoked`, `banned`, `not_permitted`, `draining` */
  authenticate(session: ReliableSession, token: string): Promise<TokenClaims>;
  /**
   * The bearer is known: put them into their room and welcome them. `resume`: as in `hello`. A promise where the room lives at
   * another relay: it is fetched first.
   */
  joining(session: ReliableSession, claims: TokenClaims, resume: string | undefined): void | Promise<void>;
  /** Checks a new token and answers with `access` or `error`. Never rejects. */
  refresh(session: ReliableSession, id: number, token: string): Promise<void>;
  /** Now: permissions change while a session lives. */
  may(session: ReliableSession, permission: Permission): boolean;
  request(session: ReliableSession, event: RoomEvent): void;
  /** Of the session's room; undefined once it has left. */
  comments(session: ReliableSession): RoomComments | undefined;
  /** A comment, reaction or gift was refused. */
  refused(code: Code): void;
  /** Share of the packets to this session that are lost; undefined while nobody knows. */
  lossOf(session: ReliableSession): number | undefined;
  /** So many comments were left out for a session that reads slowly. */
  dropped(comments: number): void;
  /** A viewer's report; `taken` false: one too many, nothing but a count. */
  report(session: ReliableSession, report: Report, taken: boolean): void;
  /** Answers how this session gets its media. Never rejects. */
  route(session: ReliableSession, id: number): Promise<void>;
  /** Something that should not happen did: tell the operator, end the session with `internal`. */
  fault(session: ReliableSession, error: unknown): void;
  /** The relay ends this session for this reason; once at most. */
  closing(session: ReliableSession, code: Code): void;
  /** The session is over, whoever ended it; once. `clean`: nothing is to be kept of it. */
  ended(session: ReliableSession, clean: boolean): void;
}
