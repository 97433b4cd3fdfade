import { HayateError } from '@hayate/codec/errors';
import type { EngineSession } from '@hayate/engine';
import { SessionCore } from '../src/core.ts';
import { connectFailed, connectionLost } from '../src/errors.ts';
import type {
  BidirectionalStream,
  CloseInfo,
  DatagramHandler,
  PeerStream,
  SendStreamOptions,
  Session,
  SessionStats,
} from '../src/types.ts';
import { readStats } from './stats.ts';

/** A native session behind the transport's interface; the same for dialled and accepted ones. */
export class EngineTransportSession implements Session {
  readonly reliability = 'supports-unreliable';
  readonly core = new SessionCore();
  readonly #native: EngineSession;

  constructor(native: EngineSession) {
    this.#native = native;
    const { core } = this;
    native.ready.then(
      () => core.open(),
      (error: unknown) => core.fail(connectFailed(`the session did not open: ${describe(error)}`, error)),
    );
    native.closed.then(
      (info) => core.close(info),
      (error: unknown) => {
        if (core.state === 'connecting')
          core.fail(connectFailed(`the session did not open: ${describe(error)}`, error));
        else core.fail(connectionLost(`the connection died: ${describe(error)}`, error));
      },
    );
    native.datagrams.setHandler((data, receivedAtUs) => core.receive(data, receivedAtUs));
  }

  get ready(): Promise<void> {
    return this.core.ready;
  }
  get closed(): Promise<CloseInfo> {
    return this.core.closed;
  }
  get draining(): Promise<void> {
    return this.#native.draining;
  }
  get maxDatagramSize(): number {
    return this.#native.datagrams.maxDatagramSize;
  }
  get remoteAddress(): string | undefined {
    return this.#native.remoteAddress;
  }
  get incomingBidirectional(): ReadableStream<BidirectionalStream> {
    return this.#native.incomingBidirectionalStreams;
  }
  get incomingUnidirectional(): ReadableStream<ReadableStream<Uint8Array>> {
    return this.#native.incomingUnidirectionalStreams;
  }

  setStreamHandler(handler: (stream: PeerStream) => void): void {
    this.#native.setStreamHandler(handler);
  }

  sendDatagram(data: Uint8Array): boolean {
    const { core } = this;
    if (core.state !== 'open') return core.drop('closed');
    if (data.byteLength > this.#native.datagrams.maxDatagramSize) return core.drop('too_large');
    // The engine counts what its queue drops later (`queue_full`, `expired`); `getStats` adds that.
    if (!this.#native.datagrams.send(data)) return core.drop('queue_full');
    core.datagramsSent += 1;
    return true;
  }

  setDatagramHandler(handler: DatagramHandler | undefined): void {
    this.core.setHandler(handler);
  }

  async openBidirectional(options?: SendStreamOptions): Promise<BidirectionalStream> {
    await this.core.ready;
    this.core.assertUsable();
    return await this.#native.createBidirectionalStream(options);
  }

  async openUnidirectional(options?: SendStreamOptions): Promise<WritableStream<Uint8Array>> {
    await this.core.ready;
    this.core.assertUsable();
    return await this.#native.createUnidirectionalStream(options);
  }

  close(info?: Partial<CloseInfo>): void {
    this.#native.close(info);
  }

  async getStats(): Promise<SessionStats> {
    const stats = this.core.stats();
    if (this.core.state !== 'open') return stats;
    return readStats(stats, await this.#native.getStats());
  }

  nowUs(): number {
    return monotonicUs();
  }
}

/** CLOCK_MONOTONIC in us: the engine stamps in the same clock. */
function monotonicUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

function describe(error: unknown): string {
  if (error instanceof HayateError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
