import { Encoder } from 'cbor-x';
import { readVarint, varintBytes, varintBytesFrom, writeVarint } from '../bundle/varint.ts';
import { MessageError } from './errors.ts';
import { scanCbor } from './scan.ts';
import type { MessagesFrom } from './types.ts';
import { validateMessage } from './validate.ts';

export const MAX_MESSAGE_BYTES = 65_536;
/** Before `welcome`. */
export const MAX_HELLO_BYTES = 4096;

const KEPT_BYTES = 4096;

const cbor = new Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false, variableMapSize: true });

/** One message with its length before it, ready for a stream. Throws MessageError `too_large` over 65 536 bytes. */
export function encodeMessage(message: MessagesFrom[keyof MessagesFrom]): Uint8Array<ArrayBuffer> {
  const body = cbor.encode(withoutUndefined(message));
  if (body.length > MAX_MESSAGE_BYTES) {
    throw new MessageError('too_large', `message ${message.t} of ${body.length} bytes is over ${MAX_MESSAGE_BYTES}`);
  }
  // The encoder hands out a view of its shared buffer: copy.
  const out = new Uint8Array(varintBytes(body.length) + body.length);
  out.set(body, writeVarint(out, 0, body.length));
  return out;
}

/** Decodes one message without its length. Throws MessageError. */
export function decodeMessage<Side extends keyof MessagesFrom>(from: Side, body: Uint8Array): MessagesFrom[Side] {
  const reason = scanCbor(body);
  if (reason !== undefined) throw new MessageError(reason, `CBOR refused: ${reason}`);
  let value: unknown;
  try {
    value = cbor.decode(body);
  } catch (cause) {
    throw new MessageError('undecodable', 'CBOR refused: undecodable', { cause });
  }
  return validateMessage(from, value);
}

export interface MessageReaderOptions<Side extends keyof MessagesFrom> {
  /** Whose messages these are. */
  from: Side;
  /** Greatest length of a message. Default 65 536. */
  maxBytes?: number;
}

/**
 * Cuts a stream's bytes into messages. `push` what came, then call `next` until it gives undefined. It holds at most one
 * unfinished message and what was pushed since.
 */
export class MessageReader<Side extends keyof MessagesFrom> {
  readonly #from: Side;
  #maxBytes: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #failed: MessageError | undefined;

  constructor(options: MessageReaderOptions<Side>) {
    this.#from = options.from;
    this.#maxBytes = options.maxBytes ?? MAX_MESSAGE_BYTES;
  }

  /** For messages that begin from now on: 4096 before `welcome`, 65 536 after. */
  setMaxBytes(maxBytes: number): void {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of a message that is not whole yet. At a stream's end anything but 0 means that it was cut. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Copies the bytes; they may change afterwards. Does nothing after an error. */
  push(bytes: Uint8Array): void {
    if (this.#failed !== undefined) return;
    const needed = this.pendingBytes + bytes.length;
    if (this.#end + bytes.length > this.#buffer.length) {
      const grown = needed > this.#buffer.length ? new Uint8Array(Math.max(256, 2 * needed)) : this.#buffer;
      grown.set(this.#buffer.subarray(this.#start, this.#end), 0);
      this.#end -= this.#start;
      this.#start = 0;
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The next whole message, or undefined. Throws MessageError, then again the same one: the stream is of no more use. */
  next(): MessagesFrom[Side] | undefined {
    if (this.#failed !== undefined) throw this.#failed;
    try {
      return this.#read();
    } catch (error) {
      if (error instanceof MessageError) {
        this.#failed = error;
        this.#buffer = new Uint8Array(0);
        this.#start = this.#end = 0;
      }
      throw error;
    }
  }

  #read(): MessagesFrom[Side] | undefined {
    if (this.pendingBytes === 0) return undefined;
    const head = varintBytesFrom(this.#buffer[this.#start]!);
    if (this.pendingBytes < head) return undefined;
    const length = readVarint(this.#buffer, this.#start);
    if (length > this.#maxBytes) {
      throw new MessageError('too_large', `a message of ${length} bytes is over ${this.#maxBytes}`);
    }
    if (this.pendingBytes < head + length) return undefined;
    const from = this.#start + head;
    const body = this.#buffer.subarray(from, from + length);
    this.#start = from + length;
    if (this.pendingBytes === 0) {
      // One large message must not hold its memory for the stream's life.
      if (this.#buffer.length > KEPT_BYTES) this.#buffer = new Uint8Array(0);
      this.#start = this.#end = 0;
    }
    return decodeMessage(this.#from, body);
  }
}

/** The encoder would write `undefined` as a value; a missing field is left out instead. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const out: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (entry !== undefined) out[key] = withoutUndefined(entry);
  }
  return out;
}
