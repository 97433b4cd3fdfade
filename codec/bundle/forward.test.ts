import { describe, expect, it } from 'vitest';
import { readVectors } from '../testing/vectors.ts';
import { fromHex, toHex } from '../vectors/make/hex.ts';
import { packBundles, parseBundle, SlotForwarder, type TimedUnit, UnitReceiver } from './index.ts';

type Step =
  | { op: 'join'; downlinks: string[] }
  | {
      op: 'uplink';
      nowUs: number;
      offsetUs: number | null;
      uncertaintyUs: number | null;
      uplink: string;
      downlink: string | null;
      refused: string | null;
      unsynced: number;
      duplicate: number;
      late: number;
      overRate: number;
    };

interface ForwardCase {
  name: string;
  alias: number;
  slot: number;
  generation: number;
  maxAgeUs: number;
  maxAheadUs: number;
  unitsPerSecond: number;
  steps: Step[];
  counts: object;
}

const cases = readVectors<ForwardCase>('forward.json');

function play(each: ForwardCase, onDownlink: (data: Uint8Array) => void = () => {}): void {
  const { alias, slot, generation, maxAgeUs, maxAheadUs, unitsPerSecond } = each;
  const forwarder = new SlotForwarder({ alias, slot, generation, maxAgeUs, maxAheadUs, unitsPerSecond });
  for (const step of each.steps) {
    if (step.op === 'join') {
      const bundles = forwarder.joinBundles();
      expect(bundles.map(toHex)).toEqual(step.downlinks);
      continue;
    }
    const { offsetUs, uncertaintyUs } = step;
    const clock = offsetUs === null || uncertaintyUs === null ? undefined : { offsetUs, uncertaintyUs };
    const result = forwarder.forward(step.nowUs, clock, fromHex(step.uplink));
    const { unsynced, duplicate, late, overRate } = result;
    expect({ refused: result.refused ?? null, unsynced, duplicate, late, overRate }).toEqual({
      refused: step.refused,
      unsynced: step.unsynced,
      duplicate: step.duplicate,
      late: step.late,
      overRate: step.overRate,
    });
    expect(result.downlink === undefined ? null : toHex(result.downlink)).toBe(step.downlink);
    if (result.downlink !== undefined) onDownlink(result.downlink);
  }
  expect(forwarder.counts).toEqual(each.counts);
}

describe('SlotForwarder', () => {
  it.each(cases)('$name', (each) => {
    play(each, (data) => {
      const bundle = parseBundle(data);
      expect(data.length).toBeLessThanOrEqual(1000);
      expect(bundle.alias).toBe(each.alias);
      expect(bundle.slots).toEqual([{ slot: each.slot, generation: each.generation }]);
    });
  });

  it('converts the clock and rewrites the header, as computed by hand', () => {
    const forwarder = new SlotForwarder({ alias: 1, slot: 3, generation: 7 });
    // Publisher: 5 s ahead of the relay; key captured 0x1000 us before the relay's 10 s; uncertainty 1 ms.
    const base = (15_000_000 - 0x1000).toString(16).padStart(12, '0');
    const own = (10_000_000 - 0x1000).toString(16).padStart(12, '0');
    const clock = { offsetUs: 5_000_000, uncertaintyUs: 1000 };
    const result = forwarder.forward(10_000_000, clock, fromHex(`01 00 01 00 ${base} 00 06 00000001 00 01 ee`));
    expect(result.downlink && toHex(result.downlink)).toBe(
      toHex(fromHex(`01 01 08 07 ${own} 10 66 00000001 00 01 ee`)),
    );
  });

  it('what a joiner gets and then hears live is a chain without holes or repeats', () => {
    const forwarder = new SlotForwarder({ alias: 4, slot: 1, generation: 0 });
    const receiver = new UnitReceiver(4);
    const clock = { offsetUs: 0, uncertaintyUs: 100 };
    const send = (sequence: number): Uint8Array => {
      const key = sequence % 8 === 0;
      const captureUs = 1_000_000 + sequence * 33_333;
      const payload = new Uint8Array(30);
      const unit: TimedUnit = { slot: 0, generation: 0, kind: 0, key, full: key, sequence, captureUs, payload };
      return forwarder.forward(captureUs + 5000, clock, packBundles([unit])[0]!).downlink!;
    };
    for (let sequence = 0; sequence < 21; sequence++) send(sequence);
    const heard = forwarder.joinBundles().flatMap((data) => receiver.receive(data));
    for (let sequence = 21; sequence < 40; sequence++) heard.push(...receiver.receive(send(sequence)));
    expect(heard.map((unit) => unit.sequence)).toEqual(Array.from({ length: 24 }, (_, n) => 16 + n));
    expect(heard[0]!.key).toBe(true);
    expect(receiver.dropped()).toEqual({});
  });
});
