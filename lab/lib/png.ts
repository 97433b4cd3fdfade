import { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Bits of each colour that nobody sees in a photograph of a page, and that cost a third of its bytes. */
const DROPPED_BITS = 2;

interface Raw {
  width: number;
  height: number;
  /** Bytes a pixel: 3 or 4, of 8 bits each. */
  channels: number;
  pixels: Buffer;
}

/** A screenshot (8 bits a channel, not interlaced, as browsers write them) without transparency, and smaller. */
export function smallerPng(png: Buffer): Buffer {
  const { width, height, channels, pixels } = decode(png);
  const mask = 0xff << DROPPED_BITS;
  const half = 1 << (DROPPED_BITS - 1);
  const rows: Buffer[] = [];
  let above = Buffer.alloc(width * 3);
  for (let y = 0; y < height; y += 1) {
    const row = Buffer.alloc(width * 3);
    for (let x = 0; x < width; x += 1) {
      for (let c = 0; c < 3; c += 1) {
        row[x * 3 + c] = Math.min(0xff, pixels[(y * width + x) * channels + c]! + half) & mask;
      }
    }
    rows.push(best(row, above));
    above = row;
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const data = deflateSync(Buffer.concat(rows), { level: 9, memLevel: 9 });
  return Buffer.concat([SIGNATURE, chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

/** The filter of a row (PNG, section 9) whose differences are least. */
function best(row: Buffer, above: Buffer): Buffer {
  let least = Number.POSITIVE_INFINITY;
  let chosen = Buffer.alloc(0);
  for (const type of [0, 1, 2, 3, 4]) {
    const out = Buffer.alloc(row.length + 1);
    out[0] = type;
    let sum = 0;
    for (let i = 0; i < row.length; i += 1) {
      const value = (row[i]! - predicted(type, row, above, i, 3)) & 0xff;
      out[i + 1] = value;
      sum += value < 128 ? value : 256 - value;
    }
    if (sum >= least) continue;
    least = sum;
    chosen = out;
  }
  return chosen;
}

function predicted(type: number, row: Buffer, above: Buffer, i: number, channels: number): number {
  const left = i >= channels ? row[i - channels]! : 0;
  const up = above[i]!;
  if (type === 0) return 0;
  if (type === 1) return left;
  if (type === 2) return up;
  if (type === 3) return (left + up) >> 1;
  const corner = i >= channels ? above[i - channels]! : 0;
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function decode(png: Buffer): Raw {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error('no PNG');
  const parts: Buffer[] = [];
  let head: Buffer | undefined;
  for (let at = 8; at < png.length; ) {
    const size = png.readUInt32BE(at);
    const body = png.subarray(at + 8, at + 8 + size);
    const type = png.toString('latin1', at + 4, at + 8);
    if (type === 'IHDR') head = body;
    if (type === 'IDAT') parts.push(body);
    at += 12 + size;
  }
  if (head?.[8] !== 8 || head[12] !== 0) throw new Error('not a PNG as browsers write them');
  const channels = { 2: 3, 6: 4 }[head[9]!];
  if (channels === undefined) throw new Error(`colour type ${head[9]}`);
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const packed = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const pixels = Buffer.alloc(stride * height);
  let above = Buffer.alloc(stride);
  for (let y = 0; y < height; y += 1) {
    const type = packed[y * (stride + 1)]!;
    const row = pixels.subarray(y * stride, (y + 1) * stride);
    for (let i = 0; i < stride; i += 1) {
      row[i] = (packed[y * (stride + 1) + 1 + i]! + predicted(type, row, above, i, channels)) & 0xff;
    }
    above = row;
  }
  return { width, height, channels, pixels };
}

const CRCS = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  let crc = 0xffffffff;
  for (const byte of named) crc = CRCS[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  const out = Buffer.alloc(8);
  out.writeUInt32BE(body.length, 0);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 4);
  return Buffer.concat([out.subarray(0, 4), named, out.subarray(4)]);
}
