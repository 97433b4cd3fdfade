import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Held, type RoomRecord, repairs, winner } from './record.ts';

const regions = ['eu', 'jp', 'us'];
const birth = fc.record({ at: fc.integer({ min: 1, max: 3 }), region: fc.constantFrom(...regions) });
const record = fc
  .record({
    home: fc.constantFrom(...regions),
    origin: fc.constantFrom('a', 'b'),
    epoch: fc.integer({ min: 1, max: 4 }),
    born: birth,
    closed: fc.boolean(),
  })
  .map(({ closed, ...rest }): RoomRecord => (closed ? { room: 'r', ...rest, closed } : { room: 'r', ...rest }));
/** At most one a bucket. */
const buckets = fc
  .tuple(...regions.map(() => fc.option(record)))
  .map((records): Held[] => records.flatMap((one, n) => (one ? [{ bucket: regions[n]!, record: one }] : [])));
const sameBirth = (a: RoomRecord, b: RoomRecord) => a.born.at === b.born.at && a.born.region === b.born.region;

describe('winner', () => {
  it('is the same whatever came first', () => {
    fc.assert(
      fc.property(buckets, fc.nat(), (held, turn) => {
        const shuffled = [...held].sort(
          (a, b) => ((turn >> regions.indexOf(a.bucket)) & 1) - ((turn >> regions.indexOf(b.bucket)) & 1),
        );
        expect(winner(shuffled)?.record.epoch).toBe(winner(held)?.record.epoch);
        const [a, b] = [winner(held), winner(shuffled)];
        // Two buckets may hold one and the same record of a move: either is it.
        if (a && b && a.bucket !== b.bucket)
          expect([a.record.epoch, a.record.born, a.record.closed]).toEqual([
            b.record.epoch,
            b.record.born,
            b.record.closed,
          ]);
      }),
    );
  });

  it('is open if any creation is, and the earliest of those', () => {
    fc.assert(
      fc.property(buckets, (held) => {
        const best = winner(held);
        const openOnes = held.filter(
          ({ record: one }) =>
            !one.closed &&
            !held.some(
              ({ record: other }) =>
                sameBirth(one, other) && (other.epoch > one.epoch || (other.epoch === one.epoch && other.closed)),
            ),
        );
        if (openOnes.length === 0) {
          expect(best === undefined || best.record.closed === true).toBe(true);
          return;
        }
        expect(best?.record.closed).toBeUndefined();
        for (const { record: one } of openOnes) {
          expect(best!.record.born.at).toBeLessThanOrEqual(one.born.at);
        }
      }),
    );
  });
});

describe('repairs', () => {
  it('done one by one, in any order, leave one open creation, over whose epoch no other is', () => {
    fc.assert(
      fc.property(buckets, fc.array(fc.nat(), { minLength: 10, maxLength: 10 }), (held, picks) => {
        const world = new Map(held.map(({ bucket, record: one }) => [bucket, one]));
        const all = () => [...world].map(([bucket, one]) => ({ bucket, record: one }));
        const before = winner(held);
        for (const pick of picks) {
          const due = repairs(all());
          const one = due[pick % due.length];
          if (one) world.set(one.bucket, one.record);
        }
        expect(repairs(all())).toEqual([]);
        const after = winner(all());
        if (!before || before.record.closed) {
          expect(after).toEqual(before);
          return;
        }
        expect(sameBirth(after!.record, before.record)).toBe(true);
        for (const { record: one } of all()) {
          if (sameBirth(one, after!.record)) continue;
          expect(one.closed).toBe(true);
          expect(one.epoch).toBeLessThan(after!.record.epoch);
        }
      }),
    );
  });
});
