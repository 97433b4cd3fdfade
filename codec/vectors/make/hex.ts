export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

/** `count` bytes that differ from each other and from zero: a payload one recognises. */
export function filler(count: number, first = 0x10): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => ((first + index) % 255) + 1);
}

export interface VectorFile {
  description: string;
  cases: object[];
}
