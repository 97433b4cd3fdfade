import type { HayateError } from '@hayate/codec/errors';
import type { RepairKind } from '@hayate/codec/messages';
import type { FaceConfigOptions, MotionFrame } from '@hayate/codec/motion';
import type { ConnectionOptions, Room, SlotGeneration, VoiceSettings } from '../room/types.ts';
import type { Percentiles } from '../watch/schedule.ts';

/** What the relay says once a second about what a publisher sends. */
export interface UplinkReport {
  /** Units that came, since the publishing began. */
  received: number;
  /** Units that never came. */
  lost: number;
  /** Units that came again: repeats that were not needed. */
  duplicate: number;
  /** One way, publisher to relay. */
  lagMs: Pick<Percentiles, 'p50' | 'p99'>;
  /** The true lag is within lag +- uncertainty. */
  uncertaintyMs: number;
  /** Since the last report, by reason. */
  refused: Record<string, number>;
  /** What the relay asks for; the publisher obeys as far as its options allow. Absent: as the publisher likes. */
  holdMs?: number;
  /** How lost units are made good: not, by a repeat, or by all since the last key. */
  repair?: RepairKind;
  /** A repeat leaves so long after its original, ms. */
  spacingMs?: number;
  /** bit/s: for the application, which owns the encoder (event `voice_bitrate`). */
  voiceBitrate?: number;
}

/** What is published; with a target instead of a room, how to reach it too. */
export interface PublishOptions extends ConnectionOptions {
  /** Default `{fps: 60, profile: 'std'}`, no extras, merged. */
  motion?: Partial<FaceConfigOptions>;
  /** Absent: no voice, and `voice()` throws `invalid_argument`. */
  voice?: VoiceSettings;
  /** `Liver.info` of this liver: which avatar, which scene, as the application likes. Up to 512 characters. */
  info?: string;
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
  /** Of the publisher. */
  slot: number;
  /** As in `Liver`. */
  generation: number;
  /** A frame or a packet. */
  kind: 'motion' | 'voice';
  /** Extended. */
  sequence: number;
  /** As it was given to `motion()` or `voice()`, less the encoder's look-ahead. */
  captureUs: number;
  /** It can be decoded without the units before it. */
  key: boolean;
  /** Of its payload. */
  bytes: number;
}

/** What `publisher.on(type, listener)` tells, by type. */
export interface PublisherEvents {
  /** The relay takes media from now on: at first, and after each reconnect. */
  live: SlotGeneration;
  /** Media does not flow until the next `live`. */
  interrupted: HayateError;
  /** The relay's word of what it got, once a second. */
  uplink: UplinkReport;
  /** As the room's `warning`: units were refused, the room is full, ... */
  warning: HayateError;
  /** Each unit that was put into a datagram, repeats left out. */
  sent: SentUnit;
  /** bit/s that viewers' paths can carry: encode voice at this rate. Undefined: as the application likes again. */
  voice_bitrate: number | undefined;
}

/** What a publisher counted so far. */
export interface PublishStats {
  /** Frames given to the network, each once. */
  motionUnits: number;
  /** Voice packets given to the network, each once. */
  voiceUnits: number;
  /** Of the frames, those that stand alone. */
  keyUnits: number;
  /** Sent. */
  datagrams: number;
  /** Of all datagrams. */
  bytes: number;
  /** Sent again because the relay asked for it, and what they added to `bytes`. */
  repeatedUnits: number;
  /** Of `bytes`, what repeats added. */
  repeatedBytes: number;
  /** Units not sent, by reason: `not_live`, `too_large`, `queue_full`, `stale_repeat`. */
  dropped: Record<string, number>;
  /** The relay's last word. */
  uplink: UplinkReport | undefined;
}

/** A liver's face and voice on their way into a room. */
export interface Publisher {
  /** The room that is published into. */
  readonly room: Room;
  /** Resolves at the first `live`; rejects when the room closes before or the relay refuses. */
  readonly ready: Promise<void>;
  /** The relay takes media now. */
  readonly live: boolean;
  /** Of the present session; undefined while not live. */
  readonly slot: number | undefined;
  /** As in `Liver`; undefined while not live. */
  readonly generation: number | undefined;
  /**
   * `captureUs`: `room.nowUs()` at the instant the frame shows. Returns false when it was dropped (counted). Throws
   * `invalid_argument` for a face with another count of values than was announced: 61, and one for each of the extras.
   */
  motion(frame: MotionFrame, captureUs: number): boolean;
  /**
   * `captureUs`: the instant of the first sample that went into the encoder for this packet. What the encoder looked ahead
   * is taken off, so that lag and lips are those of what is heard. The bytes are copied or sent at once. Throws
   * `invalid_argument` where the options announced no voice.
   */
  voice(packet: Uint8Array, captureUs: number): boolean;
  /**
   * Another `Liver.info` from now on, also after reconnects; undefined: none. Who watches hears of it as the room's event
   * `liver`. Throws `invalid_argument` over 512 characters. Of calls in quick succession only the last is sure to be told.
   */
  setInfo(info: string | undefined): void;
  /** Returns the way to remove the listener. */
  on<K extends keyof PublisherEvents>(type: K, listener: (value: PublisherEvents[K]) => void): () => void;
  /** Counts of now; a new object each call. */
  stats(): PublishStats;
  /** Gives the slot back (waits at most 1 s for the relay's word); closes the room too when `publish()` made it. */
  close(): Promise<void>;
}
