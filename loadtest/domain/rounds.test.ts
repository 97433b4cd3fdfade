import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Rounds } from './rounds.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('calls each member once a round, spread over it, until it is removed', () => {
  const calls: number[] = [];
  const rounds = new Rounds<number>(4000, (member) => calls.push(member));
  const removals = Array.from({ length: 160 }, (_, n) => rounds.add(n));
  vi.advanceTimersByTime(50);
  expect(calls).toEqual([0, 80]);
  vi.advanceTimersByTime(3950);
  expect(calls.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 160 }, (_, n) => n));
  calls.length = 0;
  removals[80]!();
  removals[80]!();
  vi.advanceTimersByTime(4000);
  expect(calls).toHaveLength(159);
  expect(calls).not.toContain(80);
  for (const remove of removals) remove();
  expect(vi.getTimerCount()).toBe(0);
  rounds.add(7);
  calls.length = 0;
  vi.advanceTimersByTime(4000);
  expect(calls).toEqual([7]);
});
