import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyConfig, anyFrames } from '../../testing/arbitraries.ts';
import { fuzz } from '../../testing/fuzz.ts';
import { talkFrame } from '../../testing/talk.ts';
import type { DecodeResult, EncodedUnit, MotionConfig, MotionFrame } from '../types.ts';
import { MAX_REACH, MAX_WAITING } from './decoder.ts';
import { createFaceDecoder, createFaceEncoder, faceConfig, MAX_UNIT_BYTES } from './index.ts';

const config = faceConfig({ fps: 30 });
const talk = Array.from({ length: 80 }, (_, n) => talkFrame(n / 30));

interface Sent extends EncodedUnit {
  /** What the encoder reconstructs. */
  frame: MotionFrame;
}

function send(frames: readonly MotionFrame[], keyInterval: number, own: MotionConfig = config): Sent[] {
  const encoder = createFaceEncoder(own, { keyInterval });
  return frames.map((frame) => {
    const unit = encoder.encode(frame);
    const { face, values } = encoder.reconstruction;
    return { ...unit, frame: { face, values: values.slice() } };
  });
}

const TALK = send(talk, 8);

/** `kind` and sequence, as `exact 3`. */
const text = (result: DecodeResult | undefined) => (result === undefined ? '-' : `${result.kind} ${result.sequence}`);

/** A decoder fed with TALK: each number's result, and those of `next()` behind it. */
function feed(sequences: readonly number[], decoder = createFaceDecoder(config), units = TALK): string[] {
  return sequences.flatMap((sequence) => {
    const results = [text(decoder.decode(sequence, units[sequence]!.key, units[sequence]!.data))];
    for (let next = decoder.next(); next !== undefined; next = decoder.next()) results.push(text(next));
    return results;
  });
}

