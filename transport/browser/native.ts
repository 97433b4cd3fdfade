import { SessionCore } from '../src/core.ts';
import { closeInfo, connectFailed, connectionLost } from '../src/errors.ts';
import { GuardedWriter } from '../src/guarded-writer.ts';
import type {
  BidirectionalStream,
  CloseInfo,
  ConnectOptions,
  Connector,
  DatagramHandler,
  SendStreamOptions,
  Session,
  SessionStats,
} from '../src/types.ts';

/** Captured at load: the fallback's import wraps the global for a moment. */
const NativeWebTransport = (globalThis as { WebTransport?: WebTransportClass }).WebTransport;

type WebTransportClass = new (url: string, options?: object) => NativeTransport;

/** The browser's own, with what only some of them have. */
interface NativeTransport {
  readonly ready: Promise<unknown>;
  readonly closed: Promise<Partial<CloseInfo> | undefined>;
  readonly draining?: Promise<unknown>;
  readonly datagrams: NativeDatagrams;
  readonly incomingBidirectionalStreams: ReadableStream<BidirectionalStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  createBidirectionalStream(options?: object): Promise<BidirectionalStream>;
  createUnidirectionalStream(options?: object): Promise<WritableStream<Uint8Array>>;
  close(info?: CloseInfo): void;
  /** Absent in Chromium 156, not implemented in Firefox 153. */
  getStats?(): Promise<NativeStats>;
}

interface NativeDatagrams {
  readonly maxDatagramSize: number;
  readonly readable: ReadableStream<Uint8Array>;
  /** Throws in Safari, which has only `createWritable`. */
  readonly writable?: WritableStream<Uint8Array>;
  createWritable?(): WritableStream<Uint8Array>;
  outgoingMaxAge?: number | null;
  outgoingHighWaterMark?: number;
  incomingMaxAge?: number | null;
  incomingHighWaterMark?: number;
}

interface NativeStats {
  smoothedRtt?: number;
  bytesSent?: number;
  bytesReceived?: number;
  packetsSent?: number;
  packetsReceived?: number;
  packetsLost?: number;
  datagrams?: { expiredOutgoing?: number; lostOutgoing?: number; droppedIncoming?: number };
}

/** Datagrams handed to the browser and not yet taken; more are dropped. */
const MAX_PENDING_DATAGRAMS = 64;
const MAX_DATAGRAM_AGE_MS = 100;
const MAX_PIECE_BYTES = 256 * 1024;

export function nativeWebTransportAvailable(): boolean {
  return NativeWebTransport !== undefined;
}

/** Dials by the browser's own WebTransport. Throws nothing: where there is none, `ready` rejects with `unsupported`. */
export function nativeConnector(): Connector {
  return (url, options = {}) => new NativeSession(url, options);
}

class NativeSession implements Session {
  readonly reliability = 'supports-unreliable';
  readonly remoteAddress: string | undefined;
  readonly core = new SessionCore();
  readonly incomingBidirectional: ReadableStream<BidirectionalStream>;
  readonly incomingUnidirectional: ReadableStream<ReadableStream<Uint8Array>>;
  readonly #native: NativeTransport | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #writers = new Set<GuardedWriter>();
  #closedHere: CloseInfo | undefined;

