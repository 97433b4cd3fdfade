import { hash } from './hash.ts';

export interface Group<R> {
  relays: readonly R[];
  /** Of the ids, by index. */
  hashes: Uint32Array;
}

const groups = new WeakMap<object, { length: number; byRegion: Map<string, Group<unknown>> }>();

/**
 * Relays by region, with the hashes of their ids. Kept as long as the array itself, which must not change: that of a directory
 * is a new one for each change, so that a choice costs no more than a pass over numbers.
 */
export function grouped<R extends { id: string; region: string }>(relays: readonly R[]): ReadonlyMap<string, Group<R>> {
  const kept = groups.get(relays);
  if (kept && kept.length === relays.length) return kept.byRegion as Map<string, Group<R>>;
  const lists = new Map<string, R[]>();
  for (const relay of relays) {
    const list = lists.get(relay.region);
    if (list) list.push(relay);
    else lists.set(relay.region, [relay]);
  }
  const byRegion = new Map<string, Group<R>>();
  for (const [region, list] of lists) {
    byRegion.set(region, { relays: list, hashes: Uint32Array.from(list, ({ id }) => hash(id)) });
  }
  groups.set(relays, { length: relays.length, byRegion });
  return byRegion;
}