describe('face-1 decoder', () => {
  it('results by the order in which units come', () => {
    expect(feed([0, 1, 2])).toEqual(['exact 0', 'exact 1', 'exact 2']);
    expect(feed([1, 2, 8])).toEqual(['waiting_for_key 1', 'waiting_for_key 2', 'exact 8']);
    expect(feed([0, 2, 3, 1, 4])).toEqual([
      ...['exact 0', 'waiting_for_key 2', 'waiting_for_key 3', 'late_used 1', 'late_used 2', 'exact 3', 'exact 4'],
    ]);
    expect(feed([0, 2, 8, 1, 2, 9])).toEqual([
      'exact 0',
      'waiting_for_key 2',
      'exact 8',
      'stale 1',
      'stale 2',
      'exact 9',
    ]);
    expect(feed([0, 10, 8, 9])).toEqual(['exact 0', 'waiting_for_key 10', 'late_used 8', 'late_used 9', 'exact 10']);
    expect(feed([0, 0, 2, 2, 1, 1])).toEqual([
      ...['exact 0', 'stale 0', 'waiting_for_key 2', 'waiting_for_key 2', 'late_used 1', 'exact 2', 'stale 1'],
    ]);
  });

  it('reset forgets the pose and what waits', () => {
    const decoder = createFaceDecoder(config);
    feed([0, 1, 3], decoder);
    decoder.reset();
    expect(text(decoder.next())).toBe('-');
    expect(text(decoder.conceal(2))).toBe('waiting_for_key 2');
    expect(feed([2, 0, 1], decoder)).toEqual(['waiting_for_key 2', 'late_used 0', 'late_used 1', 'exact 2']);
  });

  it("any part of a stream in any order: every frame is the encoder's, none against a wrong reference", () => {
    const any = anyConfig.chain((own) =>
      fc.record({
        own: fc.constant(own),
        frames: anyFrames(own, 24).filter((frames) => frames.length > 0),
        keyInterval: fc.integer({ min: 1, max: 9 }),
        first: fc.oneof(fc.nat(100), fc.integer({ min: 0xffff_ffe8, max: 0xffff_ffff }), fc.constant(0x7fff_fff0)),
        order: fc.array(fc.nat(23), { maxLength: 40 }),
      }),
    );
    fc.assert(
      fc.property(any, ({ own, frames, keyInterval, first, order }) => {
        const units = send(frames, keyInterval, own);
        const decoder = createFaceDecoder(own);
        // What the rules of docs/motion-codec.md say, without any byte.
        let last = -1;
        let newest = -1;
        const waiting = new Set<number>();
        const check = (result: DecodeResult | undefined, place: number) => {
          last = place;
          newest = Math.max(newest, place);
          for (const each of waiting) if (each <= place) waiting.delete(each);
          expect(result).toEqual({
            kind: place === newest ? 'exact' : 'late_used',
            sequence: (first + place) >>> 0,
            frame: units[place]!.frame,
          });
        };
        for (const place of order.filter((each) => each < units.length)) {
          const { key, data } = units[place]!;
          const result = decoder.decode((first + place) >>> 0, key, data);
          if (place <= last) {
            expect(result.kind).toBe('stale');
          } else if (key || (last !== -1 && place === last + 1)) {
            check(result, place);
          } else {
            expect(result.kind).toBe('waiting_for_key');
            newest = Math.max(newest, place);
            waiting.add(place);
          }
          while (last !== -1 && waiting.has(last + 1)) check(decoder.next(), last + 1);
          expect(decoder.next()).toBeUndefined();
        }
      }),
      fuzz(300),
    );
  });

  it('holds a bounded count of waiting units: the oldest goes', () => {
    const units = send(talk, 80);
    const decoder = createFaceDecoder(config);
    const later = Array.from({ length: MAX_WAITING + 2 }, (_, n) => n + 2);
    expect(new Set(feed(later, decoder, units).map((each) => each.split(' ')[0]))).toEqual(
      new Set(['waiting_for_key']),
    );
    expect(feed([0, 1], decoder, units)).toEqual(['late_used 0', 'late_used 1']);
    // 2 and 3 are gone; 4 and all after it are still there.
    expect(feed([2], decoder, units)).toEqual(['late_used 2']);
    const rest = feed([3], decoder, units);
    expect(rest).toHaveLength(MAX_WAITING + 1);
    expect(rest.at(-1)).toBe(`exact ${MAX_WAITING + 3}`);
  });

  it('an older unit than all that wait does not push one out', () => {
    const units = send(talk, 80);
    const decoder = createFaceDecoder(config);
    feed(
      Array.from({ length: MAX_WAITING }, (_, n) => n + 3),
      decoder,
      units,
    );
    expect(feed([2, 0, 1], decoder, units)).toEqual(['waiting_for_key 2', 'late_used 0', 'late_used 1']);
    expect(feed([2], decoder, units)).toHaveLength(MAX_WAITING + 1);
  });

  it('a unit from far ahead leaves no trace', () => {
    const units = send(talk, 80);
    const decoder = createFaceDecoder(config);
    expect(feed([0], decoder, units)).toEqual(['exact 0']);
    const far = units.find(({ key }) => !key)!.data;
    expect(decoder.decode(MAX_REACH + 1, false, far).kind).toBe('waiting_for_key');
    expect(feed([1], decoder, units)).toEqual(['exact 1']);
    // One frame nearer it is taken for a loss, and the present is late.
    expect(decoder.decode(MAX_REACH + 1, false, far).kind).toBe('waiting_for_key');
    expect(feed([2], decoder, units)).toEqual(['late_used 2']);
  });

  it('keeps its own copy of what waits', () => {
    const decoder = createFaceDecoder(config);
    const shared = new Uint8Array(MAX_UNIT_BYTES);
    const put = (n: number) => {
      shared.fill(0xee).set(TALK[n]!.data);
      return decoder.decode(n, TALK[n]!.key, shared.subarray(0, TALK[n]!.data.length));
    };
    expect([0, 2, 3, 1].map((n) => text(put(n)))).toEqual([
      'exact 0',
      'waiting_for_key 2',
      'waiting_for_key 3',
      'late_used 1',
    ]);
    shared.fill(0);
    expect(decoder.next()).toMatchObject({ kind: 'late_used', frame: TALK[2]!.frame });
    expect(decoder.next()).toMatchObject({ kind: 'exact', frame: TALK[3]!.frame });
  });

  it('what is malformed leaves the state as it was', () => {
    const decoder = createFaceDecoder(config);
    const bad = [
      ...[new Uint8Array(1), new Uint8Array(MAX_UNIT_BYTES).fill(255), new Uint8Array(MAX_UNIT_BYTES + 1)],
      ...TALK.slice(0, 20).map(({ data }) => Uint8Array.of(...data, 0)),
    ];
    for (const [n, unit] of TALK.entries()) {
      for (const data of bad) {
        for (const key of [true, false]) {
          const result = decoder.decode(n, key, data);
          // Before the first key a chain unit is not even read, unless it is too long.
          if (n === 0 && !key && data.length <= MAX_UNIT_BYTES) continue;
          expect(result).toMatchObject({ kind: 'malformed', sequence: n, reason: expect.stringMatching(/./) });
        }
      }
      expect(decoder.decode(n, unit.key, unit.data)).toEqual({ kind: 'exact', sequence: n, frame: unit.frame });
    }
  });

  it('a malformed unit that waited is told by next(), once', () => {
    const decoder = createFaceDecoder(config);
    decoder.decode(0, true, TALK[0]!.data);
    decoder.decode(2, false, Uint8Array.of(...TALK[2]!.data, 0));
    decoder.decode(1, false, TALK[1]!.data);
    expect([text(decoder.next()), text(decoder.next())]).toEqual(['malformed 2', '-']);
    expect(decoder.decode(2, false, TALK[2]!.data)).toMatchObject({ kind: 'exact', frame: TALK[2]!.frame });
  });

  it('conceals without a change of state', () => {
    const decoder = createFaceDecoder(config);
    const other = createFaceDecoder(config);
    expect(text(decoder.conceal(5))).toBe('waiting_for_key 5');
    for (const [n, { key, data, frame }] of TALK.entries()) {
      expect(text(decoder.conceal(n))).toBe(n === 0 ? 'waiting_for_key 0' : `concealed ${n}`);
      if (n > 0) expect(text(decoder.conceal(n - 1))).toBe(`stale ${n - 1}`);
      expect(decoder.decode(n, key, data)).toEqual(other.decode(n, key, data));
      const held = decoder.decode(n, key, data);
      expect(held.kind).toBe('stale');
      const far = decoder.conceal(n + 1_000_000);
      if (far.kind !== 'concealed') throw new Error(far.kind);
      // The velocity dies out: no further than one more step of the last change.
      const before = TALK[n - 1]?.frame.values ?? frame.values;
      for (const [channel, value] of far.frame.values.entries()) {
        const change = Math.abs(frame.values[channel]! - before[channel]!);
        expect(Math.abs(value - frame.values[channel]!)).toBeLessThanOrEqual(change + 1e-6);
      }
    }
  });

  it('conceals by half the last change, then a quarter', () => {
    const units = send(
      [0.2, 0.4, 0.4].map((jawOpen, n) => ({ face: n < 2, values: new Float32Array(61).fill(jawOpen, 17, 18) })),
      8,
    );
    const decoder = createFaceDecoder(config);
    const jaw = (sequence: number) => {
      const result = decoder.conceal(sequence);
      return result.kind === 'concealed' ? result.frame.values[17]! : Number.NaN;
    };
    feed([0], decoder, units);
    const first = units[0]!.frame.values[17]!;
    expect([jaw(1), jaw(9)]).toEqual([first, first]);
    feed([1], decoder, units);
    const second = units[1]!.frame.values[17]!;
    expect(jaw(2)).toBeCloseTo(second + (second - first) / 2, 5);
    expect(jaw(3)).toBeCloseTo(second + (second - first) * 0.75, 5);
    // Without a face the pose rests.
    feed([2], decoder, units);
    expect(decoder.conceal(3)).toMatchObject({ kind: 'concealed', frame: { face: false } });
    expect(jaw(3)).toBe(second);
  });

  it('conceals rest after a key without a face, though one was before', () => {
    const units = send([talk[3]!, { face: false, values: new Float32Array(61) }], 1);
    const decoder = createFaceDecoder(config);
    feed([0, 1], decoder, units);
    const result = decoder.conceal(2);
    expect(result).toMatchObject({ kind: 'concealed', frame: { face: false } });
    if ('frame' in result) expect(result.frame.values.every((value) => value === 0)).toBe(true);
  });
});
