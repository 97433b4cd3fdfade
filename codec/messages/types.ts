import type { MotionConfig } from '../motion/types.ts';
import type {
  Access,
  CommentEarly,
  Comments,
  CommentsDeleted,
  CommentsMissed,
  CommentsOpen,
  Members,
  Moderate,
  Permission,
  Presence,
  PresenceChanged,
  React,
  Reactions,
  Refresh,
  RoomState,
  Speak,
  SpeakChanged,
} from './community.ts';
import type { TrunkMessage } from './trunk.ts';

/** docs/protocol.md section 4. Fields that are missing on the wire are absent here; unknown ones are ignored. */

export interface VoiceConfig {
  codec: 'opus';
  sampleRate: 48000;
  channels: 1 | 2;
  /** Length of one packet: 2.5 to 60. */
  frameMs: number;
}

/** A broadcaster of a room. */
export interface Liver {
  slot: number;
  gen: number;
  sub: string;
  name?: string;
  motion?: MotionConfig;
  voice?: VoiceConfig;
  /** The application's own words to viewers: which avatar, which scene. */
  info?: string;
}

export interface Hello {
  t: 'hello';
  /** Protocol version, any uint: the relay answers `unsupported_version` itself. */
  v: number;
  token: string;
  agent?: string;
  /** `resume` of this person's last `welcome` in this room: the relay takes up where that session was lost. */
  resume?: string;
}

export interface Publish {
  t: 'publish';
  id: number;
  motion?: MotionConfig;
  voice?: VoiceConfig;
  /** Up to 512 characters. */
  info?: string;
}

export interface Unpublish {
  t: 'unpublish';
  id: number;
}

export interface Watch {
  t: 'watch';
  id: number;
}

export interface Unwatch {
  t: 'unwatch';
  id: number;
}

/** From a viewer, at most one a second; not answered. It moves nobody's media but the sender's own, within bounds. */
export interface Report {
  t: 'report';
  /**
   * What the playout adds to the lag of late units (p99, capture to arrival) before they show, ms: its own reserve and
   * its wait for the display. Neither the network's jitter nor the relay's holding are in it: the relay counts them.
   */
  marginMs: number;
  /** Capture to presentation over the last second, ms; for statistics. */
  lagP99Ms?: number;
  /** Units that never came or came too late, since the watching began; for statistics. */
  lost?: number;
  /** This viewer asks for what it lacks (datagrams of type 0x05): it may be repaired that way. */
  asks?: boolean;
  /** Times since the watching began that a face stood still for want of frames (150 ms without one); for statistics. */
  stalls?: number;
  /** From the wish to watch to the first frame of a liver who was there, ms; in one report of a watching, for statistics. */
  joinMs?: number;
  /** What the browser calls the network (`wifi`, `cellular`), and the browser's family; in the first report of a session. */
  network?: string;
  browser?: string;
}

/** How this session gets the media, and why: answered with `route`. */
export interface RouteRequest {
  t: 'route';
  id: number;
}

/** A viewer's comment. */
export interface CommentRequest {
  t: 'comment';
  id: number;
  /** 1 to 500 characters (code points). */
  text: string;
}

/** Opens the gifts stream. */
export interface Gifts {
  t: 'gifts';
  /** Last sequence that the client has seen: the records after it come first. Absent: from now on. */
  after?: number;
}

/** Submits a ticket. Answered with `gifted` once it is durable, or with `error`. */
export interface GiftRequest {
  t: 'gift';
  id: number;
  /** JWT, docs/protocol.md section 5. */
  ticket: string;
}

export interface Welcome {
  t: 'welcome';
  v: number;
  session: string;
  room: string;
  alias: number;
  sub: string;
  name?: string;
  roles: string[];
  /** What this session may do. */
  permissions: Permission[];
  /** End of the token, ms since 1970: then the session closes, unless it was refreshed. */
  expiresAt: number;
  /** For the next `hello` after an abrupt end; good for this relay, room and `sub`. */
  resume?: string;
  /** The `resume` of `hello` was taken. */
  resumed?: boolean;
  budgetMs: number;
  /**
   * Sessions whose welcome says the same count alike, whatever their relay: slots, generations, sequences, comments.
   * Absent: this one counts by itself.
   */
  numbering?: string;
  livers: Liver[];
}

export interface Publishing {
  t: 'publishing';
  id: number;
  slot: number;
  gen: number;
}

export interface Done {
  t: 'done';
  id: number;
  /** Of a comment: its number. */
  n?: number;
}

export interface LiverCame extends Liver {
  t: 'liver';
}

export interface Left {
  t: 'left';
  slot: number;
  gen: number;
}

/** How units are repeated in later datagrams: not at all, each once, or all motion units since and with the last key. */
export type RepairKind = 'none' | 'repeat' | 'since_key';

/**
 * To a publisher each second. Counts since the publishing began, `refused` since the last one. The optional fields say
 * what the relay asks of the publisher; absent: as it likes.
 */
