import { type ReceivedUnit, UNIT_KIND, type UnitKind } from '@hayate/codec/bundle';
import { expect, it } from 'vitest';
import { Bundles } from './bundles.ts';

const unit = (kind: UnitKind, sequence: number, captureMs: number, generation = 1): ReceivedUnit => ({
  ...{ slot: 0, generation, kind, key: false, sequence, captureUs: captureMs * 1000 },
  ...{ uncertaintyUs: 0, payload: new Uint8Array() },
});
const voice = (sequence: number, captureMs: number) => unit(UNIT_KIND.voice, sequence, captureMs);
const motion = (sequence: number, captureMs: number, generation?: number) =>
  unit(UNIT_KIND.motion, sequence, captureMs, generation);

it('tells how long units waited for those behind them in the same datagram', () => {
  const bundles = new Bundles();
  bundles.arrived(100, [motion(0, 0), voice(0, 0)]);
  expect(bundles.counts).toEqual({ datagrams: 1, bytes: 100, units: 0, voiceUnits: 0, heldMs: 0 });
  // Two voice packets: the first has waited 20 ms. Three frames: 33 and 16 ms.
  bundles.arrived(100, [motion(1, 17), voice(1, 20), motion(2, 34), voice(2, 40), motion(3, 50)]);
  expect(bundles.counts).toEqual({ datagrams: 2, bytes: 200, units: 5, voiceUnits: 2, heldMs: 20 + 33 + 16 });
});

it('counts nothing as held that came alone, again, or to a joiner', () => {
  const bundles = new Bundles();
  // The motion since the last key.
  bundles.arrived(100, [motion(8, 0), motion(9, 17), motion(10, 34)]);
  bundles.arrived(100, [motion(11, 50)]);
  // A repair of what was before the newest.
  bundles.arrived(100, [motion(7, -17)]);
  expect(bundles.counts).toEqual({ datagrams: 3, bytes: 300, units: 1, voiceUnits: 0, heldMs: 0 });
  // Another liver in the slot counts from anew.
  bundles.arrived(100, [motion(0, 100, 2), motion(1, 110, 2)]);
  expect(bundles.counts).toEqual({ datagrams: 4, bytes: 400, units: 3, voiceUnits: 0, heldMs: 10 });
});
