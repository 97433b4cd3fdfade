import { hash } from './rendezvous.ts';
import type { KnownRelay, RelayLoad } from './types.ts';

export interface Wish {
  /** Region of who asks, as far as known; its relays come first. */
  region?: string;
  /** Ids that may not be named, as those which the caller knows to be dead. */
  except?: ReadonlySet<string>;
  /** At most so many. Default 8. */
  limit?: number;
  /** Spreads those who ask at once over relays of equal load: any number, as a random one or a hash of the asker. */
  seed?: number;
}

/** Egress at which a relay counts as full: bytes bind before the processor does. 1 Gbit/s. */
const FULL_EGRESS_BPS = 125_000_000;
/** Relays within a tenth of each other are alike: loads are a second old. */
const STEPS = 10;

/** 0 idle to 1 full. */
function fullness(load: RelayLoad): number {
  return Math.min(1, Math.max(load.cpu, load.egressBps / FULL_EGRESS_BPS));
}

/**
 * Relays for a client to try, best first: its own region before others, never one that drains, a fresh load before an old
 * one, the least loaded first. Those of other regions follow as a last resort: at least one of each where there is one.
 */
export function candidates(relays: readonly KnownRelay[], wish: Wish = {}): KnownRelay[] {
  const { region, except, limit = 8, seed = 0 } = wish;
  const usable = relays.filter(({ id, draining }) => !draining && !except?.has(id));
  const rank = new Map(usable.map((relay) => [relay, hash(relay.id, seed)]));
  const step = (relay: KnownRelay) => (relay.loadFresh ? Math.round(fullness(relay.load) * STEPS) : STEPS + 1);
  const better = (a: KnownRelay, b: KnownRelay) =>
    step(a) - step(b) || rank.get(a)! - rank.get(b)! || (a.id < b.id ? -1 : 1);
  const near = usable.filter((relay) => relay.region === region).sort(better);
  const far = usable.filter((relay) => relay.region !== region).sort(better);
  const firstOfEach = [...new Map(far.toReversed().map((relay) => [relay.region, relay])).values()].sort(better);
  const rest = far.filter((relay) => !firstOfEach.includes(relay));
  const kept = region === undefined ? 0 : Math.min(firstOfEach.length, Math.max(0, limit - 1));
  return [...near.slice(0, limit - kept), ...firstOfEach, ...rest].slice(0, limit);
}
