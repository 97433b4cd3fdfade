import type { RelayEntry } from './types.ts';

/** FNV-1a over UTF-16 units, then murmur3's finish: 32 bits, the same on every relay. */
export function hash(text: string, seed = 0): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

/** A bijection of 32 bits in which each bit of the input turns about half of the output's. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The relay of `region` through which a room comes in from another region: highest random weight over those that live and
 * do not drain. Each relay finds the same by itself; when one goes, only its own rooms move, each to its next. Undefined
 * where there is nobody. `except`: ids that the caller cannot reach.
 */
export function parentOf<R extends Pick<RelayEntry, 'id' | 'region' | 'draining'>>(
  relays: readonly R[],
  region: string,
  room: string,
  except?: ReadonlySet<string>,
): R | undefined {
  const roomHash = hash(room);
  let best: R | undefined;
  let bestWeight = -1;
  for (const relay of relays) {
    if (relay.region !== region || relay.draining || except?.has(relay.id)) continue;
    const weight = mix(hash(relay.id) ^ roomHash);
    // Weights of 32 bits do meet: then the id decides, as everywhere else.
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && relay.id < best.id)) {
      best = relay;
      bestWeight = weight;
    }
  }
  return best;
}
