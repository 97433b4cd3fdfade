import { EngineError, streamCodeOf, toldError } from './errors.ts';
import type { StreamPort } from './stream-port.ts';
import type { EngineSendStream, SendOptions } from './types.ts';

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
    this.#fail(toldError('stream_stopped', `the peer reads no more (${code})`, { streamErrorCode: code }));
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
