import { SessionCore } from '../src/core.ts';
import { closeInfo, connectionLost } from '../src/errors.ts';
import type { BidirectionalStream, CloseInfo, DatagramHandler, Session, SessionStats } from '../src/types.ts';
import type { Clock } from './clock.ts';
import type { Wire } from './link.ts';
import { createPipe, type Pipe } from './pipe.ts';

const MAX_DATAGRAM_BYTES = 1200;
/** Datagrams on their way at once; more are dropped as `queue_full`. */
const MAX_IN_FLIGHT = 1024;

export class MemorySession implements Session {
  readonly reliability = 'supports-unreliable';
  readonly maxDatagramSize = MAX_DATAGRAM_BYTES;
  readonly remoteAddress = 'memory';
  readonly core = new SessionCore();
  readonly incomingBidirectional: ReadableStream<BidirectionalStream>;
  readonly incomingUnidirectional: ReadableStream<ReadableStream<Uint8Array>>;

  readonly #clock: Clock;
  readonly #out: Wire;
  readonly #in: Wire;
  #peer: MemorySession | undefined;
  #bidirectional!: ReadableStreamDefaultController<BidirectionalStream>;
  #unidirectional!: ReadableStreamDefaultController<ReadableStream<Uint8Array>>;
  readonly #pipes = new Set<Pipe>();
  #inFlight = 0;

  constructor(clock: Clock, out: Wire, incoming: Wire) {
    this.#clock = clock;
    this.#out = out;
    this.#in = incoming;
    this.incomingBidirectional = new ReadableStream({
      start: (controller) => {
        this.#bidirectional = controller;
      },
    });
    this.incomingUnidirectional = new ReadableStream({
      start: (controller) => {
        this.#unidirectional = controller;
      },
    });
    const stop = () => {
      for (const pipe of this.#pipes) pipe.fail(this.core.endedWith!);
      this.#bidirectional.close();
      this.#unidirectional.close();
    };
    this.core.closed.then(stop, stop);
  }

  /** Makes two sessions the ends of one connection. */
  static join(a: MemorySession, b: MemorySession): void {
    a.#peer = b;
    b.#peer = a;
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

  sendDatagram(data: Uint8Array): boolean {
    if (this.core.state !== 'open') return this.core.drop('closed');
    if (data.byteLength > MAX_DATAGRAM_BYTES) return this.core.drop('too_large');
    if (this.#inFlight >= MAX_IN_FLIGHT) return this.core.drop('queue_full');
    this.core.datagramsSent += 1;
    if (this.#out.loses()) return true;
    const copy = Uint8Array.from(data);
    this.#inFlight += 1;
    this.#out.deliver(() => {
      this.#inFlight -= 1;
      const peer = this.#peer;
      if (peer?.core.state === 'open') peer.core.receive(copy, this.#clock.nowUs());
    });
    return true;
  }

  setDatagramHandler(handler: DatagramHandler | undefined): void {
    this.core.setHandler(handler);
  }

  async openBidirectional(): Promise<BidirectionalStream> {
    await this.core.ready;
    this.core.assertUsable();
    const there = this.#pipe(this.#out);
    const back = this.#pipe(this.#in);
    this.#out.deliver(() => {
      const peer = this.#peer!;
      if (peer.core.state === 'open') {
        peer.#bidirectional.enqueue({ readable: there.readable, writable: back.writable });
      }
    });
    return { readable: back.readable, writable: there.writable };
  }

  async openUnidirectional(): Promise<WritableStream<Uint8Array>> {
    await this.core.ready;
    this.core.assertUsable();
    const pipe = this.#pipe(this.#out);
    this.#out.deliver(() => {
      const peer = this.#peer!;
      if (peer.core.state === 'open') peer.#unidirectional.enqueue(pipe.readable);
    });
    return pipe.writable;
  }

  /** Known to both ends, so that either one's end fails it. */
  #pipe(wire: Wire): Pipe {
    const peer = this.#peer!;
    const pipe = createPipe(wire, () => {
      this.#pipes.delete(pipe);
      peer.#pipes.delete(pipe);
    });
    this.#pipes.add(pipe);
    peer.#pipes.add(pipe);
    return pipe;
  }

  close(info?: Partial<CloseInfo>): void {
    const wasOpen = this.core.state === 'open';
    const full = closeInfo(info);
    this.core.close(full);
    if (wasOpen) this.#out.deliver(() => this.#peer?.core.close(full));
  }

  /** The connection dies: both ends reject with `connection_lost`, no code crosses. */
  kill(): void {
    const error = connectionLost('the memory connection was cut');
    this.core.fail(error);
    this.#peer?.core.fail(error);
  }

  /** Asks the peer to go elsewhere. */
  requestDrain(): void {
    this.#out.deliver(() => this.#peer?.core.drain());
  }

  async getStats(): Promise<SessionStats> {
    return this.core.stats();
  }

  /** Streams with an end still open. */
  get openStreams(): number {
    return this.#pipes.size;
  }

  nowUs(): number {
    return this.#clock.nowUs();
  }
}
