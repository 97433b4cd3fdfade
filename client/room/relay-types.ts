import type { HayateError } from '@hayate/codec/errors';

/** Where a relay is and what opens its door. `hayate token` and `POST /v1/rooms` hand these out. */
export interface RelayTarget {
  /** `https://HOST:PORT/v1`. */
  url: string;
  /**
   * A function is asked at each connection, at 80 % of the token's lifetime, and when it ended after all. It should give
   * a fresh token of the same `sub` and room within 10 s.
   */
  token: string | (() => Promise<string>);
  /** SHA-256 of the relay's certificate (hex), for self-made ones. */
  certificateHashes?: string[];
  /**
   * Relays that serve the room, or what gives them (`relaysFrom`): the nearest is taken, another one when it goes or dies.
   * A function is asked before the first connection and when they may have changed, and should answer within 1 s. Absent, or
   * without an answer: `url` alone.
   */
  relays?: readonly RelayCandidate[] | ((asked: RelaysAsked) => Promise<readonly RelayCandidate[]>);
  /**
   * A relay that went silent is left at once for one that is known. With this `relays` is asked first, and its answer waited
   * for so long, ms: for a fleet, which counts whom it sent where when all relays of a zone go. Default 0.
   */
  relaysWaitMs?: number;
}

/** What a client says that asks for relays. */
export interface RelaysAsked {
  /** URL of the relay that it is leaving, or that is gone. */
  left?: string;
}

/** As `GET /v1/rooms/ROOM/relays` names it. */
export interface RelayCandidate {
  /** `https://HOST:PORT/v1`. */
  url: string;
  /** Its name in the cluster. */
  id?: string;
  /** Relays of one region are taken to be as near. */
  region?: string;
  /** As in `RelayTarget`. */
  certificateHashes?: string[];
  /** 0 to 1: share of what it can bear. Clients spread over relays that are as near by what is left. */
  load?: number;
  /** It takes nobody new. */
  draining?: boolean;
  /** The fleet counts on this client there: it is taken before others that are as near. */
  placed?: boolean;
}

/** The relay that a room is on. */
export interface RoomRelay {
  /** As it was dialled. */
  url: string;
  /** Its name in the cluster, where `relays` told it. */
  id?: string;
  /** Likewise. */
  region?: string;
  /** From dialling to the open session. */
  connectMs: number;
}

/** A room went from one relay to another. */
export interface RelayMove {
  /** Where it was. */
  from: RoomRelay;
  /** Where it is. */
  to: RoomRelay;
  /** `draining`: it said that it would go; else what ended it. */
  reason: HayateError;
  /** For so long both were there. 0: the first one was gone, and nothing came meanwhile. */
  overlapMs: number;
  /** Slots, generations and sequences mean the same on both, and media is one stream. */
  continuous: boolean;
}
