import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, ClusterRelay } from '../regions/cluster.ts';

const LIMIT_MS = 60_000;

/** What relays are for a room. */
export interface Roles {
  origin: ClusterRelay;
  /** The one that has it over the ocean. */
  parent: ClusterRelay;
  /** In the home region, and not the origin. */
  edge: ClusterRelay;
  /** In the other region, and not the parent. */
  farEdge: ClusterRelay;
}

async function ask<T>({ process }: ClusterRelay, path: string): Promise<T> {
  const token = readFileSync(join(process.stateDir, 'service.token'), 'utf8').trim();
  const get = () => fetch(`${process.api}/v1/cluster/${path}`, { headers: { authorization: `Bearer ${token}` } });
  // A connection that was kept may just have been closed by the relay.
  const answer = await get().catch(get);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return (await answer.json()) as T;
}

/** Relays from this one to the room's origin, both included; empty: it does not have the room. */
export async function pathOf(relay: ClusterRelay, room: string): Promise<string[]> {
  const { rooms } = await ask<{ rooms: { room: string; path: string[] }[] }>(relay, 'rooms');
  return rooms.find((each) => each.room === room)?.path ?? [];
}

/** By what each relay says itself. Somebody is in the room at every relay. */
export async function rolesOf(cluster: Cluster, room: string): Promise<Roles> {
  const paths = await Promise.all(cluster.relays.map(async (relay) => ({ relay, path: await pathOf(relay, room) })));
  const at = (steps: number, home: boolean) => {
    const originId = paths.find(({ path }) => path.length === 1)?.relay;
    const found = paths.find(
      ({ relay, path }) => path.length === steps && (relay.region === originId?.region) === home,
    );
    if (!found) throw new Error(`the room's tree is not as expected: ${JSON.stringify(paths.map(({ path }) => path))}`);
    return found.relay;
  };
  return { origin: at(1, true), parent: at(2, false), edge: at(2, true), farEdge: at(3, false) };
}

/** Every relay names all of them. */
export async function untilAllLive(cluster: Cluster): Promise<void> {
  const all = async () => {
    const lists = await Promise.all(cluster.relays.map((relay) => ask<{ relays: unknown[] }>(relay, 'relays')));
    return lists.every(({ relays }) => relays.length === cluster.relays.length);
  };
  for (const until = performance.now() + LIMIT_MS; !(await all().catch(() => false)); ) {
    if (performance.now() > until) throw new Error(`not all relays know of each other within ${LIMIT_MS} ms`);
    await sleep(100);
  }
}
