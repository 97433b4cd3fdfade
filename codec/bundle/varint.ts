/** QUIC variable-length integers (RFC 9000 section 16), up to 2^53 - 1. */

/** Bytes of the shortest form. */
export function varintBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  return value < 0x4000_0000 ? 4 : 8;
}

/** Writes the shortest form; returns the offset after it. */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  if (value < 0x40) {
    out[at] = value;
    return at + 1;
  }
  if (value < 0x4000) {
    out[at] = 0x40 | (value >>> 8);
    out[at + 1] = value;
    return at + 2;
  }
  if (value < 0x4000_0000) {
    writeU32(out, at, (value | 0x8000_0000) >>> 0);
    return at + 4;
  }
  writeU32(out, at, (Math.floor(value / 2 ** 32) | 0xc000_0000) >>> 0);
  writeU32(out, at + 4, value >>> 0);
  return at + 8;
}

/** Bytes that a varint with this first byte takes. */
export function varintBytesFrom(first: number): number {
  return 1 << (first >>> 6);
}

/** Reads a varint that is known to be whole. Values over 2^53 lose their low bits: compare with a limit only. */
export function readVarint(data: Uint8Array, at: number): number {
  const first = data[at]!;
  switch (first >>> 6) {
    case 0:
      return first;
    case 1:
      return ((first & 0x3f) << 8) | data[at + 1]!;
    case 2:
      return readU32(data, at) & 0x3fff_ffff;
    default:
      return (readU32(data, at) & 0x3fff_ffff) * 2 ** 32 + readU32(data, at + 4);
  }
}

export function writeU32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

export function readU32(data: Uint8Array, at: number): number {
  return ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0;
}

export function writeU48(out: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  out[at] = high >>> 8;
  out[at + 1] = high;
  writeU32(out, at + 2, value >>> 0);
}

export function readU48(data: Uint8Array, at: number): number {
  return ((data[at]! << 8) | data[at + 1]!) * 2 ** 32 + readU32(data, at + 2);
}
