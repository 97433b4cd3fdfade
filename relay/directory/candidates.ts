import { type Group, grouped } from './grouped.ts';
import { mix } from './hash.ts';
import type { KnownRelay, RelayLoad } from './types.ts';

export interface Wish {
  /** Region of who asks, as far as known; its relays come first. */
  region?: string;
  /** Ids that may not be named, as those which the caller knows to be dead. */
  except?: ReadonlySet<string>;
  /** At most so many. Default 8. */
  limit?: number;
  /** Spreads those who ask at once over relays of equal load: any 32 bits, as a random number or a hash of the asker. */
  seed?: number;
}

/** Egress at which a relay counts as full: bytes bind before the processor does. 1 Gbit/s. */
const FULL_EGRESS_BPS = 125_000_000;
const STEPS = 10;
/** Steps in which chance decides: all who come within a second go by the same loads, and would fill the same few relays. */
const SPREAD = 3;
/** Above every lot. */
const STEP = 2 ** 32;

/** 0 idle to 1 full. */
export function fullness(load: RelayLoad): number {
  return Math.min(1, Math.max(load.cpu, load.egressBps / FULL_EGRESS_BPS));
}

/**
 * Relays for a client to try, best first: its own region before others, never one that drains, a fresh load before an old
 * one, the less loaded rather than the fuller. Others follow as a last resort: the best of each other region is among them where `limit`
 * allows. The array must not be changed afterwards.
 */
export function candidates(relays: readonly KnownRelay[], wish: Wish = {}): KnownRelay[] {
  const { region, limit = 8 } = wish;
  const near: Ranked[] = [];
  const firsts: Ranked[] = [];
  const others: Ranked[] = [];
  for (const [of, group] of grouped(relays)) {
    const best = bestOf(group, wish, limit);
    if (of === region) {
      near.push(...best);
    } else {
      firsts.push(...best.slice(0, 1));
      others.push(...best.slice(1));
    }
  }
  const kept = region === undefined ? 0 : Math.min(firsts.length, limit - 1);
  const ordered = [
    ...near.slice(0, limit - kept),
    ...firsts.sort(byRank),
    ...others.sort(byRank),
    ...near.slice(limit - kept),
  ];
  return ordered.slice(0, limit).map(({ relay }) => relay);
}

interface Ranked {
  relay: KnownRelay;
  rank: number;
}

const byRank = (a: Ranked, b: Ranked): number => a.rank - b.rank;

/** The best `limit` of a region in their order: one pass, without sorting all of them. */
function bestOf({ relays, hashes }: Group<KnownRelay>, { except, seed = 0 }: Wish, limit: number): Ranked[] {
  const best: Ranked[] = [];
  for (let i = 0; i < hashes.length; i++) {
    const relay = relays[i]!;
    if (relay.draining) continue;
    const step = relay.loadFresh ? Math.round(fullness(relay.load) * STEPS) : STEPS + SPREAD;
    const rank = step * STEP + mix(hashes[i]! ^ seed) * SPREAD;
    if (best.length === limit && rank >= best[limit - 1]!.rank) continue;
    if (except?.has(relay.id)) continue;
    let at = best.length;
    while (at > 0 && best[at - 1]!.rank > rank) at--;
    best.splice(at, 0, { relay, rank });
    if (best.length > limit) best.pop();
  }
  return best;
}
