import type { Permission, SpeakState } from '@hayate/codec/messages';

export type { Permission, SpeakState } from '@hayate/codec/messages';

export interface RoomComment {
  /**
   * The room's count: grows by one a comment. A gap is what was left out. Absent in a cluster until `comment_placed` tells it: the
   * comment is on its way to the relay that counts.
   */
  number?: number;
  /** Of one without a number: by it `comment_placed` gives the number, or `deleted` takes the comment back. */
  key?: number;
  subject: string;
  name?: string;
  text: string;
  /** Milliseconds since 1970, the relay's clock. */
  atMs: number;
}

/** The number of a comment that was shown before it had one. */
export interface PlacedComment {
  key: number;
  number: number;
}

/** Comments that are to be shown no more: these, or all of a person. */
export interface CommentsDeleted {
  numbers: number[];
  /** Of comments without a number: they get none. */
  keys: number[];
  subject?: string;
}

/** What this session may do; anew with each session. */
export interface RoomAccess {
  roles: string[];
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

export interface RoomMember {
  subject: string;
  name?: string;
  roles: string[];
  /** On the first visit to this room. */
  isNew: boolean;
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
  entered: RoomMember[];
  /** Subjects. */
  left: string[];
  /** Others who entered or left. */
  moreEntered: number;
  moreLeft: number;
}

/** What became of a request to speak: one's own, and for moderators everybody's. */
export interface SpeakChange {
  subject: string;
  name?: string;
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

export interface ModerationReason {
  /** For the audit log, and told to whom it concerns; up to 200 characters. */
  reason?: string;
}

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
  unmute(subject: string): Promise<void>;
  /** Ends the person's sessions; they may come back. */
  kick(subject: string, options?: ModerationReason): Promise<void>;
  /** Ends the person's sessions and refuses new ones. */
  ban(subject: string, options?: ModerationTerm): Promise<void>;
  unban(subject: string): Promise<void>;
  /** Seconds between two comments of one person; 0 ends it. */
  slow(seconds: number): Promise<void>;
  deleteComment(number: number): Promise<void>;
  /** All that are kept. */
  deleteCommentsOf(subject: string): Promise<void>;
  /** Answers a request to speak: the person may publish. */
  grant(subject: string): Promise<void>;
  deny(subject: string): Promise<void>;
  /** Takes a granted slot back: the person's publishing ends. */
  unseat(subject: string): Promise<void>;
  /** Makes the person the room's host. */
  handOver(subject: string): Promise<void>;
  /** Ends every session with `room_closed`, this one too. */
  close(): Promise<void>;
}
