import { expect, it } from 'vitest';
import type { Room } from '../src/types.ts';
import { FakeCluster } from '../test/fake-cluster.ts';

const CLIENTS = 1000;
const LOADS = [0.5, 0.2, 0.4, 0.8];

/** 1000 clients on one relay, which dies; a relay welcomes one client in so many ms. */
async function herd(joinMs: number) {
  // Links of 2 ms to the first and 10 to the others, so that all begin there.
  const links = LOADS.map((_, n) => ({ delayMs: n === 0 ? 2 : 10 }));
  const cluster = new FakeCluster(links.map((link) => ({ up: link, down: link })));
  let seed = 1;
  cluster.relays[0]!.random = () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  const target = cluster.target((n) => ({ region: n === 0 ? 'a' : 'b', load: LOADS[n]! }));
  const rooms: Room[] = [];
  for (let n = 0; n < CLIENTS; n += 1) rooms.push(cluster.entry.connectRoom(target));
  await cluster.advance(4_000);
  expect(rooms.filter(({ relay }) => relay?.id === 'r0')).toHaveLength(CLIENTS);
  for (const relay of cluster.relays) relay.script.joinMs = joinMs;
  const back: number[] = [];
  const diedMs = cluster.environment.nowMs();
  for (const room of rooms) room.on('relay', () => back.push(cluster.environment.nowMs() - diedMs));
  const dialledBefore = cluster.relays.map(({ dialled }) => dialled.length);
  cluster.relays[0]!.dead = true;
  await cluster.advance(2_000);
  const at = cluster.relays.map((_, n) => rooms.filter(({ relay }) => relay?.id === `r${n}`).length);
  const dialled = cluster.relays.flatMap((relay, n) => relay.dialled.slice(dialledBefore[n]));
  for (const room of rooms) room.close();
  return { back, at, dialled: dialled.map((ms) => ms - diedMs) };
}

it('1000 clients of a relay that died are at the others within 2 s, by what is left of them', async () => {
  const { back, at, dialled } = await herd(2);
  expect(back).toHaveLength(CLIENTS);
  expect(Math.max(...back)).toBeLessThan(2_000);
  // 0.8 to 0.6 to 0.2 of 1.6: four standard deviations.
  expect(at[0]).toBe(0);
  for (const [n, share] of [0.5, 0.375, 0.125].entries()) {
    expect(Math.abs(at[n + 1]! - CLIENTS * share)).toBeLessThan(4 * Math.sqrt(CLIENTS * share * (1 - share)));
  }
  // They do not come at once: in no 50 ms more than twice what an even spread over 150 ms is.
  const per50 = new Map<number, number>();
  for (const ms of dialled) per50.set(Math.floor(ms / 50), (per50.get(Math.floor(ms / 50)) ?? 0) + 1);
  expect(Math.max(...per50.values())).toBeLessThan((dialled.length / 3) * 2);
});

it('where a relay takes 20 ms for each, they are not (negative control)', async () => {
  const { back } = await herd(20);
  expect(back.length).toBeLessThan(CLIENTS / 2);
});