  constructor(url: string, options: ConnectOptions) {
    this.remoteAddress = new URL(url).host;
    try {
      if (NativeWebTransport === undefined) throw new TypeError('no WebTransport in this browser');
      this.#native = new NativeWebTransport(url, nativeOptions(options));
    } catch (error) {
      this.core.fail(connectFailed(`WebTransport cannot be opened: ${text(error)}`, error));
      this.incomingBidirectional = emptyStream();
      this.incomingUnidirectional = emptyStream();
      return;
    }
    const native = this.#native;
    this.incomingBidirectional = native.incomingBidirectionalStreams.pipeThrough(
      new TransformStream({ transform: (stream, controller) => controller.enqueue(this.#guard(stream)) }),
    );
    this.incomingUnidirectional = native.incomingUnidirectionalStreams;
    this.#watch(native, options);
  }

  #watch(native: NativeTransport, options: ConnectOptions): void {
    const { core } = this;
    const giveUp = (message: string, cause?: unknown) => {
      if (core.state !== 'connecting') return;
      core.fail(connectFailed(message, cause));
      native.close();
    };
    const timeoutMs = options.connectTimeoutMs ?? 8000;
    const timer = setTimeout(() => giveUp(`no answer within ${timeoutMs} ms`), timeoutMs);
    const abort = () => giveUp('given up', options.signal?.reason);
    options.signal?.addEventListener('abort', abort, { once: true });
    const settled = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', abort);
    };
    core.ready.then(settled, settled);
    const failWriters = () => {
      for (const writer of this.#writers) writer.fail(core.endedWith);
      this.#writers.clear();
    };
    core.closed.then(failWriters, failWriters);
    native.ready.then(
      () => {
        this.#startDatagrams(native.datagrams);
        core.open();
      },
      (error: unknown) => core.fail(connectFailed(`the relay did not answer, or refused: ${text(error)}`, error)),
    );
    native.closed.then(
      (info) => core.close(this.#closedHere ?? closeInfo(info)),
      (error: unknown) => {
        if (this.#closedHere !== undefined) core.close(this.#closedHere);
        else if (core.state === 'connecting')
          core.fail(connectFailed(`the relay did not answer, or refused: ${text(error)}`, error));
        else core.fail(connectionLost(`the connection died: ${text(error)}`, error));
      },
    );
    native.draining?.then(
      () => core.drain(),
      () => {},
    );
    if (options.signal?.aborted) abort();
  }

  #startDatagrams(datagrams: NativeDatagrams): void {
    // Default null: queued datagrams never expire.
    if ('outgoingMaxAge' in datagrams) datagrams.outgoingMaxAge = MAX_DATAGRAM_AGE_MS;
    // Default 1: the second datagram of a turn would find the queue full.
    if ('outgoingHighWaterMark' in datagrams) datagrams.outgoingHighWaterMark = MAX_PENDING_DATAGRAMS;
    if ('incomingHighWaterMark' in datagrams) datagrams.incomingHighWaterMark = 256;
    const writable = typeof datagrams.createWritable === 'function' ? datagrams.createWritable() : datagrams.writable;
    this.#writer = writable?.getWriter();
    this.#writer?.closed.catch(() => {});
    this.#read(datagrams.readable.getReader()).catch(() => {});
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.core.receive(value, this.nowUs());
    }
  }

  get ready(): Promise<void> {
    return this.core.ready;
  }
  get closed(): Promise<CloseInfo> {
    return this.core.closed;
  }
  get draining(): Promise<void> {
    return this.core.draining;
  }
  get maxDatagramSize(): number {
    return this.#native?.datagrams.maxDatagramSize ?? 0;
  }

  sendDatagram(data: Uint8Array): boolean {
    const { core } = this;
    const writer = this.#writer;
    if (core.state !== 'open' || writer === undefined) return core.drop('closed');
    // Browsers drop what is too large without a word.
    if (data.byteLength > this.maxDatagramSize) return core.drop('too_large');
    // The stream's own mark is 1, so 1 - desiredSize writes are pending. Null: the stream has failed.
    const { desiredSize } = writer;
    if (desiredSize === null) return core.drop('closed');
    if (desiredSize <= 1 - MAX_PENDING_DATAGRAMS) return core.drop('queue_full');
    writer.write(data.slice()).catch(() => {});
    core.datagramsSent += 1;
    return true;
  }

  setDatagramHandler(handler: DatagramHandler | undefined): void {
    this.core.setHandler(handler);
  }

  async openBidirectional(options?: SendStreamOptions): Promise<BidirectionalStream> {
    await this.core.ready;
    this.core.assertUsable();
    return this.#guard(await this.#native!.createBidirectionalStream({ ...options, waitUntilAvailable: true }));
  }

  async openUnidirectional(options?: SendStreamOptions): Promise<WritableStream<Uint8Array>> {
    await this.core.ready;
    this.core.assertUsable();
    const native = await this.#native!.createUnidirectionalStream({ ...options, waitUntilAvailable: true });
    return this.#guardWritable(native);
  }

  #guard(stream: BidirectionalStream): BidirectionalStream {
    return { readable: stream.readable, writable: this.#guardWritable(stream.writable) };
  }

  #guardWritable(writable: WritableStream<Uint8Array>): WritableStream<Uint8Array> {
    const guarded = new GuardedWriter(writable, MAX_PIECE_BYTES, (done) => this.#writers.delete(done));
    if (this.core.endedWith !== undefined) guarded.fail(this.core.endedWith);
    else this.#writers.add(guarded);
    return guarded.writable;
  }

  close(info?: Partial<CloseInfo>): void {
    if (this.core.state === 'ended') return;
    const full = closeInfo(info);
    this.#closedHere = full;
    this.#native?.close(full);
    this.core.close(full);
  }

  async getStats(): Promise<SessionStats> {
    const stats = this.core.stats();
    if (this.#native?.getStats === undefined || this.core.state !== 'open') return stats;
    // Firefox 153 has the method and throws `Method not implemented`.
    const native = await this.#native.getStats().catch((): NativeStats => ({}));
    if (native.smoothedRtt !== undefined) stats.rttMs = native.smoothedRtt;
    for (const key of ['bytesSent', 'bytesReceived', 'packetsSent', 'packetsReceived', 'packetsLost'] as const) {
      const value = native[key];
      if (value !== undefined) stats[key] = value;
    }
    const expired = native.datagrams?.expiredOutgoing ?? 0;
    if (expired > 0) stats.datagramsDropped['expired'] = expired;
    return stats;
  }

  nowUs(): number {
    return performance.now() * 1000;
  }
}

function nativeOptions(options: ConnectOptions): object {
  const hashes = options.serverCertificateHashes ?? [];
  return {
    // A pooled connection may not be pinned by hash, and shares its fate with others.
    allowPooling: false,
    congestionControl: 'low-latency',
    ...(hashes.length === 0
      ? {}
      : { serverCertificateHashes: hashes.map((value) => ({ algorithm: 'sha-256', value })) }),
  };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function emptyStream<T>(): ReadableStream<T> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
