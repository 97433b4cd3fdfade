import type { LinkProfile } from '@hayate/engine';

/** One liver of a stream bench, and the viewers of its room. Further livers of a room are plans without viewers. */
export interface RoomPlan {
  room: string;
  /** Rooms of one group are summed up together. */
  group: string;
  /** `raw`: the liver does without the SDK, which costs the machine less. */
  body: 'hayate' | 'raw' | 'wss';
  /** `hash` and tokens mean nothing to `wss`. */
  to: { url: string; hash: string; token: string; liverToken: string };
  viewers: number;
  /** So many of the viewers have a socket and a link of their own and log every unit; the rest are counted. */
  logged: number;
  /** Liver to relay, each liver with a seed of its own. The way back has the same delay and jitter, and no loss. */
  up: LinkProfile;
  /** Relay to viewer. */
  down: LinkProfile;
  /** The liver reads the room's comments. */
  hears?: boolean;
  /** Of one voice packet; absent: Opus at 24 kbit/s from the performer. */
  voiceBytes?: number;
}

/** What one liver sent, by sequence, in CLOCK_MONOTONIC us. */
export interface Sent {
  room: string;
  slot: number;
  motion: Float64Array;
  voice: Float64Array;
}

/** A comment as it reached the liver, CLOCK_MONOTONIC us. */
export interface Heard {
  room: string;
  text: string;
  atUs: number;
}

/** Sums over the viewers of a group; those that begin with `logged_` only over the viewers that log. */
export type Traffic = Record<string, number>;

/** Opus at 48 kHz in its voice mode: the packet holds what was spoken so long before it began. */
export const OPUS_LOOKAHEAD_MS = 6.5;
export const FPS = 30;
export const VOICE_MS = 20;
/**
 * Viewers that do not log, and raw livers on links without jitter, share sockets, and so links. A link keeps its packets in order, those of all who
 * share it: with jitter each would wait for the slowest of all. So these links have their mean delay and no jitter.
 */
export const SHARED_SOCKETS = 4;

/** What this side receives loses; what it sends back (acknowledgements, probes) takes as long. */
export function bothWays(lossy: LinkProfile, seed: number): { lossy: LinkProfile; back: LinkProfile } {
  const back: LinkProfile = { seed: seed + 1 };
  if (lossy.delayMs !== undefined) back.delayMs = lossy.delayMs;
  if (lossy.jitterMs !== undefined) back.jitterMs = lossy.jitterMs;
  return { lossy: { ...lossy, seed }, back };
}
