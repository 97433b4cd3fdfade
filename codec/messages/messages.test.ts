import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HayateError } from '../errors.ts';
import { fuzz } from '../testing/fuzz.ts';
import { readVectors } from '../testing/vectors.ts';
import { fromHex, toHex } from '../vectors/make/hex.ts';
import { plain } from '../vectors/make/messages.ts';
import {
  type ClientMessage,
  CODES,
  closeCodeOf,
  closeError,
  codeError,
  codeOfClose,
  decodeMessage,
  encodeMessage,
  isCommentText,
  MAX_HELLO_BYTES,
  MAX_MESSAGE_BYTES,
  MessageError,
  MessageReader,
  type MessagesFrom,
} from './index.ts';

interface MessageCase {
  name: string;
  from: keyof MessagesFrom;
  hex: string;
  shortest?: boolean;
  message?: unknown;
  error?: string;
}

const cases = readVectors<MessageCase>('messages.json');
const good = cases.filter((each) => each.error === undefined);
const bad = cases.filter((each) => each.error !== undefined);

/** {hex} back to bytes. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0]![0] === 'hex') return fromHex(entries[0]![1] as string);
  return Object.fromEntries(entries.map(([key, entry]) => [key, revive(entry)]));
}

function errorOf(action: () => unknown): MessageError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof MessageError) return error;
    throw error;
  }
}

function readOne(from: keyof MessagesFrom, data: Uint8Array): unknown {
  const reader = new MessageReader({ from });
  reader.push(data);
  return reader.next();
}

describe('messages', () => {
  it.each(good)('$name', ({ from, hex, shortest, message }) => {
    expect(plain(readOne(from, fromHex(hex)))).toEqual(message);
    if (shortest) expect(toHex(encodeMessage(revive(message) as ClientMessage))).toBe(hex);
  });

  it.each(bad)('refuses: $name', ({ from, hex, error }) => {
    const found = errorOf(() => readOne(from, fromHex(hex)));
    expect(found?.reason).toBe(error);
    expect(found?.code).toBe('protocol_error');
  });

  it('writes the CBOR that RFC 8949 lays out', () => {
    // map(2): "t": "watch", "id": 3
    expect(toHex(encodeMessage({ t: 'watch', id: 3 }))).toBe('0d' + 'a2' + '6174' + '657761746368' + '626964' + '03');
  });

  it('leaves undefined fields out', () => {
    const message = { t: 'publish', id: 1, motion: undefined } as unknown as ClientMessage;
    expect(encodeMessage(message)).toEqual(encodeMessage({ t: 'publish', id: 1 }));
  });

  it.each(good)('every truncation waits for more or is a typed error: $name', ({ from, hex }) => {
    const data = fromHex(hex);
    for (let length = 0; length < data.length; length++)
      expect(readOne(from, data.subarray(0, length))).toBeUndefined();
    // The body cut, with a length that says that it is whole.
    const body = data.subarray(data[0]! < 64 ? 1 : 2);
    for (let length = 0; length < body.length; length++) {
      expect(errorOf(() => decodeMessage(from, body.subarray(0, length)))).toBeDefined();
    }
  });

  it('names the field that is wrong', () => {
    const message = { t: 'publish', id: 1, motion: { codec: 'face-1', fps: 'x', channels: 61 } };
    const data = encodeMessage(message as unknown as ClientMessage);
    expect(errorOf(() => readOne('client', data))).toMatchObject({ reason: 'field', field: 'motion.fps' });
  });

  it('counts a comment in code points', () => {
    expect(isCommentText('🎉'.repeat(500))).toBe(true);
    expect(isCommentText('🎉'.repeat(501))).toBe(false);
    expect(isCommentText('')).toBe(false);
  });

  it('a message outlives the bytes it came in', () => {
    const reader = new MessageReader({ from: 'client' });
    const motion = { codec: 'face-1', fps: 30, channels: 61, config: Uint8Array.of(1, 2, 3) };
    reader.push(encodeMessage({ t: 'publish', id: 1, motion }));
    const message = reader.next();
    reader.push(new Uint8Array(200).fill(7));
    expect(message).toMatchObject({ motion: { config: Uint8Array.of(1, 2, 3) } });
  });
});

describe('MessageReader', () => {
  const stream: ClientMessage[] = [
    { t: 'hello', v: 1, token: 'x'.repeat(300) },
    { t: 'watch', id: 1 },
    { t: 'publish', id: 2, motion: { codec: 'face-1', fps: 30, channels: 61 } },
    { t: 'unwatch', id: 3 },
  ];
  const bytes = Buffer.concat(stream.map(encodeMessage));

  it('reads a stream one byte at a time', () => {
    const reader = new MessageReader({ from: 'client' });
    const got: ClientMessage[] = [];
    for (const byte of bytes) {
      reader.push(Uint8Array.of(byte));
      const message = reader.next();
      if (message !== undefined) got.push(message);
    }
    expect(got).toEqual(stream);
    expect(reader.pendingBytes).toBe(0);
  });

  it('reads a stream however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 8 }), (cuts) => {
        const reader = new MessageReader({ from: 'client' });
        const got: ClientMessage[] = [];
        const ends = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        for (let index = 1; index < ends.length; index++) {
          reader.push(bytes.subarray(ends[index - 1], ends[index]));
          for (let next = reader.next(); next !== undefined; next = reader.next()) got.push(next);
        }
        expect(got).toEqual(stream);
      }),
      fuzz(100),
    );
  });

  it('reads small messages behind a large one', () => {
    const reader = new MessageReader({ from: 'client' });
    const large: ClientMessage = { t: 'hello', v: 1, token: 'x'.repeat(60_000) };
    for (const data of [encodeMessage(large), bytes]) reader.push(data);
    const got: ClientMessage[] = [];
    for (let next = reader.next(); next !== undefined; next = reader.next()) got.push(next);
    expect(got).toEqual([large, ...stream]);
    reader.push(bytes);
    expect(reader.next()).toEqual(stream[0]);
  });

  it('takes nesting of 8', () => {
    // {"t": "comments", "x": seven arrays}
    const body = fromHex(`a2 6174 68636f6d6d656e7473 6178 ${'81'.repeat(7)} 00`);
    expect(decodeMessage('client', body)).toEqual({ t: 'comments' });
  });

  it('tells what a cut stream has left', () => {
    const reader = new MessageReader({ from: 'client' });
    reader.push(bytes.subarray(0, 10));
    expect(reader.next()).toBeUndefined();
    expect(reader.pendingBytes).toBe(10);
  });

  it('refuses by the length alone, before the body is there; the limit can be raised', () => {
    const reader = new MessageReader({ from: 'client', maxBytes: MAX_HELLO_BYTES });
    const large = encodeMessage({ t: 'hello', v: 1, token: 'x'.repeat(5000) });
    reader.push(large.subarray(0, 4));
    expect(errorOf(() => reader.next())).toMatchObject({ reason: 'too_large', code: 'message_too_large' });

    const raised = new MessageReader({ from: 'client', maxBytes: MAX_HELLO_BYTES });
    raised.setMaxBytes(MAX_MESSAGE_BYTES);
    raised.push(large);
    expect(raised.next()).toMatchObject({ t: 'hello' });
  });

  it('stays failed, and takes no more bytes', () => {
    const reader = new MessageReader({ from: 'client' });
    reader.push(Uint8Array.of(1, 0x80));
    const first = errorOf(() => reader.next());
    expect(first?.reason).toBe('not_a_map');
    reader.push(encodeMessage({ t: 'watch', id: 1 }));
    expect(errorOf(() => reader.next())).toBe(first);
    expect(reader.pendingBytes).toBe(0);
  });

  it('encodeMessage refuses what no reader takes', () => {
    const message: ClientMessage = { t: 'hello', v: 1, token: 'x'.repeat(70_000) };
    expect(errorOf(() => encodeMessage(message))?.reason).toBe('too_large');
  });

  it('random bytes give a typed error or nothing, with nothing held after an error', () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.constantFrom(...cases.map((each) => fromHex(each.hex))),
      fc
        .tuple(fc.constantFrom(...cases.map((each) => fromHex(each.hex))), fc.nat(), fc.nat(255))
        .map(([data, at, by]) => {
          const changed = data.slice();
          changed[at % changed.length]! ^= by;
          return changed;
        }),
    );
    fc.assert(
      fc.property(
        fc.array(chunk, { maxLength: 6 }),
        fc.constantFrom<keyof MessagesFrom>('client', 'relay', 'trunk'),
        (chunks, from) => {
          const reader = new MessageReader({ from, maxBytes: MAX_HELLO_BYTES });
          let pushed = 0;
          const error = errorOf(() => {
            for (const each of chunks) {
              reader.push(each);
              pushed += each.length;
              while (reader.next() !== undefined);
            }
          });
          expect(reader.pendingBytes).toBeLessThanOrEqual(error === undefined ? pushed : 0);
        },
      ),
      fuzz(2000),
    );
  });
});

describe('codes', () => {
  it('are the table of docs/protocol.md', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/protocol.md'), 'utf8');
    const rows = [...text.matchAll(/^\| (\d+) \| `(\w+)` \| (yes|no) \|/gm)].map((row) => ({
      closeCode: Number(row[1]),
      code: row[2]!,
      retryable: row[3] === 'yes',
    }));
    expect(rows).toEqual(CODES);
  });

  it('translate both ways', () => {
    for (const row of CODES) {
      expect(closeCodeOf(row.code)).toBe(row.closeCode);
      expect(codeOfClose(row.closeCode)).toBe(row);
      expect(codeError(row.code, 'why')).toMatchObject({ code: row.code, retryable: row.retryable, message: 'why' });
      expect(closeError(row.closeCode, '')).toMatchObject({ code: row.code, retryable: row.retryable });
    }
    expect(codeOfClose(9999)).toBeUndefined();
    expect(closeError(9999, 'x')).toMatchObject({ code: 'connection_lost', retryable: true });
  });

  it('keep the cause', () => {
    const cause = new Error('below');
    const error = codeError('internal', 'above', cause);
    expect(error).toBeInstanceOf(HayateError);
    expect(error.cause).toBe(cause);
  });
});
