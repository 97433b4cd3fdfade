import { ARKIT_CHANNELS, BLENDSHAPE_COUNT, type MotionFrame } from '@hayate/codec/motion';

/** Steps: blendshapes 0..255 in 1/127, angles +-3.145 rad in 0.005. */
const BLENDSHAPE = { step: 1 / 127, min: 0, max: 255, bits: 8 };
const ANGLE = { step: 0.005, min: -629, max: 629, bits: 11 };
/** A small difference is -8..7. */
const SMALL_BITS = 4;

const quantiserOf = (channel: number) => (channel < BLENDSHAPE_COUNT ? BLENDSHAPE : ANGLE);

export function quantised(frame: MotionFrame): Int16Array {
  return Int16Array.from(ARKIT_CHANNELS, (_, channel) => {
    const { step, min, max } = quantiserOf(channel);
    return Math.min(max, Math.max(min, Math.round(frame.values[channel]! / step)));
  });
}

/**
 * A snapshot against a baseline that the receiver has, bit-packed as in gafferongames.com/post/snapshot_compression:
 * a bit a channel for "changed"; then a bit for "small" with 4 bits of difference, else the whole value.
 */
export function encodeSnapshot(values: Int16Array, baseline: Int16Array): Uint8Array {
  const bits: number[] = [];
  const write = (value: number, count: number) => {
    for (let bit = count - 1; bit >= 0; bit--) bits.push((value >> bit) & 1);
  };
  for (const [channel, value] of values.entries()) {
    const difference = value - baseline[channel]!;
    write(difference === 0 ? 0 : 1, 1);
    if (difference === 0) continue;
    const small = difference >= -8 && difference <= 7;
    write(small ? 1 : 0, 1);
    const { min, bits: whole } = quantiserOf(channel);
    if (small) write(difference + 8, SMALL_BITS);
    else write(value - min, whole);
  }
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [index, bit] of bits.entries()) bytes[index >> 3]! |= bit << (7 - (index & 7));
  return bytes;
}

export function decodeSnapshot(bytes: Uint8Array, baseline: Int16Array): Int16Array {
  let at = 0;
  const read = (count: number): number => {
    let value = 0;
    for (let bit = 0; bit < count; bit++, at++) value = (value << 1) | ((bytes[at >> 3]! >> (7 - (at & 7))) & 1);
    return value;
  };
  return baseline.map((base, channel) => {
    if (read(1) === 0) return base;
    const { min, bits } = quantiserOf(channel);
    return read(1) === 1 ? base + read(SMALL_BITS) - 8 : read(bits) + min;
  });
}
