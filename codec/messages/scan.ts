import type { MessageReason } from './errors.ts';

const MAX_DEPTH = 8;

/**
 * Walks the heads of one CBOR item without decoding or allocating, so that the decoder behind never sees what could cost
 * it memory or stack: nesting over 8, counts beyond the bytes left, indefinite lengths, tags, non-text keys, bytes left.
 * Returns why the bytes are refused, or undefined.
 */
export function scanCbor(data: Uint8Array): MessageReason | undefined {
  if (data.length === 0) return 'empty';
  if (data[0]! >>> 5 !== 5) return 'not_a_map';
  const end = walk(data, 0, 1);
  if (typeof end === 'string') return end;
  return end === data.length ? undefined : 'trailing';
}

/** Offset after the item at `at`, or the reason. Recursion is bounded by MAX_DEPTH. */
function walk(data: Uint8Array, at: number, depth: number): number | MessageReason {
  if (at >= data.length) return 'truncated';
  const major = data[at]! >>> 5;
  const info = data[at]! & 31;
  if (info === 31) return 'indefinite';
  if (info > 27) return 'simple';
  const after = at + (info < 24 ? 1 : 1 + (1 << (info - 24)));
  if (after > data.length) return 'truncated';
  switch (major) {
    case 0:
    case 1:
      return after;
    case 2:
    case 3: {
      const length = argument(data, at, info);
      return length > data.length - after ? 'truncated' : after + length;
    }
    case 4:
    case 5:
      return walkItems(data, after, argument(data, at, info), major === 5, depth);
    case 6:
      return 'tag';
    default:
      // false, true, null, undefined and floats.
      return (info >= 20 && info <= 23) || (info >= 25 && info <= 27) ? after : 'simple';
  }
}

function walkItems(data: Uint8Array, at: number, count: number, map: boolean, depth: number): number | MessageReason {
  if (depth > MAX_DEPTH) return 'depth';
  if (count * (map ? 2 : 1) > data.length - at) return 'count';
  let next = at;
  for (let item = 0; item < count; item++) {
    if (map) {
      if (next >= data.length) return 'truncated';
      if (data[next]! >>> 5 !== 3) return 'key_type';
      const value = walk(data, next, depth);
      if (typeof value === 'string') return value;
      next = value;
    }
    const end = walk(data, next, depth + 1);
    if (typeof end === 'string') return end;
    next = end;
  }
  return next;
}

/** The head's argument; over 2^53 it loses low bits, which only makes a refused count. */
function argument(data: Uint8Array, at: number, info: number): number {
  if (info < 24) return info;
  let value = 0;
  for (let byte = 1; byte <= 1 << (info - 24); byte++) value = value * 256 + data[at + byte]!;
  return value;
}
