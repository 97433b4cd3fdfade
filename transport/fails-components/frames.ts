/**
 * RFC 6455 frames of a client, read into whole messages.
 *
 * The library's own reader of them drops the rest of a frame that spans two reads when the stream's number is 0, and
 * keeps the fragments of a fragmented message for ever. It is given each message as one frame instead.
 */
export class FrameReader {
  readonly #onFrame: (frame: Buffer) => void;
  #rest: Buffer = EMPTY;
  #fragments: Buffer[] = [];
  #fragmentBytes = 0;

  /** `onFrame` gets one complete frame: FIN set, mask 0. */
  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws a RangeError or TypeError where the peer breaks the protocol: the connection must be cut then. */
  push(chunk: Uint8Array): void {
    let data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#rest.length > 0) data = Buffer.concat([this.#rest, data]);
    let at = 0;
    for (;;) {
      const used = this.#frame(data, at);
      if (used === 0) break;
      at += used;
    }
    this.#rest = Buffer.from(data.subarray(at));
  }

  /** Reads the frame at `at`; returns its length, 0 when it is not complete. */
  #frame(data: Buffer, at: number): number {
    if (data.length - at < 2) return 0;
    const first = data[at]!;
    const second = data[at + 1]!;
    if ((first & 0x70) !== 0) throw new TypeError('reserved bits are set');
    if ((second & 0x80) === 0) throw new TypeError("a client's frame is not masked");
    const fin = (first & 0x80) !== 0;
    const opcode = first & 0x0f;
    let length = second & 0x7f;
    let header = 2;
    if (length === 126) {
      if (data.length - at < 4) return 0;
      length = data.readUInt16BE(at + 2);
      header = 4;
    } else if (length === 127) {
      if (data.length - at < 10) return 0;
      if (data.readUInt32BE(at + 2) !== 0) throw new RangeError('a frame over 4 GB');
      length = data.readUInt32BE(at + 6);
      header = 10;
    }
    if (length > MAX_MESSAGE_BYTES) throw new RangeError(`a frame of ${length} bytes`);
    const end = at + header + 4 + length;
    if (data.length < end) return 0;
    const payload = Buffer.from(data.subarray(at + header + 4, end));
    unmask(payload, data, at + header);
    this.#take(opcode, fin, payload);
    return end - at;
  }

  #take(opcode: number, fin: boolean, payload: Buffer): void {
    if (opcode >= 0x8) {
      if (!fin || payload.length > 125) throw new TypeError('a fragmented or long control frame');
      this.#onFrame(frameOf(opcode, payload));
      return;
    }
    if (opcode === OP_BINARY && this.#fragments.length > 0) throw new TypeError('a message inside another');
    if (opcode === OP_CONTINUATION && this.#fragments.length === 0) throw new TypeError('a continuation of nothing');
    if (opcode !== OP_BINARY && opcode !== OP_CONTINUATION) throw new TypeError(`opcode ${opcode}`);
    if (fin && opcode === OP_BINARY) {
      this.#onFrame(frameOf(OP_BINARY, payload));
      return;
    }
    this.#fragments.push(payload);
    this.#fragmentBytes += payload.length;
    if (this.#fragmentBytes > MAX_MESSAGE_BYTES || this.#fragments.length > MAX_FRAGMENTS) {
      throw new RangeError('a message too long');
    }
    if (!fin) return;
    const whole = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#fragmentBytes = 0;
    this.#onFrame(frameOf(OP_BINARY, whole));
  }
}

/** The session's clients write at most 64 kB at a time. */
const MAX_MESSAGE_BYTES = 256 * 1024;
const MAX_FRAGMENTS = 1024;
const OP_CONTINUATION = 0x0;
const OP_BINARY = 0x2;
const EMPTY = Buffer.alloc(0);

function unmask(payload: Buffer, source: Buffer, maskAt: number): void {
  for (let i = 0; i < payload.length; i += 1) payload[i]! ^= source[maskAt + (i & 3)]!;
}

/** Masked with zeros: the library misreads the type of an unmasked message. */
function frameOf(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const frame = Buffer.alloc((length > 0xffff ? 14 : length > 125 ? 8 : 6) + length);
  frame[0] = 0x80 | opcode;
  if (length > 0xffff) {
    frame[1] = 0x80 | 127;
    frame.writeUInt32BE(length, 6);
  } else if (length > 125) {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 0x80 | length;
  }
  frame.set(payload, frame.length - length);
  return frame;
}
