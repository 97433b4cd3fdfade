import type { HayateError } from '@hayate/codec/errors';
import type { MotionConfig } from '@hayate/codec/motion';
import type { Connector, SessionStats } from '@hayate/transport';
import type { GiftOptions, GiftOutcome, GiftReceipt, PlacedGift, RoomGift, RoomGiftOptions } from '../gifts/types.ts';
import type {
  CommentReceipt,
  CommentsDeleted,
  MissedComments,
  Permission,
  PlacedComment,
  PresenceChange,
  ReactionCounts,
  RoomAccess,
  RoomComment,
  RoomModeration,
  RoomPresence,
  RoomRules,
  SpeakChange,
  SpeakRequest,
} from '../people/types.ts';
import type { UplinkReport } from '../publish/types.ts';
import type { RelayMove, RoomRelay } from './relay-types.ts';

/** How a room is reached and kept. All of it has a default. */
export interface ConnectionOptions {
  /** Default: QUIC, and WebSocket where QUIC does not open or does not do; see README, "Every network". */
  connector?: Connector;
  /** QUIC is dialled alone for so long, ms. Default 300; 0: both at once. For the default connector. */
  headStartMs?: number;
  /** Closes the room when it aborts, with `closed`. */
  signal?: AbortSignal;
  /** First wait before a retry; doubles up to `maxRetryMs`, full jitter. Default 150 / 10 000. */
  retryMs?: number;
  /** The longest of these waits, ms. */
  maxRetryMs?: number;
  /**
   * Give up (with the last error) after so long without a session. Default: never after the first success, 15 s
   * before.
   */
  giveUpMs?: number;
  /** Silence after which the relay counts as dead. Default 600; own stalls are not counted. */
  deadAfterMs?: number;
  /** Where tickets without an answer are kept, and from which gift on the room is told. */
  gifts?: RoomGiftOptions;
}

/** `connecting` until the first session; `reconnecting` while a lost one is replaced; `closed` is final. */
export type ConnectionState = 'connecting' | 'open' | 'reconnecting' | 'closed';

/** The voice of a liver: Opus at 48 kHz. */
export interface VoiceSettings {
  /** Of the Opus stream. */
  channels: 1 | 2;
  /** Milliseconds of one Opus packet. */
  frameMs: number;
}

/** Who publishes in a slot. */
export interface Liver {
  /** 0 to 7: the place in the room. What was published carries it. */
  slot: number;
  /** Grows whenever somebody takes the slot: units of an older one belong to someone else. */
  generation: number;
  /** The token's `sub`. */
  subject: string;
  /** For people to read; the token's `name`. */
  name?: string;
  /** Codec, frame rate and channels of the face. Absent: no face. */
  motion?: MotionConfig;
  /** Absent: no voice. */
  voice?: VoiceSettings;
  /** What the liver's application says to viewers' (`PublishOptions.info`). Theirs, not the relay's: trust it as little as a comment. */
  info?: string;
}

/** What the relay's `welcome` says. */
export interface Welcome {
  /** The relay's name of the session: for logs. */
  session: string;
  /** The token's `room`. */
  room: string;
  /** The room's number in datagrams of this session. */
  alias: number;
  /** The token's `sub`: who this is. */
  subject: string;
  /** The token's `name`. */
  name?: string;
  /** The token's `roles`, as far as the relay knows them. */
  roles: string[];
  /** What this session may do; `room.permissions` is kept up to date. */
  permissions: ReadonlySet<Permission>;
  /** End of the token, milliseconds since 1970, the relay's clock. */
  expiresAtMs: number;
  /** This session took up where the last one was lost: slot, grants and presence are kept. */
  resumed: boolean;
  /** Lag budget of the room. */
  budgetMs: number;
  /** Sessions of the same numbering count alike, whatever their relay. Undefined: this one counts by itself. */
  numbering?: string;
}

/** The state of a room, and why. */
export interface StateChange {
  /** As `room.state`. */
  state: ConnectionState;
  /** Why, for `reconnecting` and `closed`. */
  error?: HayateError;
}

/** One liver's time in a slot. */
export interface SlotGeneration {
  /** As in `Liver`. */
  slot: number;
  /** As in `Liver`. */
  generation: number;
}

/** The relay said that it goes. */
export interface RelayDraining {
  /** Time left, ms. */
  deadlineMs: number;
}

