import type { RouteDelivery, RouteSlot } from '@hayate/codec/messages';
import type { MotionFrame } from '@hayate/codec/motion';
import type { ConnectionOptions, Room } from '../room/types.ts';
import type { PlayoutClock } from './playout.ts';
import type { Percentiles, PlayoutStats, ScheduleOptions } from './schedule.ts';

/** One frame as a viewer sees it. Times in ms. */
export interface WatchedFrame {
  /** Whose face: a key of `room.livers`. */
  slot: number;
  /** As in `Liver`. */
  generation: number;
  /** Grows by one a frame: a gap is a frame that did not come. Extended: it does not wrap. */
  sequence: number;
  /** 61 channels in the order of `ARKIT_CHANNELS` and the extras that the liver named. */
  frame: MotionFrame;
  /** In this viewer's clock (`room.nowUs() / 1000`). */
  captureMs: number;
  /** In the same clock. */
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

/** One voice packet as a viewer gets it. Times in ms. */
export interface WatchedVoice {
  /** Whose voice: a key of `room.livers`. */
  slot: number;
  /** As in `Liver`. */
  generation: number;
  /** Grows by one a packet: a gap is a packet that did not come. Extended: it does not wrap. */
  sequence: number;
  /** When the sound at the packet's begin was made, in this viewer's clock (`room.nowUs() / 1000`). */
  captureMs: number;
  /** In the same clock. */
  receivedMs: number;
  /** received - capture, one way. */
  lagMs: number;
  /** The true lag is within lag +- uncertainty (path asymmetry included). */
  uncertaintyMs: number;
  /** As in `WatchedFrame`. */
  backlog: boolean;
  /** When its first sample should sound, in this viewer's clock; undefined: too late, drop it. */
  playMs: number | undefined;
  /** One Opus packet. */
  packet: Uint8Array;
}

/** Units of one kind and slot, counted since its generation began. */
export interface UnitCounts {
  /** Each once. */
  received: number;
  /** Missing between the oldest and the newest so far (RFC 3550); one that comes late after all is taken off again. */
  lost: number;
  /** Came again. */
  duplicate: number;
  /** Came after a newer one. */
  late: number;
  /** Motion whose predecessor never came: not shown. */
  undecodable: number;
  /** One way, of all units so far but the backlog. */
  lagMs: Percentiles;
  /** Of the newest unit. */
  uncertaintyMs: number;
  /** Smoothed difference between the lags of successive units (RFC 3550, section 6.4.1). */
  jitterMs: number;
}

/** How to watch; with a target instead of a room, how to reach it too. */
export interface WatchOptions extends ConnectionOptions {
  /** The room's budget is its own, and the frame rate the liver's. */
  playout?: Omit<ScheduleOptions, 'budgetMs'>;
}

/** What came of one slot. */
export interface SlotStats {
  /** Frames. */
  motion: UnitCounts;
  /** Packets. */
  voice: UnitCounts;
  /** What was made of them: delays, and what was there in time. */
  playout: PlayoutStats;
}

/** What a watcher counted so far. */
export interface WatchStats {
  /**
   * By slot, of its present generation; a new generation starts from zero, a new session unless it counts as the one
   * before.
   */
  slots: Map<number, SlotStats>;
  /**
   * Units not delivered, by reason: `unsynced`, `old_generation`, `clock_unsynced`, `datagram_malformed`,
   * `iterator_full`, ...
   */
  dropped: Record<string, number>;
  /** Round trip of the best clock probe; undefined before the first. */
  rttMs: number | undefined;
  /** Of this viewer's notion of the relay's clock: its part of each unit's uncertainty. Infinity before the first probe. */
  clockUncertaintyMs: number;
  /** What shared a datagram. */
  bundles: BundleCounts;
  /** Requests for missing units that were sent. */
  asked: number;
}

/** What shares a datagram: counts of this session. Repairs and what a joiner gets of before are in none but `datagrams`. */
export interface BundleCounts {
  /** Datagrams with media. */
  datagrams: number;
  /** Their bytes, without what QUIC, UDP and IP put around them. */
  bytes: number;
  /** Units that came for the first time, and in order. */
  units: number;
  /** Of these, voice packets. */
  voiceUnits: number;
  /**
   * Sum over `units` of how much older each is than the newest of its kind and slot in the same datagram, ms: so long it
   * waited for those, at the least.
   */
  heldMs: number;
}

/** What the relay says of this viewer's media. */
export interface RouteReport {
  /** Its name, in a cluster. */
  relay?: string;
  /** Its region, in a cluster. */
  region?: string;
  /** How each liver's media gets to the relay. */
  slots: RouteSlot[];
  /** How it is sent on; undefined before the relay decided. */
  delivery?: RouteDelivery;
}

/** The units of a room's livers. */
export interface Watcher {
  /** The room that is watched. */
  readonly room: Room;
  /**
   * Resolves when the relay said that media flows; rejects when the room closes before or the token does not allow it.
   */
  readonly ready: Promise<void>;
  /** Frames as they arrive. Each call gets a queue of its own (64 units, oldest dropped and counted); ends with the watcher. */
  frames(): AsyncIterableIterator<WatchedFrame>;
  /** Voice packets, likewise. */
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
  /** Counts of now; a new object each call. */
  stats(): WatchStats;
  /**
   * Asks the relay how the media gets there and from there to here: one request, of the five a second that a session may
   * make. Rejects with `connection_lost` without a session, `timeout`, or what ended the session.
   */
  route(): Promise<RouteReport>;
  /** Stops the media; closes the room too when `watch()` made it. */
  close(): void;
}
