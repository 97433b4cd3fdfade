import { describe, expect, it } from 'vitest';
import { readVectors } from '../testing/vectors.ts';
import {
  packBundles,
  SequenceExtender,
  type SequenceVerdict,
  type TimedUnit,
  UnitReceiver,
  UnitSender,
} from './index.ts';

interface SequenceCase {
  name: string;
  steps: {
    sequence: number;
    full: boolean;
    captureUs: number;
    verdict: SequenceVerdict;
    extended: number | null;
    lost: number;
  }[];
}

describe('SequenceExtender', () => {
  it.each(readVectors<SequenceCase>('sequence.json'))('$name', ({ steps }) => {
    const extender = new SequenceExtender();
    for (const step of steps) {
      const verdict = extender.offer(step.sequence, step.full, step.captureUs);
      const extended = verdict === 'unsynced' ? null : extender.extended;
      expect({ verdict, extended, lost: extender.lost }).toEqual({
        verdict: step.verdict,
        extended: step.extended,
        lost: step.lost,
      });
    }
  });

  it('loses exactly the hole that left the window, as computed by hand', () => {
    const extender = new SequenceExtender();
    extender.offer(0, true, 0);
    extender.offer(3, false, 3);
    expect(extender.lost).toBe(0);
    for (let n = 4; n <= 66; n++) extender.offer(n & 0xff, false, n);
    // L = 66: sequence 1 and 2 are 65 and 64 behind.
    expect(extender.lost).toBe(2);
    expect(extender.received).toBe(65);
  });
});

const unit = (fields: Partial<TimedUnit>): TimedUnit => ({
  slot: 0,
  generation: 1,
  kind: 0,
  key: true,
  full: true,
  sequence: 0,
  captureUs: 1_000_000,
  payload: Uint8Array.of(1),
  ...fields,
});

const datagram = (alias: number, ...units: Partial<TimedUnit>[]): Uint8Array =>
  packBundles(units.map(unit), { alias, uncertainty16: 16 })[0]!;

describe('UnitReceiver', () => {
  it('gives units with extended identity, once', () => {
    const receiver = new UnitReceiver(9);
    const first = datagram(9, { sequence: 300 }, { sequence: 301, full: false, captureUs: 1_033_000 });
    expect(receiver.receive(first)).toEqual([
      {
        slot: 0,
        generation: 1,
        kind: 0,
        key: true,
        sequence: 300,
        captureUs: 1_000_000,
        uncertaintyUs: 1000,
        payload: Uint8Array.of(1),
      },
      expect.objectContaining({ sequence: 301, captureUs: 1_033_000 }),
    ]);
    expect(receiver.receive(first)).toEqual([]);
    expect(receiver.dropped()).toEqual({ duplicate: 2 });
    expect(receiver.counts(0, 0)).toEqual({ received: 2, lost: 0, duplicate: 2 });
  });

  it('counts malformed datagrams and those of another room, and goes on', () => {
    const receiver = new UnitReceiver(9);
    receiver.receive(Uint8Array.of(1, 2));
    receiver.receive(datagram(8, {}));
    expect(receiver.dropped()).toEqual({ truncated: 1, other_alias: 1 });
    expect(receiver.receive(datagram(9, {}))).toHaveLength(1);
  });

  it('forgets a slot at a newer generation, over the wrap too, and drops older ones', () => {
    const receiver = new UnitReceiver(9);
    expect(receiver.receive(datagram(9, { generation: 255, sequence: 5 }))).toHaveLength(1);
    // The same sequence is another unit in another generation; a short one needs a full one first.
    expect(receiver.receive(datagram(9, { generation: 0, sequence: 6, full: false }))).toEqual([]);
    expect(receiver.receive(datagram(9, { generation: 0, sequence: 5 }))).toHaveLength(1);
    expect(receiver.receive(datagram(9, { generation: 255, sequence: 7 }))).toEqual([]);
    expect(receiver.dropped()).toEqual({ unsynced: 1, old_generation: 1 });
  });

  it('takes the generation that the control stream tells', () => {
    const receiver = new UnitReceiver(9);
    receiver.setGeneration(0, 4);
    expect(receiver.receive(datagram(9, { generation: 3 }))).toEqual([]);
    expect(receiver.receive(datagram(9, { generation: 4 }))).toHaveLength(1);
    receiver.setGeneration(0, 4);
    expect(receiver.receive(datagram(9, { generation: 4 }))).toEqual([]);
    expect(receiver.dropped()).toEqual({ old_generation: 1, duplicate: 1 });
  });

  it('keeps slots and kinds apart', () => {
    const receiver = new UnitReceiver(9);
    const data = datagram(9, { sequence: 5 }, { sequence: 5, kind: 1 }, { sequence: 5, slot: 3 });
    expect(receiver.receive(data)).toHaveLength(3);
  });
});

describe('UnitSender', () => {
  it('counts each kind, and writes whole: motion keys, events, voice of the first half second and then a packet each 200 ms', () => {
    const sender = new UnitSender();
    const payload = new Uint8Array(1);
    const motion = [true, false, false].map((key, n) => sender.unit(0, payload, n, key));
    expect(motion.map(({ sequence, key, full }) => [sequence, key, full])).toEqual([
      [0, true, true],
      [1, false, false],
      [2, false, false],
    ]);
    const voice = Array.from({ length: 46 }, (_, n) => sender.unit(1, payload, n * 20_000));
    const atFirst = Array.from({ length: 25 }, (_, n) => n);
    expect(voice.filter((each) => each.full).map((each) => each.sequence)).toEqual([...atFirst, 34, 44]);
    expect(voice.every((each) => each.key)).toBe(true);
    expect(sender.unit(2, payload, 0)).toMatchObject({ sequence: 0, key: true, full: true });
  });

  it('is heard at once by a receiver that misses its first packets', () => {
    const sender = new UnitSender();
    const receiver = new UnitReceiver(0);
    const sent = Array.from({ length: 5 }, (_, n) => sender.unit(1, Uint8Array.of(n), n * 20_000));
    const got = sent.slice(3).flatMap((unit) => [...receiver.receive(packBundles([unit])[0]!)]);
    expect(got.map(({ sequence }) => sequence)).toEqual([3, 4]);
  });

  it('is understood by a receiver over ten minutes', () => {
    const sender = new UnitSender();
    const receiver = new UnitReceiver(0);
    let got = 0;
    for (let n = 0; n < 30_000; n++) {
      const sent = sender.unit(1, Uint8Array.of(n), n * 20_000);
      for (const each of receiver.receive(packBundles([sent])[0]!)) {
        expect(each.sequence).toBe(n);
        got++;
      }
    }
    expect(got).toBe(30_000);
  });
});
