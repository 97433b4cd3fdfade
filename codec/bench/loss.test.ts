import { describe, expect, it } from 'vitest';
import { encodeRecording } from './encoded.ts';
import { LOSS_CONDITIONS, type LossCondition, lostDatagrams, type Repair, simulate } from './loss.ts';
import { wander } from './testing/csv.ts';
import { fakeCodec } from './testing/fake.ts';

const OPEN = { profile: 'std', fps: 30, keyInterval: 4, fold: undefined } as const;
const stream = fakeCodec().open(OPEN);

function run(lost: string, repair: Repair, from = stream) {
  const frames = wander(lost.length, 9);
  const encoded = encodeRecording({ name: 'x', frames, fps: 30 }, stream);
  return simulate(
    encoded,
    from,
    Uint8Array.from(lost, (letter) => (letter === 'x' ? 1 : 0)),
    repair,
  );
}

describe('simulate: keys at 0, 4, 8, ...; each frame is shown once the next datagram was due', () => {
  it.each([
    // Frames 2 and 3 need the lost 2, or 1.
    ['none', '..x.........', 10, [1]],
    ['none', '.x..........', 9, [2]],
    // The datagram after brings it in time.
    ['repeat1', '..x.........', 12, [0]],
    ['repeat1', '....x.......', 12, [0]],
    // Two lost: 1 is gone, 2 is brought but cannot be decoded, nor 3.
    ['repeat1', '.xx.........', 9, [1]],
    // Frame 1 came too late to be shown, 2 in time.
    ['since_key', '.xx.........', 11, [0]],
    // Datagram 4 is a key and does not reach back.
    ['since_key', '...x........', 11, [0]],
    // The last frame has no datagram after it; nothing recovers.
    ['repeat1', '...........x', 11, []],
    // A loss before recovery from the one before is one with it.
    ['none', '.x.x........', 9, [0]],
    ['none', 'x...........', 8, [3]],
  ] as [Repair, string, number, number[]][])('%s %s', (repair, lost, exact, recovery) => {
    const tally = run(lost, repair);
    expect([tally.exact, [...tally.recovery.values]]).toEqual([exact, recovery]);
    expect([tally.frames, tally.errors.values.length, tally.mismatched, tally.malformed]).toEqual([12, 12, 0, 0]);
  });

  it('counts the bytes of what is sent, lost or not', () => {
    // Keys of 123 bytes, chain units of 62.
    expect(run('x..x', 'none').bytes).toBe(123 + 3 * 62);
    expect(run('x..x..', 'repeat1').bytes).toBe(123 + 185 + 124 + 124 + 185 + 185);
    expect(run('x..x..', 'since_key').bytes).toBe(123 + 185 + 247 + 309 + 123 + 185);
  });

  it('a decoder that shows something else than the encoder meant is caught', () => {
    const tally = run('............', 'none', fakeCodec({ skew: 0.001 }).open(OPEN));
    expect([tally.exact, tally.mismatched]).toEqual([0, 12]);
  });

  it('a missing frame has the error of the estimate, an exact one that of the quantiser', () => {
    const tally = run('..x.........', 'none');
    const errors = [...tally.errors.values];
    expect(errors.filter((error) => error > 0.0051)).toHaveLength(2);
    expect(Math.max(...errors)).toBeLessThan(0.06);
    // Nothing came before: the error is that of a face at rest.
    expect(Math.max(...run('x...........', 'none').errors.values)).toBeGreaterThan(0.3);
  });
});

describe('lostDatagrams', () => {
  const share = (lost: Uint8Array) => lost.reduce((sum, each) => sum + each, 0) / lost.length;

  it.each(LOSS_CONDITIONS.filter((each) => each.repair === 'none'))('$kind at $rate', (condition) => {
    const lost = lostDatagrams(condition, 100_000, 30, 1);
    expect(share(lost) / condition.rate).toBeGreaterThan(0.9);
    expect(share(lost) / condition.rate).toBeLessThan(1.1);
    expect(lostDatagrams(condition, 100_000, 30, 1)).toEqual(lost);
    expect(lostDatagrams({ ...condition, repair: 'repeat1' }, 100_000, 30, 1)).toEqual(lost);
    expect(lostDatagrams(condition, 100_000, 30, 2)).not.toEqual(lost);
  });

  it.each([
    [30, 3, 10],
    [60, 6, 20],
  ])('outages at %d fps are %d to %d frames', (fps, least, most) => {
    const burst: LossCondition = { kind: 'burst', rate: 0.03, repair: 'none' };
    const runs = lostDatagrams(burst, 200_000, fps, 3).join('').match(/1+/g)!;
    const lengths = new Set(runs.map((each) => each.length));
    expect(Math.min(...lengths)).toBe(least);
    for (let length = least; length <= most; length++) expect(lengths).toContain(length);
  });
});
