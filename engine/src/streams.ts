import { EngineError, streamCodeOf } from './errors.ts';
import type { NativeEngine } from './native.ts';
import type { EngineSendStream, SendOptions } from './types.ts';

/** What the two halves of a stream need of the addon. */
export type StreamPort = Pick<
  NativeEngine,
  'streamWrite' | 'streamReset' | 'streamStop' | 'streamCredit' | 'streamOptions'
>;

/**
 * The receiving half: a byte stream that takes from the list of received chunks only when a reader asks.
 * The engine holds at most its window of bytes until they are credited, so the list is bounded by the window.
 */
export class ReceiveHalf {
  readonly #port: StreamPort;
  readonly #session: number;
  readonly #stream: number;
  readonly #ended: () => void;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #fin = false;
  /** The session is over, the stream has no end: how it fails after its last byte. */
  #cut: EngineError | undefined;
  #done = false;
  #wanting = false;
  #controller!: ReadableByteStreamController;
  readonly readable: ReadableStream<Uint8Array>;

  constructor(port: StreamPort, session: number, stream: number, ended: () => void) {
    this.#port = port;
    this.#session = session;
    this.#stream = stream;
    this.#ended = ended;
    this.readable = new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#wanting = true;
          this.#deliver();
        },
        cancel: (reason) => {
          if (this.#done) return;
          // With the FIN here, or the session gone, there is nothing left to stop.
          if (!this.#fin && !this.#cut) this.#port.streamStop(this.#session, this.#stream, streamCodeOf(reason));
          this.#finish();
        },
      },
      { highWaterMark: 0 },
    );
  }

  handleData(data: Uint8Array, fin: boolean): void {
    if (this.#done) return;
    // Enqueueing gives the buffer away, and the batch holds other things too: so it is copied.
    if (data.byteLength > 0) this.#chunks.push(new Uint8Array(data));
    this.#fin ||= fin;
    this.#deliver();
  }

  handleReset(code: number): void {
    this.#fail(new EngineError('stream_reset', `the peer reset the stream (${code})`, { streamErrorCode: code }));
  }

  /**
   * What has come whole stays readable. When the peer ended the session in good order, so does what came of a stream
   * without an end: the error follows the last byte. Anything else errors at once.
   */
  handleSessionEnd(error: EngineError, byPeer = false): void {
    if (this.#fin) return;
    if (byPeer && this.#chunks.length > 0) this.#cut = error;
    else this.#fail(error);
  }

  #deliver(): void {
    const chunk = this.#chunks[0];
    if (this.#wanting && chunk && !this.#done) {
      this.#wanting = false;
      const request = this.#controller.byobRequest;
      const view = request?.view;
      let taken = chunk.byteLength;
      if (request && view) {
        taken = Math.min(taken, view.byteLength);
        new Uint8Array(view.buffer, view.byteOffset).set(chunk.subarray(0, taken));
        this.#consume(chunk, taken);
        request.respond(taken);
      } else {
        this.#consume(chunk, taken);
        this.#controller.enqueue(chunk);
      }
    }
    if (this.#cut && this.#chunks.length === 0) this.#fail(this.#cut);
    if (this.#fin && this.#chunks.length === 0 && !this.#done) {
      this.#finish();
      this.#controller.close();
      this.#controller.byobRequest?.respond(0);
    }
  }

  #consume(chunk: Uint8Array<ArrayBuffer>, taken: number): void {
    if (taken === chunk.byteLength) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(taken);
    if (!this.#fin && !this.#cut) this.#port.streamCredit(this.#session, this.#stream, taken);
  }

  #fail(error: EngineError): void {
    if (this.#done) return;
    this.#finish();
    this.#controller.error(error);
  }

  #finish(): void {
    this.#done = true;
    this.#chunks = [];
    this.#ended();
  }
}

/**
 * The sending half. A write is accepted while fewer than `limit` bytes wait for the network; the write's promise
 * resolves when all of its chunk is accepted. `close` resolves when the peer has acknowledged everything.
 */
export class SendHalf {
  readonly #port: StreamPort;
  readonly #session: number;
  readonly #stream: number;
  readonly #limit: number;
  readonly #ended: () => void;
  #queued = 0;
  #error: EngineError | undefined;
  #done = false;
  #room: PromiseWithResolvers<void> | undefined;
  #closing: PromiseWithResolvers<void> | undefined;
  #controller!: WritableStreamDefaultController;
  readonly #options: Required<SendOptions>;
  readonly writable: EngineSendStream;

  constructor(
    port: StreamPort,
    session: number,
    stream: number,
    limit: number,
    ended: () => void,
    options: SendOptions = {},
  ) {
    this.#port = port;
    this.#session = session;
    this.#stream = stream;
    this.#limit = limit;
    this.#ended = ended;
    this.#options = { sendOrder: options.sendOrder ?? 0, repeatMs: options.repeatMs ?? 0 };
    const writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      write: (chunk) => this.#write(bytesOf(chunk)),
      close: () => this.#close(),
      abort: (reason) => this.#reset(reason),
    });
    this.writable = Object.defineProperties(writable as EngineSendStream, {
      sendOrder: this.#option('sendOrder'),
      repeatMs: this.#option('repeatMs'),
    });
  }

  #option(name: keyof SendOptions): PropertyDescriptor {
    return {
      get: () => this.#options[name],
      set: (value: number) => {
        const options = sendOptions({ ...this.#options, [name]: value });
        Object.assign(this.#options, options);
        if (!this.#done) this.#port.streamOptions(this.#session, this.#stream, options.sendOrder, options.repeatMs);
      },
    };
  }

  handleDrained(bytes: number): void {
    this.#queued -= bytes;
    if (this.#queued >= this.#limit) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** The peer has it all. */
  handleFinished(): void {
    if (this.#done || !this.#closing) return;
    this.#finish();
    this.#closing.resolve();
  }

  handleStopped(code: number): void {
    if (this.#done) return;
    this.#port.streamReset(this.#session, this.#stream, code);
    this.#fail(new EngineError('stream_stopped', `the peer reads no more (${code})`, { streamErrorCode: code }));
  }

  handleSessionEnd(error: EngineError, byPeer = false): void {
    // The peer ended the session in good order: its last acknowledgement may have stayed behind.
    if (byPeer && this.#queued === 0) this.handleFinished();
    this.#fail(error);
  }

  #write(data: Uint8Array): Promise<void> | undefined {
    if (this.#error) throw this.#error;
    if (data.byteLength === 0) return undefined;
    if (this.#queued + data.byteLength <= this.#limit) {
      this.#accept(data);
      return undefined;
    }
    return this.#writeInParts(data);
  }

  async #writeInParts(data: Uint8Array): Promise<void> {
    // A stream waits for the write under way before it calls `abort`: only the signal comes at once.
    const aborted = () => this.#reset(this.#controller.signal.reason);
    this.#controller.signal.addEventListener('abort', aborted, { once: true });
    try {
      for (let at = 0; at < data.byteLength; ) {
        if (this.#error) throw this.#error;
        const part = data.subarray(at, at + Math.max(0, this.#limit - this.#queued));
        if (part.byteLength > 0) {
          this.#accept(part);
          at += part.byteLength;
        } else {
          this.#room = Promise.withResolvers<void>();
          await this.#room.promise;
        }
      }
    } finally {
      this.#controller.signal.removeEventListener('abort', aborted);
    }
  }

  #accept(data: Uint8Array): void {
    this.#queued += data.byteLength;
    this.#port.streamWrite(this.#session, this.#stream, data, false);
  }

  #close(): Promise<void> {
    if (this.#error) throw this.#error;
    this.#closing = Promise.withResolvers<void>();
    this.#controller.signal.addEventListener('abort', () => this.#reset(this.#controller.signal.reason), {
      once: true,
    });
    this.#port.streamWrite(this.#session, this.#stream, new Uint8Array(0), true);
    return this.#closing.promise;
  }

  #reset(reason: unknown): void {
    if (this.#done) return;
    this.#port.streamReset(this.#session, this.#stream, streamCodeOf(reason));
    this.#end(new EngineError('closed', 'the stream was aborted', { cause: reason }));
  }

  #fail(error: EngineError): void {
    if (this.#done) return;
    this.#end(error);
    this.#controller.error(error);
  }

  #end(error: EngineError): void {
    this.#error = error;
    this.#finish();
    this.#room?.reject(error);
    this.#closing?.reject(error);
  }

  #finish(): void {
    this.#done = true;
    this.#ended();
  }
}

/** With its defaults. @throws EngineError `invalid_argument` */
export function sendOptions({ sendOrder = 0, repeatMs = 0 }: SendOptions): Required<SendOptions> {
  // The engine has 32 bits for what W3C gives 64.
  if (!Number.isInteger(sendOrder) || sendOrder !== (sendOrder | 0)) {
    throw new EngineError('invalid_argument', 'a send order is a signed 32-bit integer');
  }
  if (!Number.isInteger(repeatMs) || repeatMs < 0 || repeatMs > 255) {
    throw new EngineError('invalid_argument', 'repeatMs is a whole number from 0 to 255');
  }
  return { sendOrder, repeatMs };
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new EngineError('invalid_argument', 'a stream takes ArrayBuffers and views of them');
}
