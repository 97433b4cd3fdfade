import { throwLater } from './callbacks.ts';
import { EngineError } from './errors.ts';
import type { EngineWebTransportDatagrams } from './types.ts';

/** Received datagrams that wait for a handler or a reader: over either limit the oldest go and are counted. */
export const INCOMING_DATAGRAMS = 256;
export const INCOMING_AGE_MS = 500;

type Handler = (data: Uint8Array, receivedAtUs: number) => void;

interface Waiting {
  data: Uint8Array;
  receivedAtUs: number;
}

export interface DatagramsPort {
  send(data: Uint8Array): void;
  nowUs(): number;
}

/** The datagrams of one session, in two faces: handler and `send`, or web streams that are built when asked for. */
export class Datagrams implements EngineWebTransportDatagrams {
  readonly #port: DatagramsPort;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #maxSize: number;
  #handler: Handler | undefined;
  #waiting: Waiting[] = [];
  #readable: ReadableStream<Uint8Array> | undefined;
  #reader: ReadableByteStreamController | undefined;
  #wanting = false;
  #writable: WritableStream<Uint8Array> | undefined;
  #writer: WritableStreamDefaultController | undefined;
  #ready: PromiseWithResolvers<void> | undefined;
  #end: { error?: EngineError } | undefined;
  /** Drops of this side of the boundary; they join the native ones in `getStats`. */
  readonly drops = { too_large: 0, closed: 0, unread_full: 0, unread_expired: 0 };

  constructor(port: DatagramsPort, maxSize: number) {
    this.#port = port;
    this.#maxSize = maxSize;
  }

  get maxDatagramSize(): number {
    return this.#maxSize;
  }

  send(data: Uint8Array): boolean {
    if (this.#state !== 'open') {
      this.drops.closed += 1;
      return false;
    }
    if (data.byteLength > this.#maxSize) {
      this.drops.too_large += 1;
      return false;
    }
    this.#port.send(data);
    return true;
  }

  setHandler(handler: Handler | undefined): void {
    this.#handler = handler;
    if (!handler || this.#waiting.length === 0) return;
    // Not from inside this call: the caller may not have finished setting itself up.
    queueMicrotask(() => {
      this.#expire();
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const { data, receivedAtUs } of waiting) this.#call(data, receivedAtUs);
    });
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => {
          this.#reader = controller;
          if (this.#end) this.#endReadable();
        },
        pull: () => {
          this.#wanting = true;
          this.#deliver();
        },
        cancel: () => {
          this.#reader = undefined;
          this.#waiting = [];
        },
      },
      { highWaterMark: 0 },
    );
    return this.#readable;
  }

  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller;
        if (this.#end) this.#endWritable();
        if (this.#state !== 'connecting') return undefined;
        this.#ready = Promise.withResolvers<void>();
        return this.#ready.promise;
      },
      // W3C: what is too large is dropped in silence. It is counted here.
      write: (data) => {
        this.send(data);
      },
    });
    return this.#writable;
  }

  handleOpen(maxSize: number): void {
    this.#state = 'open';
    this.#maxSize = maxSize;
    this.#ready?.resolve();
  }

  handleDatagram(data: Uint8Array, receivedAtUs: number): void {
    if (this.#handler && this.#waiting.length === 0) {
      this.#call(data, receivedAtUs);
      return;
    }
    // The view dies with the batch.
    this.#waiting.push({ data: new Uint8Array(data), receivedAtUs });
    if (this.#waiting.length > INCOMING_DATAGRAMS) {
      this.#waiting.shift();
      this.drops.unread_full += 1;
    }
    this.#deliver();
  }

  handleClosed(error: EngineError | undefined): void {
    this.#state = 'closed';
    this.#end = error ? { error } : {};
    this.#waiting = [];
    this.#handler = undefined;
    this.#ready?.resolve();
    this.#endReadable();
    this.#endWritable();
  }

  #call(data: Uint8Array, receivedAtUs: number): void {
    try {
      this.#handler?.(data, receivedAtUs);
    } catch (error) {
      throwLater(error);
    }
  }

  #deliver(): void {
    if (!this.#wanting || !this.#reader) return;
    this.#expire();
    const next = this.#waiting.shift();
    if (!next) return;
    this.#wanting = false;
    const request = this.#reader.byobRequest;
    const view = request?.view;
    if (!request || !view) {
      // An empty chunk cannot be enqueued in a byte stream.
      if (next.data.byteLength > 0) this.#reader.enqueue(next.data as Uint8Array<ArrayBuffer>);
      else {
        this.#wanting = true;
        this.#deliver();
      }
      return;
    }
    // W3C: a datagram never splits over two reads.
    if (view.byteLength < next.data.byteLength) {
      this.#reader.error(
        new RangeError(`a datagram of ${next.data.byteLength} bytes does not fit into the given view`),
      );
      this.#reader = undefined;
      return;
    }
    new Uint8Array(view.buffer, view.byteOffset).set(next.data);
    request.respond(next.data.byteLength);
  }

  #expire(): void {
    const oldest = this.#port.nowUs() - INCOMING_AGE_MS * 1000;
    let n = 0;
    while (n < this.#waiting.length && this.#waiting[n]!.receivedAtUs < oldest) n += 1;
    if (n === 0) return;
    this.#waiting.splice(0, n);
    this.drops.unread_expired += n;
  }

  #endReadable(): void {
    const reader = this.#reader;
    if (!reader) return;
    this.#reader = undefined;
    if (this.#end?.error) reader.error(this.#end.error);
    else {
      reader.close();
      reader.byobRequest?.respond(0);
    }
  }

  #endWritable(): void {
    this.#writer?.error(this.#end?.error ?? new EngineError('closed', 'the session is closed'));
    this.#writer = undefined;
  }
}
