import type { HayateError } from '@hayate/codec/errors';
import type { RepairKind } from '@hayate/codec/messages';
import type { FaceConfigOptions, MotionConfig, MotionFrame } from '@hayate/codec/motion';
import type { Connector, SessionStats } from '@hayate/transport';
import type { GiftOptions, GiftOutcome, GiftReceipt, PlacedGift, RoomGift, RoomGiftOptions } from '../gifts/types.ts';
import type {
  CommentsDeleted,
  Permission,
  PlacedComment,
  PresenceChange,
  RoomAccess,
  RoomComment,
  RoomModeration,
  RoomPresence,
  RoomRules,
  SpeakChange,
  SpeakRequest,
} from '../people/types.ts';
import type { RelayMove, RoomRelay } from '../room/relay-types.ts';
import type { PlayoutClock } from '../watch/playout.ts';
import type { PlayoutStats, ScheduleOptions } from '../watch/schedule.ts';

export type * from '../gifts/types.ts';
export type * from '../people/types.ts';
export type * from '../room/relay-types.ts';

export interface ConnectionOptions {
  /** Default: QUIC, and WebSocket where QUIC does not open or does not do; see README, "Every network". */
  connector?: Connector;
  /** QUIC is dialled alone for so long, ms. Default 300; 0: both at once. For the default connector. */
  headStartMs?: number;
  signal?: AbortSignal;
  /** First wait before a retry; doubles up to `maxRetryMs`, full jitter. Default 250 / 10 000. */
  retryMs?: number;
  maxRetryMs?: number;
  /** Give up (with the last error) after so long without a session. Default: never after the first success, 15 s before. */
  giveUpMs?: number;
  /** Silence after which the relay counts as dead. Default 600; own stalls are not counted. */
  deadAfterMs?: number;
  gifts?: RoomGiftOptions;
}

export type ConnectionState = 'connecting' | 'open' | 'reconnecting' | 'closed';

export interface VoiceSettings {
  channels: 1 | 2;
  /** Milliseconds of one Opus packet. */
  frameMs: number;
}

export interface Liver {
  slot: number;
  generation: number;
  /** The token's `sub`. */
  subject: string;
  name?: string;
  motion?: MotionConfig;
  voice?: VoiceSettings;
}

/** What the relay says once a second about what a publisher sends. */
export interface UplinkReport {
  received: number;
  lost: number;
  duplicate: number;
  /** One way, publisher to relay. */
  lagMs: { p50: number; p99: number };
  uncertaintyMs: number;
  /** Since the last report, by reason. */
  refused: Record<string, number>;
  /** What the relay asks for; the publisher obeys as far as its options allow. Absent: as the publisher likes. */
  holdMs?: number;
  repair?: RepairKind;
  spacingMs?: number;
  /** bit/s: for the application, which owns the encoder (event `voice_bitrate`). */
  voiceBitrate?: number;
}

