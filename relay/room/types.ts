import type { Code, Liver, Permission, VoiceConfig } from '@hayate/codec/messages';
import type { MotionConfig } from '@hayate/codec/motion';
import type { Role } from '../token/token.ts';

/** A session's number inside its relay; never reused. */
export type SessionKey = number;

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
  /** How long an abruptly lost liver keeps its slot announced, ms. */
  lingerMs: number;
  /** How long a room without members lives, ms. */
  emptyMs: number;
}

export type RoomEvent =
  | { type: 'join'; session: SessionKey; identity: Identity }
  | { type: 'leave'; session: SessionKey; clean: boolean }
  | { type: 'publish'; session: SessionKey; id: number; motion?: MotionConfig; voice?: VoiceConfig }
  /** The media plane synced to the publisher's clock. */
  | { type: 'synced'; session: SessionKey; slot: number; gen: number }
  /** The media plane gave up before the clock was synced. */
  | { type: 'unsynced'; session: SessionKey; slot: number; gen: number }
  | { type: 'unpublish'; session: SessionKey; id: number }
  | { type: 'watch'; session: SessionKey; id: number }
  | { type: 'unwatch'; session: SessionKey; id: number }
  /** A comment of this session was taken, or a gift is durable. */
  | { type: 'active'; session: SessionKey }
  | { type: 'close' }
  | { type: 'tick' };

/** What the edge has to do, in order. `to` absent: every member. */
export type RoomAction =
  | { do: 'welcome'; session: SessionKey; identity: Identity; livers: Liver[] }
  | { do: 'publishing'; session: SessionKey; id: number; slot: number; gen: number }
  | { do: 'done'; session: SessionKey; id: number }
  | { do: 'refuse'; session: SessionKey; id: number; code: Code; message: string }
  | { do: 'liver'; liver: Liver }
  | { do: 'left'; slot: number; gen: number }
  | { do: 'mediaPublish'; session: SessionKey; slot: number; gen: number }
  | { do: 'mediaUnpublish'; slot: number }
  | { do: 'mediaJoin'; session: SessionKey }
  | { do: 'mediaLeave'; session: SessionKey }
  | { do: 'closeSession'; session: SessionKey; code: Code; reason: string }
  | { do: 'vanish' };
