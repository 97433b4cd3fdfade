/** Messages of a room's people: docs/protocol.md section 4. */

/** What a session may do, in the order that `welcome` lists them. */
export const PERMISSIONS = ['publish', 'watch', 'comment', 'react', 'gift', 'speak', 'moderate'] as const;
/** One thing that a token allows. */
export type Permission = (typeof PERMISSIONS)[number];

/** What `moderate` asks for. */
export const MODERATIONS = [
  'mute',
  'unmute',
  'kick',
  'ban',
  'unban',
  'slow',
  'delete',
  'grant',
  'deny',
  'unseat',
  'host',
  'close',
] as const;
export type Moderation = (typeof MODERATIONS)[number];

/** What became of a request to speak. */
export const SPEAK_STATES = ['requested', 'withdrawn', 'granted', 'denied', 'expired', 'ended'] as const;
/** `requested` and `granted` last; the others are how it ended. */
export type SpeakState = (typeof SPEAK_STATES)[number];

/** A kind of reaction is 1 to 16 of a-z, 0-9, _ and -. */
export function isReactionKind(value: string): boolean {
  return /^[a-z0-9_-]{1,16}$/.test(value);
}

/** A new token for a running session: same `sub` and `room`. Answered with `access`. */
export interface Refresh {
  t: 'refresh';
  id: number;
  token: string;
}

/** Turns the news of members on or off for this session. Answered with `done`; after on follow `room` and `members`. */
export interface Presence {
  t: 'presence';
  id: number;
  on: boolean;
}

/** Asks for a slot in the room's conversation, or withdraws (a granted one gives its slot back). Answered with `done`. */
export interface Speak {
  t: 'speak';
  id: number;
  want: boolean;
}

/** Answered with `done` once it holds. docs/protocol.md says which fields each action wants. */
export interface Moderate {
  t: 'moderate';
  id: number;
  action: Moderation;
  /** Of mute, unmute, kick, ban, unban, grant, deny, unseat, host; of delete: all comments of this person. */
  sub?: string;
  /** Of delete: this comment. */
  n?: number;
  /** Of mute and ban: how long, absent: for the room's life or for ever. Of slow: between two comments of one person; 0 ends it. */
  seconds?: number;
  /** For the audit log, and shown to whom it concerns. */
  reason?: string;
}

/** Opens the comments stream. */
export interface Comments {
  t: 'comments';
  /** Last comment that the client has seen: kept ones after it come first. Absent: the last 50. */
  after?: number;
  /** Comments may come before their numbers, as `early`. Absent: none does. */
  early?: boolean;
}

/** On the comments stream. Answered only when it is refused: with `error`. */
export interface React {
  t: 'react';
  id: number;
  kind: string;
}

/** What this session may do from now on: the answer to `refresh` (with `id`), or because a moderator changed it. */
export interface Access {
  t: 'access';
  id?: number;
  roles: string[];
  permissions: Permission[];
  /** ms since 1970. */
  expiresAt: number;
}

/** The room's rules that everybody may know; sent when they change. */
export interface RoomState {
  t: 'room';
  /** Seconds between two comments of one person; 0: no slow mode. */
  slowSeconds: number;
  /** `sub` of who has the room. */
  host?: string;
}

export interface Member {
  sub: string;
  name?: string;
  roles: string[];
  /** First visit to this room. */
  isNew?: boolean;
  muted?: boolean;
}

/** Who is here, livers and moderators first, then the newest; `total` counts those left out too. */
export interface Members {
  t: 'members';
  total: number;
  viewers: number;
  /** At most 64. */
  members: Member[];
  /** Who waits to speak, the longest first; to moderators only. */
  requests?: Member[];
}

/** What changed since the last one, coalesced: counts are exact, names are a sample. */
export interface PresenceChanged {
  t: 'presence';
  total: number;
  viewers: number;
  /** At most 8. */
  entered: Member[];
  /** Each with `sub`, at most 8. */
  left: string[];
  /** Others who entered or left. */
  moreEntered?: number;
  moreLeft?: number;
}

/** To moderators and to the person. */
export interface SpeakChanged {
  t: 'speak';
  sub: string;
  name?: string;
  state: SpeakState;
}

/** Answer to `comments`: kept comments after this one follow. */
export interface CommentsOpen {
  t: 'comments';
  after: number;
  /** Comments between the client's `after` and this one, which are kept no more. */
  missed?: number;
}

/**
 * In a cluster: a comment on its way to the relay that gives it its number. It comes again whole, as `comment` with the same
 * `key`, or is taken back by `deleted`.
 */
export interface CommentEarly {
  t: 'early';
  /** Of the relay where it was written, drawn at random: below 2^53. */
  key: number;
  sub: string;
  name?: string;
  text: string;
  /** When it was written, ms since 1970. */
  at: number;
}

/** These are to be shown no more: by number, all of a person, or early ones that get no number. */
export interface CommentsDeleted {
  t: 'deleted';
  /** At most 64. */
  n?: number[];
  sub?: string;
  /** Keys; at most 64. */
  early?: number[];
}

/** A gap: so many comments were left out here, because the room writes more than 20 a second or this session reads slowly. */
export interface CommentsMissed {
  t: 'missed';
  count: number;
}

/** Reactions of the room since the last message, by kind. */
export interface Reactions {
  t: 'reactions';
  /** At most 16 kinds. */
  counts: Record<string, number>;
}
