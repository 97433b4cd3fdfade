import { oggChecksum } from '../ogg.ts';

/** A small Ogg writer: just enough for tests of the reader. */
export const text = (value: string) => new TextEncoder().encode(value);

export function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function page(options: {
  serial?: number;
  continued?: boolean;
  lacing: number[];
  body: Uint8Array;
}): Uint8Array {
  const head = new Uint8Array(27 + options.lacing.length);
  head.set(text('OggS'));
  head[5] = options.continued ? 1 : 0;
  new DataView(head.buffer).setUint32(14, options.serial ?? 7, true);
  head[26] = options.lacing.length;
  head.set(options.lacing, 27);
  const whole = concat(head, options.body);
  new DataView(whole.buffer).setUint32(22, oggChecksum(whole), true);
  return whole;
}

/** One packet of under 64 kB on a page of its own. */
export function simplePage(packet: Uint8Array, serial = 7): Uint8Array {
  const lacing = [...Array<number>(Math.floor(packet.length / 255)).fill(255), packet.length % 255];
  return page({ serial, lacing, body: packet });
}

export function opusHead(channels = 1, preSkip = 312): Uint8Array {
  return concat(text('OpusHead'), Uint8Array.of(1, channels, preSkip & 255, preSkip >> 8, 0x80, 0xbb, 0, 0, 0, 0, 0));
}

export const TAGS = concat(text('OpusTags'), new Uint8Array(8));
