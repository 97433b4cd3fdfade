import { HayateError } from '@hayate/codec/errors';

/** Opus in Ogg (RFC 7845) on RFC 3533 pages: whole files, one logical stream. */

const PAGE_HEAD_BYTES = 27;
const CONTINUED = 1;
/** An Opus packet of 120 ms has at most 61 440 bytes with its lacing; more is no Opus. */
const MAX_PACKET_BYTES = 61_440;

export interface OpusPacket {
  data: Uint8Array;
  /** Samples at 48 kHz. */
  samples: number;
}

export interface OpusFile {
  channels: 1 | 2;
  /** Samples at 48 kHz that a decoder throws away at the start. */
  preSkip: number;
  packets: OpusPacket[];
}

function fault(message: string): HayateError {
  return new HayateError('invalid_argument', `not a usable Ogg Opus file: ${message}`);
}

/** The table of Ogg's CRC: polynomial 0x04c11db7, no reflection, start 0. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value & 0x8000_0000 ? (value << 1) ^ 0x04c1_1db7 : value << 1;
  return value >>> 0;
});

/** Checksum of a page; its own field (bytes 22 to 25) counts as zero. */
export function oggChecksum(page: Uint8Array): number {
  let crc = 0;
  for (let i = 0; i < page.length; i++) {
    const byte = i >= 22 && i < 26 ? 0 : page[i]!;
    crc = ((crc << 8) ^ CRC_TABLE[((crc >>> 24) ^ byte) & 255]!) >>> 0;
  }
  return crc;
}

interface Page {
  continued: boolean;
  serial: number;
  lacing: Uint8Array;
  body: Uint8Array;
}

function* pages(file: Uint8Array): Generator<Page> {
  let at = 0;
  while (at < file.length) {
    const head = file.subarray(at, at + PAGE_HEAD_BYTES);
    if (head.length < PAGE_HEAD_BYTES) throw fault(`page cut short at byte ${at}`);
    if (head[0] !== 0x4f || head[1] !== 0x67 || head[2] !== 0x67 || head[3] !== 0x53) {
      throw fault(`no page ("OggS") at byte ${at}`);
    }
    if (head[4] !== 0) throw fault(`unknown page version ${head[4]} at byte ${at}`);
    const view = new DataView(head.buffer, head.byteOffset, PAGE_HEAD_BYTES);
    const segments = head[26]!;
    const lacing = file.subarray(at + PAGE_HEAD_BYTES, at + PAGE_HEAD_BYTES + segments);
    let length = PAGE_HEAD_BYTES + segments;
    for (const lace of lacing) length += lace;
    const page = file.subarray(at, at + length);
    if (lacing.length < segments || page.length < length) throw fault(`page cut short at byte ${at}`);
    if (oggChecksum(page) !== view.getUint32(22, true)) throw fault(`wrong checksum of the page at byte ${at}`);
    yield {
      continued: (head[5]! & CONTINUED) !== 0,
      serial: view.getUint32(14, true),
      lacing,
      body: page.subarray(PAGE_HEAD_BYTES + segments),
    };
    at += length;
  }
}

/** Packets of the first logical stream; others are skipped. A last packet without its end is left out. */
function* packets(file: Uint8Array): Generator<Uint8Array> {
  let serial: number | undefined;
  let parts: Uint8Array[] = [];
  let held = 0;
  for (const page of pages(file)) {
    serial ??= page.serial;
    if (page.serial !== serial) continue;
    // A continuation whose start was never seen is skipped up to its end; a start that is not continued is dropped.
    let skipping = page.continued && parts.length === 0;
    if (!page.continued) {
      parts = [];
      held = 0;
    }
    let from = 0;
    let to = 0;
    for (const lace of page.lacing) {
      to += lace;
      if (lace === 255) continue;
      if (!skipping) {
        parts.push(page.body.subarray(from, to));
        yield join(parts, held + to - from);
      }
      skipping = false;
      parts = [];
      held = 0;
      from = to;
    }
    if (to > from && !skipping) {
      parts.push(page.body.subarray(from, to));
      held += to - from;
      if (held > MAX_PACKET_BYTES) throw fault(`a packet of more than ${MAX_PACKET_BYTES} bytes`);
    }
  }
}

function join(parts: Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Samples at 48 kHz of an Opus packet, by its first bytes (RFC 6716 section 3.1). Throws on an empty or overlong one. */
export function opusPacketSamples(packet: Uint8Array): number {
  if (packet.length === 0) throw fault('an empty packet');
  const toc = packet[0]!;
  const config = toc >> 3;
  // SILK 10, 20, 40, 60 ms; hybrid 10, 20 ms; CELT 2.5, 5, 10, 20 ms.
  const frame =
    config < 12 ? [480, 960, 1920, 2880][config & 3]! : config < 16 ? 480 << (config & 1) : 120 << (config & 3);
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 63;
  const samples = frame * frames;
  if (samples === 0 || samples > 5760) throw fault('a packet of no or more than 120 ms');
  return samples;
}

const ascii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** Takes a whole file apart. Throws `invalid_argument`. */
export function readOpusFile(file: Uint8Array): OpusFile {
  const source = packets(file);
  const head = source.next().value;
  if (!head || ascii(head.subarray(0, 8)) !== 'OpusHead' || head.length < 19) throw fault('no OpusHead at its start');
  if ((head[8]! & 0xf0) !== 0) throw fault(`unknown OpusHead version ${head[8]}`);
  const channels = head[9]!;
  if (channels !== 1 && channels !== 2) throw fault(`${channels} channels; 1 or 2 work`);
  const preSkip = head[10]! | (head[11]! << 8);
  const tags = source.next().value;
  if (!tags || ascii(tags.subarray(0, 8)) !== 'OpusTags') throw fault('no OpusTags after OpusHead');
  const found: OpusPacket[] = [];
  for (const data of source) found.push({ data, samples: opusPacketSamples(data) });
  if (found.length === 0) throw fault('no sound in it');
  return { channels, preSkip, packets: found };
}
