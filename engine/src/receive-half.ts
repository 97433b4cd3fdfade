import { callUser, throwLater } from './callbacks.ts';
import { type EngineError, streamCodeOf, toldError } from './errors.ts';
import type { StreamPort } from './stream-port.ts';
import type { StreamHandler } from './types.ts';

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
    this.#fail(toldError('stream_reset', `the peer reset the stream (${code})`, { streamErrorCode: code }));
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