/** What the relay's `welcome` says. */
export interface Welcome {
  session: string;
  room: string;
  alias: number;
  subject: string;
  name?: string;
  roles: string[];
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

export interface RoomEvents {
  /** `error` says why, for `reconnecting` and `closed`. */
  state: { state: ConnectionState; error?: HayateError };
  liver: Liver;
  left: { slot: number; generation: number };
  /** What this session may do: with each `welcome`, and when it changes. */
  access: RoomAccess;
  /** The last 50 first, then each once, over all sessions; one that `deleted` took back may come again. */
  comment: RoomComment;
  /** In a cluster: a comment that was shown at once has its number now. */
  comment_placed: PlacedComment;
  /** So many comments were left out here. */
  missed: { count: number };
  deleted: CommentsDeleted;
  /** Of the whole room since the last one, by kind. */
  reactions: { counts: Record<string, number> };
  /** The relay is asked for it as long as somebody listens, as for `rules`. */
  presence: PresenceChange;
  rules: RoomRules;
  speak: SpeakChange;
  /** Once each, over all sessions, voids and refunds too. */
  gift: RoomGift;
  /** In a cluster: a gift that was shown at once has its number now. Once each, in the order of numbers. */
  gift_placed: PlacedGift;
  gift_settled: GiftOutcome;
  uplink: UplinkReport;
  /** Something was refused; the session goes on. `error.code` is a row of the code table. */
  warning: HayateError;
  draining: { deadlineMs: number };
  /** With each session: where it is. */
  relay: RoomRelay;
  /** After `relay`, where that is another one than before. */
  moved: RelayMove;
}

export type RoomEvent = { [K in keyof RoomEvents]: { type: K; value: RoomEvents[K] } }[keyof RoomEvents];

/** One place in one room, over as many sessions as it takes. */
export interface Room {
  readonly state: ConnectionState;
  /** Resolves at the first `welcome`; rejects when the room closes before. */
  readonly ready: Promise<Welcome>;
  /** Resolves with the reason once the room is `closed` for good (`closed` when `close()` was called); never rejects. */
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
  comment(text: string): Promise<{ number: number }>;
  /**
   * Sends a reaction: `kind` is 1 to 16 of a-z, 0-9, _ and -. False: there is no stream for it now, and it is gone. A
   * refusal is a `warning`. Throws `invalid_argument`.
   */
  react(kind: string): boolean;
  /** Undefined while nobody listens to `presence` or `rules`, and before the relay told. */
  readonly presence: RoomPresence | undefined;
  readonly rules: RoomRules | undefined;
  /** Asks for a slot. While a request is under way or granted, this gives the same one. */
  requestToSpeak(): SpeakRequest;
  readonly moderate: RoomModeration;
  /** As the event `gift`; ends with the room. 4096 may wait, then the iterator throws `overloaded` behind them. */
  readonly gifts: AsyncIterable<RoomGift>;
  /** The last number that came: the next page goes on from there (`gifts.after`). Undefined before the relay named one. */
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

/** One frame as a viewer sees it. Times in ms. */
export interface WatchedFrame {
  slot: number;
  generation: number;
  sequence: number;
  frame: MotionFrame;
  /** In this viewer's clock (`room.nowUs() / 1000`). */
  captureMs: number;
  receivedMs: number;
  /** When it could be decoded: later than received when its predecessor came after it. */
  decodedMs: number;
  /** received - capture, one way. */
  lagMs: number;
  /** The true lag is within lag +- uncertainty (path asymmetry included). */
  uncertaintyMs: number;
  /** Captured before this viewer had joined: its lag is its age, and says nothing about the network. */
  backlog: boolean;
}

export interface WatchedVoice {
  slot: number;
  generation: number;
  sequence: number;
  captureMs: number;
  receivedMs: number;
  lagMs: number;
  uncertaintyMs: number;
  backlog: boolean;
  /** When its first sample should sound, in this viewer's clock; undefined: too late, drop it. */
  playMs: number | undefined;
  /** One Opus packet. */
  packet: Uint8Array;
}

export interface UnitCounts {
  received: number;
  /** Missing between the oldest and the newest so far (RFC 3550); one that comes late after all is taken off again. */
  lost: number;
  duplicate: number;
  /** Came after a newer one. */
  late: number;
  /** Motion whose predecessor never came: not shown. */
  undecodable: number;
  /** One way, of all units so far but the backlog. */
  lagMs: { p50: number; p95: number; p99: number };
  /** Of the newest unit. */
  uncertaintyMs: number;
  /** Smoothed difference between the lags of successive units (RFC 3550, section 6.4.1). */
  jitterMs: number;
}

export interface WatchOptions extends ConnectionOptions {
  /** The room's budget is its own, and the frame rate the liver's. */
  playout?: Omit<ScheduleOptions, 'budgetMs'>;
}

export interface WatchStats {
  /** By slot, of its present generation; a new generation starts from zero, a new session unless it counts as the one before. */
  slots: Map<number, { motion: UnitCounts; voice: UnitCounts; playout: PlayoutStats }>;
  /** Units not delivered, by reason: `unsynced`, `old_generation`, `clock_unsynced`, `datagram_malformed`, `iterator_full`, ... */
  dropped: Record<string, number>;
  /** Round trip of the best clock probe; undefined before the first. */
  rttMs: number | undefined;
}

/** The units of a room's livers. */
export interface Watcher {
  readonly room: Room;
  /** Resolves when the relay said that media flows; rejects when the room closes before or the token does not allow it. */
  readonly ready: Promise<void>;
  /** Each call gets a queue of its own (64 units, oldest dropped and counted); ends with the watcher. */
  frames(): AsyncIterableIterator<WatchedFrame>;
  voice(): AsyncIterableIterator<WatchedVoice>;
  /** Called as units arrive, no promise between. `frame.values` is valid only during the call. */
  onFrame(handler: (frame: WatchedFrame) => void): () => void;
  /** `packet` is valid only during the call. */
  onVoice(handler: (voice: WatchedVoice) => void): () => void;
  /**
   * When to show a slot's units and what its face looks like at any instant. Fed by the watcher; another one for each
   * generation. Undefined for a slot of which nothing was heard in this session.
   */
  playout(slot: number): PlayoutClock | undefined;
  stats(): WatchStats;
  /** Stops the media; closes the room too when `watch()` made it. */
  close(): void;
}

export interface PublishOptions extends ConnectionOptions {
  /** Default `{fps: 60, profile: 'std'}`, no extras, merged. */
  motion?: Partial<FaceConfigOptions>;
  voice?: VoiceSettings;
  /**
   * What the voice encoder looks ahead, ms: a packet sounds so much older than the samples it was made of. Default 6.5,
   * which is Opus but for its low-delay mode (2.5).
   */
  voiceLookaheadMs?: number;
  /**
   * Motion may wait so long (0 to 100 ms) for the next voice packet, to share its datagram. The relay asks for less where
   * a viewer has no time to spare. Default `auto`: as the relay asks, at once while it does not.
   */
  holdMs?: number | 'auto';
}

/** One unit as it was put into a datagram. */
export interface SentUnit {
  slot: number;
  generation: number;
  kind: 'motion' | 'voice';
  /** Extended. */
  sequence: number;
  captureUs: number;
  key: boolean;
  bytes: number;
}

export interface PublisherEvents {
  /** The relay takes media from now on: at first, and after each reconnect. */
  live: { slot: number; generation: number };
  /** Media does not flow until the next `live`. */
  interrupted: HayateError;
  uplink: UplinkReport;
  warning: HayateError;
  sent: SentUnit;
  /** bit/s that viewers' paths can carry: encode voice at this rate. Undefined: as the application likes again. */
  voice_bitrate: number | undefined;
}

export interface PublishStats {
  motionUnits: number;
  voiceUnits: number;
  keyUnits: number;
  datagrams: number;
  bytes: number;
  /** Sent again because the relay asked for it, and what they added to `bytes`. */
  repeatedUnits: number;
  repeatedBytes: number;
  /** Units not sent, by reason: `not_live`, `too_large`, `queue_full`, `stale_repeat`. */
  dropped: Record<string, number>;
  /** The relay's last word. */
  uplink: UplinkReport | undefined;
}

export interface Publisher {
  readonly room: Room;
  /** Resolves at the first `live`; rejects when the room closes before or the relay refuses. */
  readonly ready: Promise<void>;
  readonly live: boolean;
  /** Of the present session; undefined while not live. */
  readonly slot: number | undefined;
  readonly generation: number | undefined;
  /** `captureUs`: `room.nowUs()` at the instant the frame shows. Returns false when it was dropped (counted). */
  motion(frame: MotionFrame, captureUs: number): boolean;
  /**
   * `captureUs`: the instant of the first sample that went into the encoder for this packet. What the encoder looked ahead
   * is taken off, so that lag and lips are those of what is heard. The bytes are copied or sent at once.
   */
  voice(packet: Uint8Array, captureUs: number): boolean;
  on<K extends keyof PublisherEvents>(type: K, listener: (value: PublisherEvents[K]) => void): () => void;
  stats(): PublishStats;
  /** Gives the slot back (waits at most 1 s for the relay's word); closes the room too when `publish()` made it. */
  close(): Promise<void>;
}
