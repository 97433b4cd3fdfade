import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { encodeMessage, MessageError, MessageReader } from '@hayate/codec/messages';
import { readVectors } from '../../../codec/testing/vectors.ts';
import { fromHex } from '../../../codec/vectors/make/hex.ts';
import type { Target } from '../guided/target.ts';

const SIDES = ['client', 'relay', 'trunk'] as const;
type Side = (typeof SIDES)[number];
/** Of the reader's memory: what it holds is what was pushed. */
const SMALL_BYTES = 300;

/** Messages until the first error; its reason. */
function read(from: Side, data: Uint8Array, piece: number, maxBytes: number) {
  const reader = new MessageReader({ from, maxBytes });
  const messages: unknown[] = [];
  try {
    for (let at = 0; at < data.length; at += piece) {
      reader.push(data.subarray(at, at + piece));
      for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
    }
    return { messages, reason: undefined, pending: reader.pendingBytes };
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    ok(error.code === 'protocol_error' || error.code === 'message_too_large');
    return { messages, reason: error.reason, pending: 0 };
  }
}

const encode = (message: unknown) => encodeMessage(message as Parameters<typeof encodeMessage>[0]);

/** First the side and the cut, then what a stream brings. */
function stream(input: Uint8Array): void {
  const choice = input[0] ?? 0;
  const data = input.subarray(1);
  const from = SIDES[choice % SIDES.length]!;
  const maxBytes = choice & 0x80 ? SMALL_BYTES : 65_536;
  const whole = read(from, data, Math.max(1, data.length), maxBytes);
  const pieces = read(from, data, 1 + ((choice >> 2) & 15), maxBytes);
  deepStrictEqual(
    [pieces.messages.length, pieces.reason, pieces.pending],
    [whole.messages.length, whole.reason, whole.pending],
  );
  for (const message of whole.messages) {
    const bytes = encode(message);
    const again = read(from, bytes, 65_536, 65_536);
    strictEqual(again.messages.length, 1);
    // Far cheaper than a comparison of all fields.
    ok(Buffer.compare(encode(again.messages[0]), bytes) === 0, 'encodes to other bytes the second time');
  }
}

export const messages: Target = {
  name: 'messages',
  of: 'control messages of clients, relays and trunks (CBOR) on a stream, cut anywhere',
  files: [
    'messages/codec.ts',
    'messages/scan.ts',
    'messages/validate.ts',
    'messages/checks.ts',
    'messages/community.ts',
    'bundle/varint.ts',
  ],
  seeds: () =>
    readVectors<{ hex: string; from?: Side }>('messages.json').map(({ hex, from }) =>
      Uint8Array.of(from === undefined ? 0 : SIDES.indexOf(from), ...fromHex(hex)),
    ),
  words: [
    ...new Set(readVectors<{ message?: { t: string } }>('messages.json').flatMap(({ message }) => message?.t ?? [])),
  ],
  maxBytes: 600,
  open: () => stream,
};
