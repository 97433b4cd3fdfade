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
  /** Flat: `datagrams_in`, `datagrams_out`, `dropped_<reason>`, ... whatever the body counts. */
  stats(): Promise<Record<string, number>>;
  close(): void;
}

export interface MediaRoomOptions {
  alias: number;
  maxAgeMs: number;
  maxAheadMs: number;
  maxMembers: number;
}

export interface SlotStats {
  received: number;
  lost: number;
  duplicate: number;
  lagP50Ms: number;
  lagP99Ms: number;
  uncertaintyMs: number;
  /** Units or bundles refused since the last call, by reason (`capture_time_out_of_range`, `datagram_malformed`, ...). */
  refused: Record<string, number>;
}

export interface MediaRoom {
  /** From now on the session's bundles are this slot's units. Resolves when its clock is synced; rejects when it closes first. */
  publish(session: Session, slot: number, generation: number): Promise<void>;
  unpublish(slot: number): void;
  /** The session hears the room; first the units since each slot's last motion key. */
  join(session: Session): void;
  leave(session: Session): void;
  slotStats(slot: number): Promise<SlotStats>;
  stats(): Promise<Record<string, number>>;
  close(): void;
}
