/** Numbers of docs/protocol.md sections 2 and 3. */

/** Codes of a unit's kind on the wire. */
export const UNIT_KIND = { motion: 0, voice: 1, event: 2 } as const;
export type UnitKind = (typeof UNIT_KIND)[keyof typeof UNIT_KIND];

export const MAX_DATAGRAM_BYTES = 1000;
/** Less than a datagram: the relay's header has a longer alias and an uncertainty. */
export const MAX_UPLINK_BUNDLE_BYTES = 990;
export const MAX_PAYLOAD_BYTES = 900;
export const MAX_SLOTS = 8;
/** Longest alias of four bytes as a QUIC varint. */
export const MAX_ALIAS = 0x3fff_ffff;
/** Greatest age and uncertainty, in 1/16 ms. */
export const MAX_SIXTEENTHS = 16_383;
/** Sequences behind the newest that are told apart. */
export const SEQUENCE_WINDOW = 64;
/** A short sequence is not extended over a longer gap of capture time. */
export const MAX_EXTEND_GAP_US = 1_000_000;

const TWO_48 = 2 ** 48;

/** `us` modulo 2^48, as times are on the wire. */
export function wrap48(us: number): number {
  const rest = us % TWO_48;
  return rest < 0 ? rest + TWO_48 : rest;
}

/** The distance `us` modulo 2^48 that is nearest to zero: in [-2^47, 2^47). */
export function signed48(us: number): number {
  const rest = wrap48(us);
  return rest >= TWO_48 / 2 ? rest - TWO_48 : rest;
}

/** 1/16 ms to whole us, rounded down. */
export function sixteenthsToUs(sixteenths: number): number {
  return Math.floor((sixteenths * 125) / 2);
}

/** An age in us to the nearest 1/16 ms. */
export function usToSixteenths(us: number): number {
  return Math.floor((us * 16 + 500) / 1000);
}

/** An uncertainty in us to 1/16 ms, rounded up and held at the wire's limit: it must never read smaller than it is. */
export function uncertaintyToSixteenths(us: number): number {
  return Math.min(MAX_SIXTEENTHS, Math.ceil((us * 16) / 1000));
}
