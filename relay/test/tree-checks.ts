// What tests of a room's tree ask of its model.
import { expect } from 'vitest';
import type { TreeModel } from './tree-model.ts';

/** Everybody hears every liver, once, over a tree with one way into each region. */
export function isWhole(model: TreeModel): void {
  const hosting = model.hosting();
  const livers = model.livers();
  const { origin, home } = model.place!;
  for (const { view, bridge, shown } of hosting) {
    expect(bridge.branch.path.at(-1), `way of ${view.id}`).toBe(origin);
    expect(bridge.branch.isOrigin).toBe(view.id === origin);
    const seen = [...shown].map(([slot, { gen, sub }]) => ({ slot, gen, sub })).sort((a, b) => a.slot - b.slot);
    const there = livers.map(({ slot, gen, sub }) => ({ slot, gen, sub })).sort((a, b) => a.slot - b.slot);
    expect(seen, `livers at ${view.id}`).toEqual(there);
  }
  for (const liver of livers) {
    const { arrivals, crossings } = model.flood(liver.relay, liver.slot);
    for (const { view } of hosting) {
      expect(arrivals.get(view.id) ?? 0, `copies of ${liver.relay}'s liver at ${view.id}`).toBe(
        view.id === liver.relay ? 0 : 1,
      );
    }
    for (const [region, count] of crossings) expect(count, `copies into ${region}`).toBe(1);
  }
  expect(model.at(origin).view.region).toBe(home);
}

/** More often than once while ways change: the window of the slot takes the rest out. */
export function everybodyHears(model: TreeModel, when: string): void {
  for (const { relay, slot, sub } of model.livers()) {
    const { arrivals } = model.flood(relay, slot);
    for (const { view } of model.hosting()) {
      if (view.id === relay) continue;
      expect(arrivals.get(view.id) ?? 0, `${sub} at ${view.id} ${when}`).toBeGreaterThanOrEqual(1);
    }
  }
}

export function seeded(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