export interface Uplink {
  t: 'uplink';
  received: number;
  lost: number;
  duplicate: number;
  lagMs: { p50: number; p99: number };
  uncertaintyMs: number;
  refused: Record<string, number>;
  /** Motion may wait so long for the next voice packet, 0 to 60 ms; 0: send at once. */
  holdMs?: number;
  /** What this uplink's loss asks for. */
  repair?: RepairKind;
  /** A repeat leaves in the first datagram at least so long after its original's, 0 to 500 ms. */
  spacingMs?: number;
  /** Voice is asked at this many bit/s; absent: as the publisher likes. */
  voiceBitrate?: number;
}

/** How the media of one liver gets to the relay, over the last second. */
export interface RouteSlot {
  slot: number;
  /** Capture to the relay, one way, of all units; absent: none came. */
  lagMs?: { p50: number; p99: number };
  /** Of the relay's notion of the publisher's clock, hops between included. */
  uncertaintyMs: number;
  /** Share of its datagrams that get lost on the way here, repaired or not. */
  loss: number;
  /** The relay that it comes from over a trunk; absent: the publisher is here. */
  from?: { relay: string; region?: string; rttMs: number };
}

/** How one viewer is sent to. */
export interface RouteDelivery {
  /** Voice packets that share a datagram, 1 to 4. */
  voice: number;
  /** The longest wait of the first of them. */
  holdMs: number;
  repair: RepairKind | 'request';
  spacingMs: number;
  layer: 'all' | 'keys' | 'voice';
  /** What decided: a word for people. */
  why: string;
  /** Of the budget; absent: the path is not known. */
  spareMs?: number;
  /** Share of the packets to this viewer that get lost, by its acknowledgements. */
  loss: number;
  /** Step of the congestion ladder, 0 to 8. */
  level: number;
}

/** Answer to `route`. */
export interface Route {
  t: 'route';
  id: number;
  /** The relay's name and region in a cluster. */
  relay?: string;
  region?: string;
  slots: RouteSlot[];
  /** Absent: this session does not watch, or nothing was decided yet. */
  delivery?: RouteDelivery;
}

/** An answer to the request `id`, or a warning when there is none. */
export interface ErrorMessage {
  t: 'error';
  id?: number;
  code: string;
  message: string;
  retryable: boolean;
}

export interface Draining {
  t: 'draining';
  deadlineMs: number;
}

/** A comment of the room. */
export interface CommentPosted {
  t: 'comment';
  /** The room's count. */
  n: number;
  /** Of one that some were shown as `early`. */
  key?: number;
  sub: string;
  name?: string;
  text: string;
  /** ms since 1970. */
  at: number;
}

/** Answer to `gifts`: the records after this sequence follow, each once and in order. */
export interface GiftsOpen {
  t: 'gifts';
  after: number;
}

/**
 * Answer to `gift`: it is durable. A repeat of its `jti` gets the same but for `repeat`, and for what was not known yet.
 */
export interface Gifted {
  t: 'gifted';
  id: number;
  /** Place in the room. Absent in a cluster: not known yet, the room's stream tells it. */
  n?: number;
  /** Place in the ledger of its region. Absent in a cluster: on the disks of two relays, and not there yet. */
  gift?: number;
  /** ms since 1970. */
  at: number;
  repeat: boolean;
}

/** A record of the room: a gift, or what takes one back. */
export interface GiftPosted {
  t: 'gift';
  /** Place in the room: from 1, without gaps. Absent in a cluster: durable, its place follows by `placed` or by itself. */
  n?: number;
  kind: 'gift' | 'void' | 'refund';
  /** `jti` of the gift; key of a void or refund. */
  jti: string;
  /** Of a void or refund: the `jti` of the gift. */
  of?: string;
  sub: string;
  name?: string;
  liver: string;
  item: string;
  /** In the currency's minor unit, from 1; a void or refund takes so much back. */
  amount: number;
  currency: string;
  /** ms since 1970. */
  at: number;
}

/** The place of a record that came on this stream without one. */
export interface GiftPlaced {
  t: 'placed';
  n: number;
  kind: 'gift' | 'void' | 'refund';
  /** As in the record. */
  jti: string;
}

export type ClientMessage =
  | Hello
  | Publish
  | Unpublish
  | Watch
  | Unwatch
  | Report
  | RouteRequest
  | Refresh
  | Presence
  | Speak
  | Moderate
  | Comments
  | CommentRequest
  | React
  | Gifts
  | GiftRequest;
export type RelayMessage =
  | Welcome
  | Publishing
  | Done
  | LiverCame
  | Left
  | Uplink
  | Route
  | ErrorMessage
  | Draining
  | Access
  | RoomState
  | Members
  | PresenceChanged
  | SpeakChanged
  | CommentsOpen
  | CommentPosted
  | CommentEarly
  | CommentsDeleted
  | CommentsMissed
  | Reactions
  | GiftsOpen
  | Gifted
  | GiftPosted
  | GiftPlaced;

/** Messages by who sends them. */
export interface MessagesFrom {
  client: ClientMessage;
  relay: RelayMessage;
  /** From relay to relay. */
  trunk: TrunkMessage;
}
