import { describe, expect, it } from 'vitest';
import { currentFaults, renderFaults } from './docs.ts';
import { broken, type Fault, lagAlone, type Measured, promised, VIEWERS } from './fault.ts';
import { openInitial, randomId, sealInitial } from './initials.ts';
import { controls, faults } from './list.ts';

const well: Measured = {
  load_held: 1,
  viewers_kept: VIEWERS,
  sessions_ended: 0,
  still_ms: 60,
  lag_p99_ms: { before: 3, during: 5, after: 4 },
  gifts: { given: 50, acked: 50, refused: 0, unanswered: 0, lost: 0, doubled: 0, reordered: 0, undelivered: 0 },
  comments: { sent: 20, taken: 20 },
};
const fault: Pick<Fault, 'limits' | 'also'> = {
  limits: { ended: 0, stillMs: 200, duringMs: 10 },
  also: { join: 'a newcomer is let in' },
};
const found = { join: { ok: true, measured: 'in after 9 ms' } };

describe('the promise of a fault', () => {
  it('is kept where everything is within its limits', () => {
    expect(broken(fault, well, found)).toEqual([]);
  });

  it.each<[string, Partial<Measured>, RegExp]>([
    ['a load that was not held', { load_held: 0.89 }, /load/],
    ['a viewer lost', { viewers_kept: VIEWERS - 1 }, /viewers kept 19/],
    ['a session ended', { sessions_ended: 1 }, /1 sessions ended/],
    ['a pause too long', { still_ms: 201 }, /201 ms/],
    ['a viewer that never had a frame', { still_ms: Number.POSITIVE_INFINITY }, /Infinity/],
    ['lag while it lasts', { lag_p99_ms: { before: 3, during: 14, after: 3 } }, /meanwhile 14/],
    ['nothing at all while it lasts', { lag_p99_ms: { before: 3, during: null, after: 3 } }, /meanwhile null/],
    ['lag after it', { lag_p99_ms: { before: 3, during: 3, after: 13.1 } }, /after it 13.1/],
    ['nothing after it', { lag_p99_ms: { before: 3, during: 3, after: Number.NaN } }, /after it NaN/],
    ['a gift lost', { gifts: { ...well.gifts, lost: 1 } }, /lost 1/],
    ['a gift doubled', { gifts: { ...well.gifts, doubled: 1 } }, /doubled 1/],
    ['a gift refused', { gifts: { ...well.gifts, refused: 1 } }, /refused 1/],
    ['gifts out of order', { gifts: { ...well.gifts, reordered: 1 } }, /out of order 1/],
    ['a gift never delivered', { gifts: { ...well.gifts, undelivered: 1 } }, /never delivered 1/],
    ['a gift without an answer', { gifts: { ...well.gifts, unanswered: 1 } }, /1 gifts unanswered/],
    ['no gift acked', { gifts: { ...well.gifts, acked: 0 } }, /no gift/],
  ])('is broken by %s', (_, spoilt, text) => {
    const why = broken(fault, { ...well, ...spoilt }, found);
    expect(why).toHaveLength(1);
    expect(why[0]).toMatch(text);
  });

  it('is broken by what was not found, or not even looked for', () => {
    expect(broken(fault, well, { join: { ok: false, measured: 'refused' } })).toEqual([
      'a newcomer is let in: refused',
    ]);
    expect(broken(fault, well, {})).toEqual(['a newcomer is let in: not found out']);
  });

  it('is of the lag alone where nothing else is broken', () => {
    const late: Measured = { ...well, lag_p99_ms: { before: 3, during: 30, after: 30 } };
    expect(lagAlone(broken(fault, late, found))).toBe(true);
    expect(lagAlone(broken(fault, { ...late, sessions_ended: 1 }, found))).toBe(false);
    expect(lagAlone(broken(fault, well, found))).toBe(false);
  });

  it('says every limit in words', () => {
    expect(promised(fault)).toBe(
      'viewers kept 20 of 20; no session ended; nobody without a new frame for over 200 ms; lag p99 meanwhile at most before + 10 ms; ' +
        'after it at most before + 10 ms; gifts lost 0, doubled 0, none refused, all answered, shown in order and delivered; a newcomer is let in',
    );
  });
});

describe('the table', () => {
  it('has at least 25 faults of different names, and controls', () => {
    const names = [...faults, ...controls].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(faults.length).toBeGreaterThanOrEqual(25);
    expect(controls.every(({ control }) => control === true)).toBe(true);
    expect(controls.length).toBeGreaterThan(0);
  });

  it('is what docs/faults.md says', () => {
    expect(currentFaults()).toBe(renderFaults());
  });
});

describe('a first packet', () => {
  // RFC 9001, appendix A: the keys that follow from this id.
  const dcid = Buffer.from('8394c8f03e515708', 'hex');

  it('comes out as it went in, for any connection', () => {
    const payload = Buffer.alloc(1150, 7);
    const packet = { version: Buffer.from([0, 0, 0, 1]), scid: Buffer.from('f067a5', 'hex'), packetNumber: 2, payload };
    for (const id of [dcid, randomId()]) expect(openInitial(sealInitial(packet, id))).toEqual(packet);
  });

  it('is protected as the example of RFC 9001, appendix A.2, begins', () => {
    const crypto =
      '060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c0' +
      '00000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500050100' +
      '000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0' +
      '010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff0704800' +
      '0ffff0801100104800075300901100f088394c8f03e51570806048000ffff';
    const payload = Buffer.concat([Buffer.from(crypto, 'hex'), Buffer.alloc(1162)]).subarray(0, 1162);
    const sealed = sealInitial(
      { version: Buffer.from([0, 0, 0, 1]), scid: Buffer.alloc(0), packetNumber: 2, payload },
      dcid,
    );
    expect(sealed.subarray(0, 34).toString('hex')).toBe(
      'c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242',
    );
    expect(openInitial(sealed).payload).toEqual(payload);
  });

  it('that was changed on its way is refused', () => {
    const packet = {
      version: Buffer.from([0, 0, 0, 1]),
      scid: Buffer.alloc(0),
      packetNumber: 0,
      payload: Buffer.alloc(1150),
    };
    const sealed = sealInitial(packet, dcid);
    sealed[700]! ^= 1;
    expect(() => openInitial(sealed)).toThrow();
  });
});
