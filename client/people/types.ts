import type { Permission, SpeakState } from '@hayate/codec/messages';

export type { Permission, SpeakState } from '@hayate/codec/messages';

/** A comment as the room sees it. */
export interface RoomComment {
  /**
   * The room's count: grows by one a comment. A gap is what was left out. Absent in a cluster until `comment_placed` tells it: the
   * comment is on its way to the relay that counts.
   */
  number?: number;
  /** Of one without a number: by it `comment_placed` gives the number, or `deleted` takes the comment back. */
  key?: number;
  /** Who wrote it: the token's `sub`. */
  subject: string;
  /** For people to read; the token's `name`. */
  name?: string;
  /** At most 500 characters, as it was written: escape it before it becomes HTML. */
  text: string;
  /** Milliseconds since 1970, the relay's clock. */
  atMs: number;
}

/** The relay's word that it has a comment. */
export interface CommentReceipt {
  /** The room's count. */
  number: number;
}

/** Comments that were left out here: too many came, or this session could not take them in time. */
export interface MissedComments {
  /** So many. */
  count: number;
}

/** Reactions of the whole room since the last event. */
export interface ReactionCounts {
  /** By kind. */
  counts: Record<string, number>;
}

/** The number of a comment that was shown before it had one. */
export interface PlacedComment {
  /** Of the comment that was shown. */
  key: number;
  /** Its place in the room. */
  number: number;
}

/** Comments that are to be shown no more: these, or all of a person. */
export interface CommentsDeleted {
  /** Of comments with a number. */
  numbers: number[];
  /** Of comments without a number: they get none. */
  keys: number[];
  /** All of this person. */
  subject?: string;
}

/** What this session may do; anew with each session. */
export interface RoomAccess {
  /** The token's `roles`. */
  roles: string[];
  /** What they allow, and what a moderator granted. */
  permissions: ReadonlySet<Permission>;
  /** End of the token, milliseconds since 1970, the relay's clock. */
  expiresAtMs: number;
}

/** Rules of the room that everybody may know. */
export interface RoomRules {
  /** Between two comments of one person; 0: no slow mode. */
  slowSeconds: number;
  /** Who has the room. */
  host?: string;
}

/** A person in the room, over all sessions. */
export interface RoomMember {
  /** The token's `sub`. */
  subject: string;
  /** For people to read; the token's `name`. */
  name?: string;
  /** Of the tokens together. */
  roles: string[];
  /** On the first visit to this room. */
  isNew: boolean;
  /** A moderator took comments and reactions away. */
  muted: boolean;
}

/** Who is here, as far as the relay tells. */
export interface RoomPresence {
  /** People, each counted once; exact. */
  total: number;
  /** Watching sessions; exact. */
  viewers: number;
  /** At most 64: livers and moderators first, then the newest. */
  members: readonly RoomMember[];
  /** Who waits to speak, the longest first, at most 32. Empty for those who are no moderators. */
  requests: readonly RoomMember[];
}

/** The presence now, and who came and went since the last one: a sample of at most 8 each. */
export interface PresenceChange extends RoomPresence {
  /** Came; at most 8. */
  entered: RoomMember[];
  /** Subjects. */
  left: string[];
  /** Others who entered. */
  moreEntered: number;
  /** Others who left. */
  moreLeft: number;
}

/** What became of a request to speak: one's own, and for moderators everybody's. */
export interface SpeakChange {
  /** Who asked: the token's `sub`. */
  subject: string;
  /** For people to read. */
  name?: string;
  /** `requested`, `granted`, or how it ended. */
  state: SpeakState;
}

/** A request to speak, from the asking until it is over. */
export interface SpeakRequest {
  /** `asking` until the relay has it. `withdrawn`, `denied`, `expired`, `ended` and `refused` are final. */
  readonly state: 'asking' | 'refused' | SpeakState;
  /**
   * Resolves with what came of it: true once it is granted, and `publish(room)` works; false when it was denied, withdrawn
   * or expired. Rejects when the relay refused to take it (`rate_limited`, `not_permitted`) or the room closed.
   */
  readonly granted: Promise<boolean>;
  /** Each change of `state` from now on. Returns the way to remove the listener. */
  onState(listener: (state: SpeakRequest['state']) => void): () => void;
  /** Takes it back, or gives the granted slot back. Nothing happens once it is over. Rejects as any request. */
  withdraw(): Promise<void>;
}

/** Why. */
export interface ModerationReason {
  /** For the audit log, and told to whom it concerns; up to 200 characters. */
  reason?: string;
}

/** Why, and for how long. */
export interface ModerationTerm extends ModerationReason {
  /** Whole seconds from 1. Default: a mute lasts as long as the room, a ban for ever. */
  seconds?: number;
}

/**
 * What a moderator may do (permission `moderate`). Each resolves when it holds, and rejects with `not_permitted`,
 * `no_such_member`, `no_such_comment`, `invalid_argument`, `timeout` or `connection_lost`.
 */
export interface RoomModeration {
  /** Comments and reactions of the person are refused, on all sessions. */
  mute(subject: string, options?: ModerationTerm): Promise<void>;
  /** Ends a mute. */
  unmute(subject: string): Promise<void>;
  /** Ends the person's sessions; they may come back. */
  kick(subject: string, options?: ModerationReason): Promise<void>;
  /** Ends the person's sessions and refuses new ones. */
  ban(subject: string, options?: ModerationTerm): Promise<void>;
  /** Ends a ban. */
  unban(subject: string): Promise<void>;
  /** Seconds between two comments of one person; 0 ends it. */
  slow(seconds: number): Promise<void>;
  /** Takes one comment off every screen. */
  deleteComment(number: number): Promise<void>;
  /** All that are kept. */
  deleteCommentsOf(subject: string): Promise<void>;
  /** Answers a request to speak: the person may publish. */
  grant(subject: string): Promise<void>;
  /** Answers a request to speak: no. */
  deny(subject: string): Promise<void>;
  /** Takes a granted slot back: the person's publishing ends. */
  unseat(subject: string): Promise<void>;
  /** Makes the person the room's host. */
  handOver(subject: string): Promise<void>;
  /** Ends every session with `room_closed`, this one too. */
  close(): Promise<void>;
}
