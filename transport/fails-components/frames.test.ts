import { expect, test } from 'vitest';
import { FrameReader } from './frames.ts';

/** A client's frame, as in RFC 6455 section 5.2. */
function frame(payload: Uint8Array, { opcode = 2, fin = true, mask = [1, 2, 3, 4] } = {}): Buffer {
  const { length } = payload;
  const head =
    length > 0xffff
      ? [0xff, 0, 0, 0, 0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255]
      : length > 125
        ? [0xfe, length >>> 8, length & 255]
        : [0x80 | length];
  const body = payload.map((byte, i) => byte ^ mask[i & 3]!);
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...head, ...mask]), body]);
}

/** Payload of a frame that the reader gave out: FIN, masked with zeros. */
function payloadOf(out: Buffer): Buffer {
  const short = out[1]! & 0x7f;
  return out.subarray(short === 127 ? 14 : short === 126 ? 8 : 6);
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31) & 255);

test.each([0, 1, 125, 126, 65_535, 65_536, 200_000])(
  'a message of %i bytes comes out whole, however it is cut',
  (length) => {
    for (const step of [1, 7, 4096, 1_000_000]) {
      if (step < 7 && length > 1000) continue;
      const out: Buffer[] = [];
      const reader = new FrameReader((whole) => out.push(whole));
      const input = Buffer.concat([frame(bytes(length)), frame(Uint8Array.of(9))]);
      for (let at = 0; at < input.length; at += step) reader.push(input.subarray(at, at + step));
      expect(out.map((whole) => payloadOf(whole).equals(bytes(length))).slice(0, 1)).toEqual([true]);
      expect(out).toHaveLength(2);
      expect(out[0]![0]).toBe(0x82);
    }
  },
);

test('fragments are joined; a ping between them passes at once', () => {
  const out: Buffer[] = [];
  const reader = new FrameReader((whole) => out.push(whole));
  reader.push(frame(Uint8Array.of(1, 2), { fin: false }));
  reader.push(frame(Uint8Array.of(7), { opcode: 9 }));
  reader.push(frame(Uint8Array.of(3), { opcode: 0, fin: false }));
  reader.push(frame(Uint8Array.of(4), { opcode: 0 }));
  expect(out.map((whole) => [whole[0], ...payloadOf(whole)])).toEqual([
    [0x89, 7],
    [0x82, 1, 2, 3, 4],
  ]);
});

test.each([
  ['reserved bits', Buffer.from([0xf2, 0x80, 0, 0, 0, 0])],
  ['no mask', Buffer.from([0x82, 0x01, 0])],
  ['text', frame(Uint8Array.of(1), { opcode: 1 })],
  ['unknown opcode', frame(Uint8Array.of(1), { opcode: 3 })],
  ['continuation of nothing', frame(Uint8Array.of(1), { opcode: 0 })],
  ['a message inside another', Buffer.concat([frame(bytes(1), { fin: false }), frame(bytes(1))])],
  ['a fragmented ping', frame(bytes(1), { opcode: 9, fin: false })],
  ['a long ping', frame(bytes(126), { opcode: 9 })],
  ['a frame too long, told by its header', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 4, 0, 1])],
  ['over 4 GB', Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0])],
])('refused: %s', (_, input) => {
  const reader = new FrameReader(() => {});
  expect(() => reader.push(input)).toThrow(/./);
});

test('a message without end is refused at its limit', () => {
  const reader = new FrameReader(() => {});
  reader.push(frame(bytes(1), { fin: false }));
  let sent = 1;
  expect(() => {
    for (; sent < 10_000_000; sent += 60_000) reader.push(frame(bytes(60_000), { opcode: 0, fin: false }));
  }).toThrow(RangeError);
  expect(sent).toBeLessThan(400_000);
});
