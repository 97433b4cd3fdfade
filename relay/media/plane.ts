import type { RepairKind } from '@hayate/codec/messages';
import type { Session } from '@hayate/transport';

/**
 * Media forwarding of one relay, docs/protocol.md sections 2 and 3. Two bodies: `native.ts` (engine rooms, no JavaScript
 * a packet) and `script.ts` (the same rules in TypeScript, where the engine cannot be built).
 */
export interface MediaPlane {
  /** `engine` or `script`. */
  readonly kind: 'engine' | 'script';
  /** A session came; until `admit` its datagrams are dropped and counted. */
  accept(session: Session): void;
  /** The session was welcomed: its datagrams are heard, its probes answered. */
  admit(session: Session): void;
  /** The session is over. Rooms and slots that it was in are left by their own calls. */
  forget(session: Session): void;
  openRoom(options: MediaRoomOptions): MediaRoom;
  /** Runs `run` at once; what it asks of sessions and rooms may be carried out together after it. */
  batch(run: () => void): void;
  /** Flat: `datagrams_in`, `datagrams_out`, `dropped_<reason>`, ... whatever the body counts. */
  stats(): Promise<Record<string, number>>;
  /** Of the body's own loop, since the last call; undefined: it has none but the event loop. */
  loopPeaks(): LoopPeaks | undefined;
  close(): void;
}

export interface LoopPeaks {
  /** The longest turn, without waiting, us. */
  turnUs: number;
  /** How late the latest timer was, us. */
  timerUs: number;
}

export interface MediaRoomOptions {
  alias: number;
  maxAgeMs: number;
  maxAheadMs: number;
  maxMembers: number;
  /** New units of one publisher that are passed on, half of them at once; 0: any number. */
  unitsPerSecond: number;
}

export interface SlotStats {
  received: number;
  lost: number;
  duplicate: number;
  /** Of `received` and `duplicate`, the voice units; undefined: not counted apart. */
  voice?: { received: number; duplicate: number };
  lagP50Ms: number;
  lagP99Ms: number;
  uncertaintyMs: number;
  /** Units or bundles refused since the last call, by reason (`capture_time_out_of_range`, `datagram_malformed`, ...). */
  refused: Record<string, number>;
}

/** How one member of a room gets its datagrams; payloads are built once for all members of equal class. */
export interface DeliveryClass {
  /** Voice packets (of the slot with the most) that share a datagram, with the motion of their time. 1: no holding. */
  voice: 1 | 2 | 3 | 4;
  /** Longest wait of the first held unit, ms: a pause in the voice must not stall motion. With `voice` 1 only `patient` slots wait. */
  holdMs: number;
  /** `since_key`: motion units since and with the last key, voice once more. */
  /** `request`: what the viewer asks for goes to it again. */
  repair: RepairKind | 'request';
  /** A repeat leaves in the first datagram at least so long after its original's, ms. */
  spacingMs: number;
  /** `keys`: motion keys and voice; `voice`: no motion. */
  layer: 'all' | 'keys' | 'voice';
  /** Mask of the slots that are heard; 255: all. */
  slots: number;
  /** With `voice` 1: mask of the slots whose units wait for a datagram of the others: they come from nearer. */
  patient: number;
}

/** What a joiner has until `setClass`. */
export const DIRECT: Readonly<DeliveryClass> = {
  voice: 1,
  holdMs: 0,
  repair: 'none',
  spacingMs: 0,
  layer: 'all',
  slots: 255,
  patient: 0,
};

/** One member's path, from its acknowledgements. Counts grow for as long as the connection lives. */
export interface MemberStats {
  session: Session;
  /** Smoothed; 0 where the body cannot know it, or not now. */
  rttMs: number;
  minRttMs: number;
  packetsOut: number;
  packetsLost: number;
  datagramsOut: number;
  /** Datagrams dropped at the session's queue, whatever the reason. */
  dropped: number;
  /** Datagram bytes waiting now. */
  queueBytes: number;
}

export interface MediaRoom {
  /** From now on the session's bundles are this slot's units. Resolves when its clock is synced; rejects when it closes first. */
  publish(session: Session, slot: number, generation: number): Promise<void>;
  unpublish(slot: number): void;
  /**
   * Bundles of a session between relays (datagram mode `trunk`) that bear this alias, the peer's, are units of this room as
   * far as their slots are in the mask; 0 ends it. See `EngineRoom.feed`. Throws a TypeError in the scripted plane.
   */
  feed(session: Session, alias: number, slots: number): void;
  /** The session hears the room; first the units since each slot's last motion key. */
  join(session: Session): void;
  leave(session: Session): void;
  /** From the next datagram on; what is held goes out first. A session that is no member: nothing happens. */
  setClass(session: Session, delivery: DeliveryClass): void;
  /** All members at once: one crossing a room, not one a viewer. */
  memberStats(): Promise<MemberStats[]>;
  slotStats(slot: number): Promise<SlotStats>;
  stats(): Promise<Record<string, number>>;
  close(): void;
}
