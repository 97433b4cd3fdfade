import { callUser, throwLater } from './callbacks.ts';
import { EngineError, streamCodeOf } from './errors.ts';
import type { NativeEngine } from './native.ts';
import type { EngineBidirectionalStream, EngineSendStream, EngineStream, SendOptions, StreamHandler } from './types.ts';

/** What the two halves of a stream need of the addon. */
export type StreamPort = Pick<
  NativeEngine,
  'streamWrite' | 'streamReset' | 'streamStop' | 'streamCredit' | 'streamOptions'
>;

/**
 * The receiving half, in two faces: a byte stream, built when asked for, that takes from the list of received chunks only
 * when a reader asks; or a handler. The engine holds at most its window of bytes until they are credited, so the list is
 * bounded by the window.
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
  /** Why it is over, for who looks only then. */
  #error: EngineError | undefined;
  #wanting = false;
  #controller: ReadableByteStreamController | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #handler: StreamHandler | undefined;
  /** The handler is not done with the last chunk. */
  #busy = false;

  constructor(port: StreamPort, session: number, stream: number, ended: () => void) {
    this.#port = port;
    this.#session = session;
    this.#stream = stream;
    this.#ended = ended;
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#controller = controller;
          if (this.#done) this.#tellEnd();
          else this.#deliver();
        },
        pull: () => {
          this.#wanting = true;
          this.#deliver();
        },
        cancel: (reason) => this.stop(reason),
      },
      { highWaterMark: 0 },
    );
    return this.#readable;
  }

  /** Instead of `readable`. What is here already comes at once. */
  receive(handler: StreamHandler): void {
    this.#handler = handler;
    if (this.#done) this.#tellEnd();
    else this.#deliver();
  }

  /** Nothing more is wanted; the handler hears nothing more. */
  stop(reason?: unknown): void {
    this.#handler = undefined;
    if (this.#done) return;
    // With the FIN here, or the session gone, there is nothing left to stop.
    if (!this.#fin && !this.#cut) this.#port.streamStop(this.#session, this.#stream, streamCodeOf(reason));
    this.#finish();
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
    if (this.#handler) this.#deliverByCalls();
    else this.#deliverToReader();
    if (this.#done || this.#chunks.length > 0) return;
    if (this.#cut) this.#fail(this.#cut);
    else if (this.#fin) {
      this.#finish();
      this.#tellEnd();
    }
  }

  #deliverToReader(): void {
    const chunk = this.#chunks[0];
    if (!this.#controller || !this.#wanting || !chunk || this.#done) return;
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

  #deliverByCalls(): void {
    while (this.#handler && !this.#busy && !this.#done) {
      const chunk = this.#chunks[0];
      if (!chunk) return;
      const later = this.#call(chunk);
      if (!later) {
        this.#taken(chunk);
        continue;
      }
      this.#busy = true;
      const goOn = () => {
        this.#busy = false;
        this.#taken(chunk);
        this.#deliver();
      };
      later.then(goOn, (error: unknown) => {
        throwLater(error);
        goOn();
      });
    }
  }

  #call(chunk: Uint8Array): void | Promise<void> {
    try {
      return this.#handler?.data(chunk);
    } catch (error) {
      throwLater(error);
    }
  }

  /** Unless the handler stopped the stream meanwhile. */
  #taken(chunk: Uint8Array<ArrayBuffer>): void {
    if (!this.#done) this.#consume(chunk, chunk.byteLength);
  }

  #consume(chunk: Uint8Array<ArrayBuffer>, taken: number): void {
    if (taken === chunk.byteLength) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(taken);
    if (!this.#fin && !this.#cut) this.#port.streamCredit(this.#session, this.#stream, taken);
  }

  #fail(error: EngineError): void {
    if (this.#done) return;
    this.#error = error;
    this.#finish();
    this.#tellEnd();
  }

  #tellEnd(): void {
    const [controller, handler] = [this.#controller, this.#handler];
    this.#controller = undefined;
    this.#handler = undefined;
    if (handler) callUser(() => handler.end(this.#error));
    if (!controller) return;
    if (this.#error) {
      controller.error(this.#error);
      return;
    }
    controller.close();
    controller.byobRequest?.respond(0);
  }

  #finish(): void {
    this.#done = true;
    this.#chunks = [];
    this.#ended();
  }
}

/**
 * The sending half, as a writable stream that is built when asked for or by calls. A write is accepted while fewer than
 * `limit` bytes wait for the network; the write's promise resolves when all of its chunk is accepted. `close` resolves
 * when the peer has acknowledged everything.
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
  #controller: WritableStreamDefaultController | undefined;
  #options: Required<SendOptions>;
  #writable: EngineSendStream | undefined;
  /** By calls: the last write that waits. */
  #writing: Promise<void> | undefined;

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
    this.#options = sendOptions(options);
  }

  get writable(): EngineSendStream {
    this.#writable ??= Object.defineProperties(this.#build() as EngineSendStream, {
      sendOrder: this.#option('sendOrder'),
      repeatMs: this.#option('repeatMs'),
    });
    return this.#writable;
  }

  #build(): WritableStream<Uint8Array> {
    return new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        if (this.#error) controller.error(this.#error);
      },
      write: (chunk) => this.#write(bytesOf(chunk)),
      close: () => this.#close(),
      abort: (reason) => this.reset(reason),
    });
  }

  #option(name: keyof SendOptions): PropertyDescriptor {
    return {
      get: () => this.#options[name],
      set: (value: number) => this.setOptions({ [name]: value }),
    };
  }

  /** @throws EngineError `invalid_argument` */
  setOptions(options: SendOptions): void {
    this.#options = sendOptions({ ...this.#options, ...options });
    const { sendOrder, repeatMs } = this.#options;
    if (!this.#done) this.#port.streamOptions(this.#session, this.#stream, sendOrder, repeatMs);
  }

  /** Instead of `writable`, in order. Undefined: accepted. Rejects when the stream ends before all was. */
  write(data: Uint8Array): Promise<void> | undefined {
    if (this.#error) return Promise.reject(this.#error);
    const before = this.#writing;
    const writing = before ? before.then(() => this.#write(data)) : this.#write(data);
    if (!writing) return undefined;
    this.#writing = writing;
    const over = () => {
      if (this.#writing === writing) this.#writing = undefined;
    };
    writing.then(over, over);
    return writing;
  }

  /** Ends the stream after what was written. */
  finish(): void {
    const close = () => {
      if (!this.#done && !this.#closing) this.#close().catch(() => {});
    };
    if (this.#writing) this.#writing.then(close, () => {});
    else close();
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
    const signal = this.#controller?.signal;
    const aborted = () => this.reset(signal?.reason);
    signal?.addEventListener('abort', aborted, { once: true });
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
      signal?.removeEventListener('abort', aborted);
    }
  }

  #accept(data: Uint8Array): void {
    this.#queued += data.byteLength;
    this.#port.streamWrite(this.#session, this.#stream, data, false);
  }

  #close(): Promise<void> {
    if (this.#error) throw this.#error;
    this.#closing = Promise.withResolvers<void>();
    const signal = this.#controller?.signal;
    signal?.addEventListener('abort', () => this.reset(signal.reason), { once: true });
    this.#port.streamWrite(this.#session, this.#stream, new Uint8Array(0), true);
    return this.#closing.promise;
  }

  reset(reason?: unknown): void {
    if (this.#done) return;
    this.#port.streamReset(this.#session, this.#stream, streamCodeOf(reason));
    this.#end(new EngineError('closed', 'the stream was aborted', { cause: reason }));
  }

  #fail(error: EngineError): void {
    if (this.#done) return;
    this.#end(error);
    this.#controller?.error(error);
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

/** A stream that the peer opened: web streams, or calls. */
export class IncomingStream implements EngineBidirectionalStream, EngineStream {
  readonly #receive: ReceiveHalf;
  readonly #send: SendHalf | undefined;

  constructor(receive: ReceiveHalf, send: SendHalf | undefined) {
    this.#receive = receive;
    this.#send = send;
  }

  get bidirectional(): boolean {
    return this.#send !== undefined;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#receive.readable;
  }

  get writable(): EngineSendStream {
    return this.#sending().writable;
  }

  receive(handler: StreamHandler): void {
    this.#receive.receive(handler);
  }

  stop(): void {
    this.#receive.stop();
  }

  setOptions(options: SendOptions): void {
    this.#sending().setOptions(options);
  }

  write(data: Uint8Array): Promise<void> | undefined {
    return this.#sending().write(data);
  }

  finish(): void {
    this.#sending().finish();
  }

  abort(): void {
    this.#send?.reset();
  }

  #sending(): SendHalf {
    if (!this.#send) throw new EngineError('invalid_argument', 'a unidirectional stream of the peer takes nothing');
    return this.#send;
  }
}
