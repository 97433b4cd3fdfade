import type { Code, Permission } from '@hayate/codec/messages';
import type { SessionKey } from '../room/types.ts';

export interface CommentAuthor {
  session: SessionKey;
  sub: string;
  name?: string;
}

/** A comment that may be shown: filtered, within all limits. */
export interface WrittenComment {
  sub: string;
  name?: string;
  text: string;
  /** ms since 1970. */
  at: number;
}

/** Time of a room, so that tests can hold it. */
export interface CommentClock {
  /** Monotonic, ms. */
  nowMs(): number;
  /** Since 1970, ms. */
  dateMs(): number;
  /** Calls back after so many ms; gives the way to cancel it. */
  after(ms: number, callback: () => void): () => void;
}

export interface CommentRates {
  /** Of one person (`sub`) in one room, over all sessions. */
  perSecond: number;
  burst: number;
  /** Of one room. */
  roomPerSecond: number;
  roomBurst: number;
}

/** Why a comment or reaction is not taken. */
export type CommentRefusal = Extract<
  Code,
  | 'not_permitted'
  | 'muted'
  | 'rate_limited'
  | 'slow_mode'
  | 'comment_refused'
  | 'filter_unavailable'
  | 'closed'
  | 'overloaded'
>;

/** What the room's people may do: permissions and mutes are kept elsewhere. */
export interface CommentRules {
  /** Why this session may not, now; undefined: it may. Mutes concern `comment` and `react`. */
  refusal(session: SessionKey, permission: Permission, nowMs: number): CommentRefusal | undefined;
}

/** Where a viewer's part of the room goes. The bytes are shared by all viewers. */
export interface CommentSink {
  /** Takes `early`, too. Default: false. */
  readonly early?: boolean;
  /** Whole messages that stand for the next `count` numbers of the room. May be left out, counted. */
  comments(messages: Uint8Array, count: number): void;
  /** Never left out: who was shown a comment is to hear that it is gone. */
  deleted(message: Uint8Array): void;
  /** May be left out. */
  reactions(message: Uint8Array): void;
}

/** What is counted; labels are few. */
export interface CommentCounts {
  add(name: 'comments' | 'comments_left_out' | 'reactions' | 'comment_filter', label?: string, n?: number): void;
}
