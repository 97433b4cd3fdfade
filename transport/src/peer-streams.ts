import { HayateError } from '@hayate/codec/errors';
import type { PeerStream, SendStream, SendStreamOptions, Session, StreamHandler } from './types.ts';

/**
 * Calls back for each stream that the peer opens, for as long as the session lives; instead of its incoming web streams.
 * Bodies without calls of their own get them over their web streams.
 */
export function onPeerStreams(session: Session, handler: (stream: PeerStream) => void): void {
  if (session.setStreamHandler) {
    session.setStreamHandler(handler);
    return;
  }
  void each(session.incomingBidirectional, ({ readable, writable }) => handler(new WebPeerStream(readable, writable)));
  void each(session.incomingUnidirectional, (readable) => handler(new WebPeerStream(readable, undefined)));
}

async function each<T>(streams: ReadableStream<T>, take: (stream: T) => void): Promise<void> {
  const reader = streams.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) take(value as T);
  } catch {
    // The connection died; `closed` tells.
  }
}

class WebPeerStream implements PeerStream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #writable: SendStream | undefined;
  #stopped = false;

  constructor(readable: ReadableStream<Uint8Array>, writable: SendStream | undefined) {
    this.#writable = writable;
    this.#reader = readable.getReader();
    this.#writer = writable?.getWriter();
    this.#reader.closed.catch(() => {});
    this.#writer?.closed.catch(() => {});
    this.#writer?.ready.catch(() => {});
  }

  get bidirectional(): boolean {
    return this.#writer !== undefined;
  }

  receive(handler: StreamHandler): void {
    void this.#read(handler);
  }

  async #read(handler: StreamHandler): Promise<void> {
    let error: Error | undefined;
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done || this.#stopped) break;
        const later = handler.data(value);
        if (later) await later;
      }
    } catch (cause) {
      error = cause instanceof Error ? cause : new HayateError('closed', 'the stream ended', { cause });
    }
    if (!this.#stopped) handler.end(error);
  }

  stop(): void {
    this.#stopped = true;
    this.#reader.cancel().catch(() => {});
  }

  setOptions(options: SendStreamOptions): void {
    Object.assign(this.#writable ?? {}, options);
  }

  write(data: Uint8Array): Promise<void> | undefined {
    return this.#sending().write(data);
  }

  finish(): void {
    this.#sending()
      .close()
      .catch(() => {});
  }

  abort(): void {
    this.#writer?.abort().catch(() => {});
  }

  #sending(): WritableStreamDefaultWriter<Uint8Array> {
    if (!this.#writer) throw new HayateError('invalid_argument', 'a unidirectional stream of the peer takes nothing');
    return this.#writer;
  }
}
