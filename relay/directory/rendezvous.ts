import { grouped } from './grouped.ts';
import { hash, mix } from './hash.ts';
import type { RelayEntry } from './types.ts';

/**
 * The relay of `region` through which a room comes in from another region: highest random weight over those that live and
 * do not drain. Each relay finds the same by itself; when one goes, only its own rooms move, each to its next. Undefined
 * where there is nobody. `except`: ids that the caller cannot reach. The array must not be changed afterwards.
 */
export function parentOf<R extends Pick<RelayEntry, 'id' | 'region' | 'draining'>>(
  relays: readonly R[],
  region: string,
  room: string,
  except?: ReadonlySet<string>,
): R | undefined {
  const group = grouped(relays).get(region);
  if (!group) return undefined;
  const roomHash = hash(room);
  let best: R | undefined;
  let bestWeight = -1;
  for (let i = 0; i < group.hashes.length; i++) {
    const weight = mix(group.hashes[i]! ^ roomHash);
    if (weight < bestWeight) continue;
    const relay = group.relays[i]!;
    // Ids of one hash weigh the same for every room: then the id decides, as everywhere else.
    if (weight === bestWeight && best !== undefined && relay.id > best.id) continue;
    if (relay.draining || except?.has(relay.id)) continue;
    best = relay;
    bestWeight = weight;
  }
  return best;
}
