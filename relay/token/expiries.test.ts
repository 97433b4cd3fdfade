import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Expiries } from './expiries.ts';

it('gives the keys whose time is over in its order, refreshed and deleted ones not', () => {
  const expiries = new Expiries<string>();
  for (const [key, at] of [
    ['c', 30],
    ['a', 10],
    ['b', 20],
    ['d', 40],
  ] as const)
    expiries.set(key, at);
  expiries.set('a', 35);
  expiries.delete('b');
  expiries.delete('unknown');
  expect([expiries.nextMs, [...expiries.take(29)]]).toEqual([30, []]);
  expect([...expiries.take(35)]).toEqual(['c', 'a']);
  expect([expiries.size, [...expiries.take(1e9)], expiries.nextMs]).toEqual([1, ['d'], undefined]);
});

it('agrees with a sorted list', () => {
  const step = fc.oneof(
    fc.tuple(fc.constant('set' as const), fc.nat(15), fc.nat(100)),
    fc.tuple(fc.constant('delete' as const), fc.nat(15), fc.constant(0)),
    fc.tuple(fc.constant('take' as const), fc.constant(0), fc.nat(100)),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const expiries = new Expiries<number>();
      const model = new Map<number, number>();
      for (const [what, key, at] of steps) {
        if (what === 'set') {
          expiries.set(key, at);
          model.set(key, at);
        } else if (what === 'delete') {
          expiries.delete(key);
          model.delete(key);
        } else {
          const over = [...model].filter(([, each]) => each <= at).map(([each]) => each);
          const taken = [...expiries.take(at)];
          expect([...taken].sort()).toEqual(over.sort());
          expect(taken.map((each) => model.get(each)!)).toEqual(
            taken.map((each) => model.get(each)!).sort((a, b) => a - b),
          );
          for (const each of over) model.delete(each);
        }
        expect(expiries.size).toBe(model.size);
        expect(expiries.nextMs).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
      }
    }),
    { seed: 20_261_129, numRuns: 500 },
  );
});
