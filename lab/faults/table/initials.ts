// QUIC Initial packets (RFC 9001, section 5): what a client sends first, and anybody can make.
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Engine } from '@hayate/engine';

/** RFC 9001, section 5.2. */
const SALT = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex');
const TAG_BYTES = 16;
const SAMPLE_BYTES = 16;
const DCID_BYTES = 8;
const CAPTURE_MS = 150;
/** Servers drop first datagrams of under 1200 bytes (RFC 9000, section 14.1); a zero byte is a PADDING frame. */
const PAYLOAD_BYTES = 1200;

/** The plaintext of an Initial: everything but the connection's id, from which its keys follow. */
export interface FirstPacket {
  version: Buffer;
  /** Of the client; the handshake inside names it too. */
  scid: Buffer;
  packetNumber: number;
  payload: Buffer;
}

function label(text: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${text}`);
  return Buffer.concat([Buffer.from([length >> 8, length & 255, name.length]), name, Buffer.from([0])]);
}

/** HKDF-Expand for one block. */
const expand = (secret: Buffer, text: string, length: number): Buffer =>
  createHmac('sha256', secret)
    .update(label(text, length))
    .update(Buffer.from([1]))
    .digest()
    .subarray(0, length);

function keysOf(dcid: Buffer): { key: Buffer; iv: Buffer; hp: Buffer } {
  const secret = Buffer.from(hkdfSync('sha256', dcid, SALT, label('client in', 32), 32));
  return { key: expand(secret, 'quic key', 16), iv: expand(secret, 'quic iv', 12), hp: expand(secret, 'quic hp', 16) };
}

function mask(hp: Buffer, sample: Buffer): Buffer {
  return createCipheriv('aes-128-ecb', hp, null).setAutoPadding(false).update(sample);
}

function nonceOf(iv: Buffer, packetNumber: number): Buffer {
  const nonce = Buffer.from(iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ packetNumber) >>> 0, 8);
  return nonce;
}

function varint(data: Buffer, at: number): { value: number; next: number } {
  const length = 1 << (data[at]! >> 6);
  let value = data[at]! & 0x3f;
  for (let i = 1; i < length; i += 1) value = value * 256 + data[at + i]!;
  return { value, next: at + length };
}

/** @throws Error for what is no Initial of version 1 */
export function openInitial(datagram: Buffer): FirstPacket {
  if ((datagram[0]! & 0xf0) !== 0xc0) throw new Error('not an Initial packet');
  const version = datagram.subarray(1, 5);
  const dcid = datagram.subarray(6, 6 + datagram[5]!);
  let at = 6 + dcid.length;
  const scid = datagram.subarray(at + 1, at + 1 + datagram[at]!);
  at += 1 + scid.length;
  const token = varint(datagram, at);
  const length = varint(datagram, token.next + token.value);
  const { key, iv, hp } = keysOf(dcid);
  const start = length.next;
  const masked = mask(hp, datagram.subarray(start + 4, start + 4 + SAMPLE_BYTES));
  const first = datagram[0]! ^ (masked[0]! & 0x0f);
  const bytes = (first & 3) + 1;
  const header = Buffer.from(datagram.subarray(0, start + bytes));
  header[0] = first;
  let packetNumber = 0;
  for (let i = 0; i < bytes; i += 1) {
    header[start + i] = header[start + i]! ^ masked[1 + i]!;
    packetNumber = packetNumber * 256 + header[start + i]!;
  }
  const end = start + length.value;
  const open = createDecipheriv('aes-128-gcm', key, nonceOf(iv, packetNumber)).setAAD(header);
  open.setAuthTag(datagram.subarray(end - TAG_BYTES, end));
  const payload = Buffer.concat([open.update(datagram.subarray(start + bytes, end - TAG_BYTES)), open.final()]);
  return { version: Buffer.from(version), scid: Buffer.from(scid), packetNumber, payload };
}

/** The datagram for a connection of this id. */
export function sealInitial({ version, scid, packetNumber, payload }: FirstPacket, dcid: Buffer): Buffer {
  const { key, iv, hp } = keysOf(dcid);
  const number = Buffer.alloc(4);
  number.writeUInt32BE(packetNumber);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(0x4000 | (number.length + payload.length + TAG_BYTES));
  const ids = [Buffer.from([dcid.length]), dcid, Buffer.from([scid.length]), scid, Buffer.from([0])];
  const header = Buffer.concat([Buffer.from([0xc3]), version, ...ids, length, number]);
  const seal = createCipheriv('aes-128-gcm', key, nonceOf(iv, packetNumber)).setAAD(header);
  const sealed = Buffer.concat([seal.update(payload), seal.final(), seal.getAuthTag()]);
  const masked = mask(hp, sealed.subarray(0, SAMPLE_BYTES));
  const start = header.length - number.length;
  header[0] = header[0]! ^ (masked[0]! & 0x0f);
  for (let i = 0; i < number.length; i += 1) header[start + i] = header[start + i]! ^ masked[1 + i]!;
  return Buffer.concat([header, sealed]);
}

export const randomId = (): Buffer => randomBytes(DCID_BYTES);

/** What a real client sends first to `url`, whose port is another's: all of its first flight. */
export async function captureFirstFlight(engine: Engine, url: string, hash: string): Promise<FirstPacket[]> {
  const socket = createSocket('udp4');
  const came: Buffer[] = [];
  socket.on('message', (data) => came.push(data));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const dialled = new URL(url);
  dialled.port = String(socket.address().port);
  const value = Buffer.from(hash, 'hex');
  const session = engine.connect(dialled.href, { serverCertificateHashes: [{ algorithm: 'sha-256', value }] });
  session.ready.catch(() => {});
  session.closed.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, CAPTURE_MS));
  session.close();
  socket.close();
  const packets = new Map(came.map((data) => openInitial(data)).map((packet) => [packet.packetNumber, packet]));
  if (packets.size === 0) throw new Error('no first packet came within the time');
  return [...packets.values()].map((packet) => {
    const padding = Buffer.alloc(Math.max(0, PAYLOAD_BYTES - packet.payload.length));
    return { ...packet, payload: Buffer.concat([packet.payload, padding]) };
  });
}
