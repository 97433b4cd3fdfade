import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ring } from './ring.ts';

const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,8}$/), { minLength: 1, maxLength: 40 });

describe('ring', () => {
  it('has each relay heard by as many as it hears, whatever came and went', () => {
    fc.assert(
      fc.property(names, fc.array(fc.nat()), fc.integer({ min: 0, max: 10 }), (all, gone, count) => {
        const ring = new Ring();
        for (const id of all) ring.add(id);
        for (const id of all) ring.add(id);
        const left = new Set(all);
        for (const n of gone) {
          ring.delete(all[n % all.length]!);
          left.delete(all[n % all.length]!);
        }
        expect(ring.size).toBe(left.size);
        const heardBy = new Map<string, number>();
        const expected = Math.min(count, Math.max(0, left.size - 1));
        for (const id of left) {
          const heard = ring.after(id, count);
          expect(new Set(heard).size).toBe(expected);
          expect(heard).not.toContain(id);
          for (const other of heard) heardBy.set(other, (heardBy.get(other) ?? 0) + 1);
        }
        for (const id of left) expect(heardBy.get(id) ?? 0).toBe(expected);
      }),
    );
  });

  it('takes a place for one who is not in it', () => {
    const ring = new Ring();
    expect(ring.after('nobody', 3)).toEqual([]);
    ring.add('a');
    ring.add('b');
    expect(ring.after('nobody', 3).sort()).toEqual(['a', 'b']);
  });
});
