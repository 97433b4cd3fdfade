import { describe, expect, it } from 'vitest';
import { Congestion, type CongestionSigns, heardLivers, lastLevel } from './congestion.ts';
import { TUNING } from './tuning.ts';

const calm: CongestionSigns = { rttMs: 40, minRttMs: 38, sent: 20, dropped: 0, recentLoss: 0, queueBytes: 0 };

/** Steps of 500 ms. */
function after(steps: Partial<CongestionSigns>[], repairs = false): number[] {
  const congestion = new Congestion(TUNING);
  return steps.map((signs, n) => congestion.update({ ...calm, ...signs }, 500, 500 * (n + 1), repairs));
}

const times = (count: number, signs: Partial<CongestionSigns>) => Array.from({ length: count }, () => signs);

describe('congestion', () => {
  it('is a round trip that grows and grows', () => {
    expect(after([{}, {}, { rttMs: 60 }, { rttMs: 75 }, { rttMs: 90 }]).at(-1)).toBe(2);
  });

  it('is not one that grows once: the route became longer', () => {
    expect(after([{}, {}, { rttMs: 120 }, { rttMs: 138 }, ...times(60, { rttMs: 140 })])).toEqual(
      new Array(64).fill(0),
    );
  });

  it('is loss while a queue stands, and not loss alone', () => {
    expect(after([{}, {}, { rttMs: 200, recentLoss: 0.1 }]).at(-1)).toBe(2);
    expect(Math.max(...after(times(50, { recentLoss: 0.3 })))).toBe(0);
  });

  it('is drops with a queue, or drops all the time; not those that a burst of losses leaves behind', () => {
    const dropping = { dropped: 10 };
    expect(after([{}, { ...dropping, rttMs: 90 }]).at(-1)).toBe(2);
    expect(after(times(5, dropping))).toEqual([0, 0, 0, 0, 2]);
    const bursts = Array.from({ length: 40 }, () => [dropping, dropping, {}, {}]).flat();
    expect(Math.max(...after(bursts))).toBe(0);
    expect(after(times(5, { queueBytes: 5000 })).at(-1)).toBe(2);
  });

  it('takes one step a second down and one a time of quiet up', () => {
    const levels = after([...times(13, { dropped: 10 }), ...times(60, {})]);
    expect(levels.slice(4, 13)).toEqual([2, 2, 3, 3, 4, 4, 5, 5, 5]);
    expect(levels.slice(13, 23)).toEqual(new Array(10).fill(5));
    expect(levels[23]).toBe(4);
    expect(levels.at(-1)).toBe(0);
  });

  it('goes on to fewer livers where there are several, and comes back when they leave', () => {
    expect([1, 2, 3, 4, 5, 8].map(lastLevel)).toEqual([5, 6, 7, 7, 8, 8]);
    expect(([0, 5, 6, 7, 8] as const).map((level) => heardLivers(8, level))).toEqual([8, 8, 4, 2, 1]);
    expect(heardLivers(3, 8)).toBe(1);
    const congestion = new Congestion(TUNING);
    const levels = times(30, { dropped: 10 }).map((signs, n) =>
      congestion.update({ ...calm, ...signs }, 500, 500 * n, false, lastLevel(8)),
    );
    expect(levels.at(-1)).toBe(8);
    expect(congestion.update(calm, 500, 15_500, false, lastLevel(2))).toBe(6);
  });

  it('takes repair first where there is some', () => {
    expect(after(times(5, { dropped: 10 }), true).at(-1)).toBe(1);
  });

  it('waits twice as long when the way back was too early', () => {
    const congestion = new Congestion(TUNING);
    let now = 0;
    const step = (signs: Partial<CongestionSigns> = {}) => {
      now += 500;
      return congestion.update({ ...calm, ...signs }, 500, now, false);
    };
    const wait = () => {
      const from = now;
      const level = congestion.level;
      while (congestion.level === level) step();
      return now - from;
    };
    while (congestion.level < 2) step({ dropped: 10 });
    expect(wait()).toBe(5500);
    while (congestion.level < 2) step({ dropped: 10 });
    expect(wait()).toBe(10_500);
    while (congestion.level < 2) step({ dropped: 10 });
    expect(wait()).toBe(20_500);
  });

  it('is given up on when giving up everything changes nothing: then it is the path', () => {
    const far = { rttMs: 300, recentLoss: 0.2 };
    const levels = after([{}, {}, ...times(400, far)]);
    expect(Math.max(...levels)).toBe(5);
    expect(levels.at(-1)).toBe(0);
  });
});
