import { describe, expect, it } from 'vitest';
import { checkMotionVectors, type MotionVector } from './motion-vectors.ts';
import { readVectors } from './vectors.ts';

const cases = readVectors<MotionVector>('motion.json');

describe('golden vectors of face-1', () => {
  it.each(cases.map((each) => [each.name, each] as const))('%s', (_, each) => {
    expect(checkMotionVectors([each])).toEqual([]);
  });

  it('a changed case fails, each by itself', () => {
    for (const each of cases) {
      const copy = structuredClone(each) as MotionVector;
      if ('units' in copy) copy.units.at(-1)!.steps['0'] = (copy.units.at(-1)!.steps['0'] ?? 0) + 1;
      else if ('calls' in copy) copy.calls[0]!.result = { kind: 'stale', sequence: 12 };
      else copy.error = 'other';
      const texts = checkMotionVectors([cases[0]!, copy, cases[1]!]);
      expect(texts).toHaveLength(1);
      expect(texts[0]).toContain(each.name);
    }
  });
});
