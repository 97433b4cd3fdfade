import type { Code, Liver, Moderation, Permission, RelayMessage, VoiceConfig } from '@hayate/codec/messages';
import type { MotionConfig } from '@hayate/codec/motion';
import type { Role } from '../token/token.ts';

/** A session's number inside its relay; never reused. */
export type SessionKey = number;

/** Who the service API is in an event: no session has this number. It spares nobody for their roles. */
export const SERVICE: SessionKey = 0;

/** Who joined: what the token said. */
export interface Identity {
  sub: string;
  name?: string;
  roles: readonly Role[];
  permissions: readonly Permission[];
  /** End of the token, ms since 1970. */
  expiresAt: number;
}

export interface RoomLimits {
  /** Sessions that may hear the room at once. */
  maxViewers: number;
  /** How long an abruptly lost session keeps its place, ms. */
  lingerMs: number;
  /** How long a room without members lives, ms. */
  emptyMs: number;
}

/** A `moderate` message without its id. */
export interface Command {
  action: Moderation;
  sub?: string;
  n?: number;
  seconds?: number;
  reason?: string;
}

export type RoomEvent =
  /** `resume`: a session whose place is taken over; the caller has checked that it may be named. */
  | { type: 'join'; session: SessionKey; identity: Identity; isNew?: boolean; resume?: SessionKey }
  | { type: 'leave'; session: SessionKey; clean: boolean }
  /** A new token of the same `sub`. */
  | { type: 'refresh'; session: SessionKey; id: number; identity: Identity }
  /** The record of visits has answered. */
  | { type: 'visited'; session: SessionKey; isNew: boolean }
  | { type: 'publish'; session: SessionKey; id: number; motion?: MotionConfig; voice?: VoiceConfig; info?: string }
  /** The media plane synced to the publisher's clock. */
  | { type: 'synced'; session: SessionKey; slot: number; gen: number }
  /** The media plane gave up before the clock was synced. */
  | { type: 'unsynced'; session: SessionKey; slot: number; gen: number }
  | { type: 'unpublish'; session: SessionKey; id: number }
  | { type: 'watch'; session: SessionKey; id: number }
  | { type: 'unwatch'; session: SessionKey; id: number }
  | { type: 'presence'; session: SessionKey; id: number; on: boolean }
  /** `news` was not sent to this session: it reads slowly. */
  | { type: 'behind'; session: SessionKey }
  | { type: 'speak'; session: SessionKey; id: number; want: boolean }
  /** `session` may be SERVICE. `relayed`: for a moderator at another relay, who may do no more than one here. */
  | { type: 'moderate'; session: SessionKey; id: number; command: Command; relayed?: boolean }
  /**
   * Of a room that is on several relays: another relay gives slots and generations (`here` false), or this one does again.
   */
  | { type: 'authority'; here: boolean }
  /**
   * As the relay that gives slots, or one without a way to it: one for a liver at another relay, or here. Answered with
   * `allotted` or `unallotted`.
   */
  | { type: 'allot'; ask: number; sub: string }
  /** What another relay answered to `askSlot`. */
  | { type: 'granted'; session: SessionKey; slot: number; gen: number }
  | { type: 'ungranted'; session: SessionKey; code: Code }
  /** Media of this liver comes from another relay: a new one, or one with other configs. */
  | { type: 'remoteLiver'; liver: Liver }
  /** `gone` false: it may come again within `lingerMs`. */
  | { type: 'remoteLeft'; slot: number; gen: number; gone: boolean }
  /** The slot of a liver here is somebody else's. */
  | { type: 'evicted'; slot: number; gen: number }
  /** How many are in the room at other relays. */
  | { type: 'elsewhere'; people: number; viewers: number }
  /** A ban holds from now on. */
  | { type: 'banned'; sub: string; reason: string }
  /** A comment of this session was taken, or a gift is durable. */
  | { type: 'active'; session: SessionKey }
  | { type: 'close' }
  | { type: 'tick' };

/** What the edge has to do, in order. Actions for sessions that are gone mean nothing. */
export type RoomAction =
  | {
      do: 'welcome';
      session: SessionKey;
      identity: Identity;
      permissions: readonly Permission[];
      livers: Liver[];
      resumed: boolean;
    }
  | { do: 'publishing'; session: SessionKey; id: number; slot: number; gen: number }
  | { do: 'done'; session: SessionKey; id: number }
  | { do: 'refuse'; session: SessionKey; id: number; code: Code; message: string }
  | {
      do: 'access';
      session: SessionKey;
      /** Of the `refresh` that it answers. */
      id?: number;
      roles: readonly Role[];
      permissions: readonly Permission[];
      expiresAt: number;
    }
  /** Another relay gives slots: ask it. `granted` or `ungranted` follows. */
  | { do: 'askSlot'; session: SessionKey; sub: string; name: string | undefined }
  | { do: 'allotted'; ask: number; slot: number; gen: number }
  | { do: 'unallotted'; ask: number; code: Code }
  /** A liver at another relay must not have this slot. */
  | { do: 'evict'; slot: number; gen: number }
  /** To every member. `elsewhere`: its media comes from another relay. */
  | { do: 'liver'; liver: Liver; elsewhere?: true }
  | { do: 'left'; slot: number; gen: number }
  | { do: 'tell'; to: Iterable<SessionKey>; message: RelayMessage }
  /**
   * As `tell`, but a session that reads slowly goes without: answer with `behind`, and it gets the newest state later. A
   * `presence` may take a while to get to all, but not past a later `members`.
   */
  | { do: 'news'; to: Iterable<SessionKey>; message: RelayMessage }
  /** Seconds between two comments of one person. */
  | { do: 'slow'; seconds: number }
  /** Of a moderator: this comment, or all of this person; answer it. */
  | { do: 'deleteComments'; session: SessionKey; id: number; n?: number; sub?: string; by: string }
  /** Keep or end a ban, write it down, and answer when it is durable; `banned` is to follow at once. */
  | { do: 'ban'; session: SessionKey; id: number; sub: string; seconds?: number; reason: string; by: string }
  | { do: 'unban'; session: SessionKey; id: number; sub: string; by: string }
  /** For the audit log: it was done. */
  | { do: 'audit'; command: Command; by: string }
  | { do: 'mediaPublish'; session: SessionKey; slot: number; gen: number }
  | { do: 'mediaUnpublish'; slot: number }
  | { do: 'mediaJoin'; session: SessionKey }
  | { do: 'mediaLeave'; session: SessionKey }
  | { do: 'closeSession'; session: SessionKey; code: Code; reason: string }
  /** The last session of this person has gone. */
  | { do: 'gone'; sub: string }
  | { do: 'vanish' };

export function done(session: SessionKey, id: number): RoomAction {
  return { do: 'done', session, id };
}

export function refuse(session: SessionKey, id: number, code: Code, message: string): RoomAction {
  return { do: 'refuse', session, id, code, message };
}
