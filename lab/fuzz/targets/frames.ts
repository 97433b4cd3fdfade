import { deepStrictEqual, ok } from 'node:assert/strict';
import { FrameReader } from '../../../transport/fails-components/frames.ts';
import { payloadAt, readWord, SentDatagrams } from '../../../transport/fails-components/freshness.ts';
import type { Target } from '../guided/target.ts';

/** Whole frames until the peer breaks the protocol. */
function read(data: Uint8Array, piece: number): { frames: string[]; broken: boolean } {
  const frames: Buffer[] = [];
  const reader = new FrameReader((frame) => frames.push(frame));
  let broken = false;
  try {
    for (let at = 0; at < data.length; at += piece) reader.push(data.subarray(at, at + piece));
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    // An engine's own error would be of these classes too.
    ok(/^(reserved|a |opcode)/.test(error.message), error.message);
    broken = true;
  }
  for (const frame of frames) word(frame);
  return { frames: frames.map((frame) => frame.toString('hex')), broken };
}

/** As the session looks into a frame for the peer's word of what came. */
function word(frame: Uint8Array): void {
  const at = payloadAt(frame);
  ok(at <= frame.length);
  const said = readWord(frame, at);
  if (said === undefined) return;
  const sent = new SentDatagrams();
  for (let n = 0; n < 5; n++) sent.sent(n * 1000);
  sent.acked(said.count, said.delayUs, 10_000);
  ok(sent.rttUs === undefined || sent.rttUs >= 0);
}

function frames(input: Uint8Array): void {
  const data = input.subarray(1);
  deepStrictEqual(read(data, 1 + (input[0] ?? 0)), read(data, Math.max(1, data.length)));
}

const text = (bytes: number[]) => Uint8Array.of(3, ...bytes);

export const websocket: Target = {
  name: 'websocket',
  of: 'frames of a WebSocket client, cut anywhere, and its word of what came',
  files: ['fails-components/frames.ts', 'fails-components/freshness.ts'],
  seeds: () => [
    text([0x82, 0x83, 1, 2, 3, 4, 9, 9, 9]),
    text([0x02, 0x81, 0, 0, 0, 0, 5, 0x80, 0x81, 0, 0, 0, 0, 6]),
    text([0x89, 0x80, 0, 0, 0, 0, 0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]),
    text([0x82, 0xfe, 0, 130, 0, 0, 0, 0, ...new Array<number>(130).fill(1)]),
    text([0x82, 0x8a, 0, 0, 0, 0, 0x99, 0x0b, 0x4d, 0x38, 0, 0, 0, 2, 0, 9]),
  ],
  maxBytes: 400,
  open: () => frames,
};
