import type { Place, RelayId } from './types.ts';

export interface UpstreamOptions {
  self: { id: RelayId; region: string };
  place: Place;
  /** Failed or refused lately: others come first. */
  avoided: ReadonlySet<RelayId>;
  /**
   * The parent of this room in a region: the first of its relays by rendezvous hash that live, do not drain and are not among
   * these. Undefined: there is none.
   */
  first(region: string, except: ReadonlySet<RelayId>): RelayId | undefined;
}

/**
 * Which relay a room is pulled from. In its home region the origin; elsewhere one relay of the region, the parent, pulls
 * from the origin, or from another relay of the home region when the origin cannot be reached, and all others pull from the
 * parent. Undefined: there is nobody to pull from now.
 */
export function upstreamOf({ self, place, avoided, first }: UpstreamOptions): RelayId | undefined {
  const { home, origin } = place;
  if (origin === self.id) return undefined;
  if (self.region !== home) {
    const parent = first(self.region, avoided);
    if (parent !== undefined && parent !== self.id) return parent;
  }
  if (!avoided.has(origin)) return origin;
  return self.region === home ? undefined : first(home, new Set([...avoided, origin]));
}

/** Who becomes the origin when the present one goes: the first of the home region but it. */
export function successorOf({ place, first }: Pick<UpstreamOptions, 'place' | 'first'>): RelayId | undefined {
  return first(place.home, new Set([place.origin]));
}

/** How many relays of the home region come before this one when the origin is gone; at most `most`. */
export function turnOf({ self, place, first }: Omit<UpstreamOptions, 'avoided'>, most: number): number {
  const before = new Set([place.origin]);
  for (let turn = 0; turn < most; turn++) {
    const next = first(place.home, before);
    if (next === undefined || next === self.id) return turn;
    before.add(next);
  }
  return most;
}