/** What `room.on(type, listener)` tells, by type. */
export interface RoomEvents {
  /** `error` says why, for `reconnecting` and `closed`. */
  state: StateChange;
  /** Somebody took a slot, or is in one when this room opens. */
  liver: Liver;
  /** The slot is empty again. */
  left: SlotGeneration;
  /** What this session may do: with each `welcome`, and when it changes. */
  access: RoomAccess;
  /** The last 50 first, then each once, over all sessions; one that `deleted` took back may come again. */
  comment: RoomComment;
  /** In a cluster: a comment that was shown at once has its number now. */
  comment_placed: PlacedComment;
  /** So many comments were left out here. */
  missed: MissedComments;
  /** Comments that are to be shown no more. */
  deleted: CommentsDeleted;
  /** Of the whole room since the last one, by kind. */
  reactions: ReactionCounts;
  /** The relay is asked for it as long as somebody listens, as for `rules`. */
  presence: PresenceChange;
  /** Slow mode and host, when they change. The relay is asked for it as long as somebody listens. */
  rules: RoomRules;
  /** What became of a request to speak: one's own, and for moderators everybody's. */
  speak: SpeakChange;
  /** Once each, over all sessions, voids and refunds too. */
  gift: RoomGift;
  /** In a cluster: a gift that was shown at once has its number now. Once each, in the order of numbers. */
  gift_placed: PlacedGift;
  /** A ticket of this page, or one that an earlier page had kept, got its answer. */
  gift_settled: GiftOutcome;
  /** Once a second while this room publishes. */
  uplink: UplinkReport;
  /** Something was refused; the session goes on. `error.code` is a row of the code table. */
  warning: HayateError;
  /** The relay goes in so many ms; the SDK moves to another one by itself, or reconnects. */
  draining: RelayDraining;
  /** With each session: where it is. */
  relay: RoomRelay;
  /** After `relay`, where that is another one than before. */
  moved: RelayMove;
}

/** One event of `room.events()`: its `type`, and the `value` that a listener of this type gets. */
export type RoomEvent = {
  [K in keyof RoomEvents]: {
    /** The name of the event. */
    type: K;
    /** What `on` would tell. */
    value: RoomEvents[K];
  };
}[keyof RoomEvents];

/** One place in one room, over as many sessions as it takes. */
export interface Room {
  /** As the event `state` told last. */
  readonly state: ConnectionState;
  /** Resolves at the first `welcome`; rejects when the room closes before. */
  readonly ready: Promise<Welcome>;
  /**
   * Resolves with the reason once the room is `closed` for good (`closed` when `close()` was called); never rejects.
   */
  readonly closed: Promise<HayateError>;
  /** Of the present session; undefined while there is none. */
  readonly welcome: Welcome | undefined;
  /** Where the present session is; undefined while there is none. */
  readonly relay: RoomRelay | undefined;
  /** By slot. Emptied when the session is lost. */
  readonly livers: ReadonlyMap<number, Liver>;
  /** `reliable-only`: media travels over TCP (WebSocket), and lag suffers under loss. Undefined without a session. */
  readonly reliability: 'supports-unreliable' | 'reliable-only' | undefined;
  /** `quic` or `websocket`, by the default connector. Undefined without a session, and with another connector. */
  readonly way: string | undefined;
  /** A listener that throws is reported as an uncaught error, never to the room. Returns the way to remove it. */
  on<K extends keyof RoomEvents>(type: K, listener: (value: RoomEvents[K]) => void): () => void;
  /** Everything from now on; ends with the room. At most 256 wait, oldest dropped. */
  events(): AsyncIterableIterator<RoomEvent>;
  /** What the present session may do; empty while there is none. */
  readonly permissions: ReadonlySet<Permission>;
  /** As the event `comment`; ends with the room. At most 256 wait, oldest dropped: the numbers show it. */
  readonly comments: AsyncIterable<RoomComment>;
  /**
   * Resolves with the comment's number when the relay took it. Rejects with its code (`rate_limited`, `slow_mode`,
   * `muted`, ...), `connection_lost` or `timeout`.
   */
  comment(text: string): Promise<CommentReceipt>;
  /**
   * Sends a reaction: `kind` is 1 to 16 of a-z, 0-9, _ and -. False: there is no session now, and it is gone. A
   * refusal is a `warning`. Throws `invalid_argument`.
   */
  react(kind: string): boolean;
  /** Undefined while nobody listens to `presence` or `rules`, and before the relay told. */
  readonly presence: RoomPresence | undefined;
  /** Slow mode and host. Undefined as `presence` is. */
  readonly rules: RoomRules | undefined;
  /** Asks for a slot. While a request is under way or granted, this gives the same one. */
  requestToSpeak(): SpeakRequest;
  /** What a moderator may do. */
  readonly moderate: RoomModeration;
  /** As the event `gift`; ends with the room. 4096 may wait, then the iterator throws `overloaded` behind them. */
  readonly gifts: AsyncIterable<RoomGift>;
  /**
   * The last number that came: the next page goes on from there (`gifts.after`). Undefined before the relay named one.
   */
  readonly giftsSeen: number | undefined;
  /**
   * Submits a ticket of the app's backend. Resolves when the gift is durable. It is sent again on each session until the
   * relay took it or refused it for good. Rejects with a code that is not retryable (it was not taken), `closed` or
   * `timeout` (given up: not known; the same ticket may be given again), or with what ended the room (not known either).
   */
  gift(ticket: string, options?: GiftOptions): Promise<GiftReceipt>;
  /**
   * The network may be back, or another one (`online`, `pageshow`): retries now instead of waiting out the back-off, and a
   * session of which nothing comes within 300 ms is given up for a new one, in place of `deadAfterMs`.
   */
  hintReconnect(): void;
  /** Of the present session; undefined while there is none. */
  getStats(): Promise<SessionStats | undefined>;
  /** Microseconds of the monotonic clock that capture times are in. */
  nowUs(): number;
  /** Idempotent. Every pending promise settles, every iterator ends. */
  close(): void;
}
