import { expect, it } from 'vitest';
import { type BusyLevel, RelayLoad } from './load.ts';

/** Shares of the core, a second each. */
function after(shares: number[], drops: number[] = []): BusyLevel[] {
  const load = new RelayLoad();
  load.update({ cpuUs: 0, waitedUs: 0, dropped: 0 }, 0);
  let [cpuUs, dropped] = [0, 0];
  return shares.map((share, n) => {
    cpuUs += share * 1e6;
    dropped += drops[n] ?? 0;
    return load.update({ cpuUs, waitedUs: 0, dropped }, 1000 * (n + 1));
  });
}

it('is busy at once, and free only after eleven quiet seconds', () => {
  const quiet = (seconds: number) => new Array<number>(seconds).fill(0.5);
  expect(after([0.3, 0.7, 0.8, 0.7, 0.7])).toEqual([0, 0, 1, 1, 1]);
  expect(after([0.8, ...quiet(12)])).toEqual([...new Array(12).fill(1), 0]);
  expect(after([0.8, ...quiet(6), 0.7, ...quiet(6)])).toEqual(new Array(14).fill(1));
});

it('goes further where the first level has not helped, or at once where it would not, and comes back level by level', () => {
  const quiet = new Array<number>(24).fill(0.5);
  expect(after([0.8, 0.8, 0.8, 0.8, 0.7])).toEqual([1, 1, 1, 2, 2]);
  expect(after([0.8, 0.8, 0.7, 0.7, 0.7])).toEqual([1, 1, 1, 1, 1]);
  expect(after([0.95, ...quiet])).toEqual([...new Array(12).fill(2), ...new Array(12).fill(1), 0]);
});

it('is busy earlier when it drops what it did not get to, and not by drops that no load made', () => {
  expect(after([0.7, 0.7, 0.7], [0, 1, 0])).toEqual([0, 1, 1]);
  expect(after([0.2, 0.2, 0.2], [0, 1000, 0])).toEqual([0, 0, 0]);
});

it('does not swing with a load that repair and small classes make: 0.9 when free, 0.65 when busy', () => {
  const load = new RelayLoad();
  let cpuUs = 0;
  let changes = 0;
  for (let n = 0; n < 600; n += 1) {
    const before = load.level;
    cpuUs += (before > 0 ? 0.65 : 0.9) * 1e6;
    if (load.update({ cpuUs, waitedUs: 0, dropped: 0 }, 1000 * n) !== before) changes += 1;
  }
  expect(changes).toBe(1);
});

it('is patient where it was free too early: longer each time', () => {
  const load = new RelayLoad();
  let cpuUs = 0;
  const freeAt: number[] = [];
  for (let second = 0; second < 300; second += 1) {
    const before = load.level;
    // What it sends once it is free makes it busy again.
    cpuUs += (before > 0 ? 0.5 : 0.9) * 1e6;
    if (before > 0 && !load.update({ cpuUs, waitedUs: 0, dropped: 0 }, 1000 * second)) freeAt.push(second);
    else load.update({ cpuUs, waitedUs: 0, dropped: 0 }, 1000 * second);
  }
  const pauses = freeAt.slice(1).map((second, n) => second - freeAt[n]!);
  expect(pauses).toEqual([24, 46, 90, 90]);
});

const busyWith = (cpu: number, waited: number, dropped: number) => {
  const load = new RelayLoad();
  load.update({ cpuUs: 0, waitedUs: 0, dropped: 0 }, 0);
  return load.update({ cpuUs: cpu * 1e6, waitedUs: waited * 1e6, dropped }, 1000) > 0;
};

it('counts what a neighbour takes from its core', () => {
  expect([busyWith(0.4, 0.1, 5), busyWith(0.4, 0.4, 5)]).toEqual([false, true]);
  expect([busyWith(0.6, 0, 0), busyWith(0.6, 0.3, 0), busyWith(0.2, 0.8, 0)]).toEqual([false, true, true]);
});

it('is not busy by waiting alone, as on a virtual machine that is slow to wake a core', () => {
  expect([busyWith(0.35, 0.5, 0), busyWith(0.1, 0.8, 0)]).toEqual([false, false]);
});
