import { HayateError } from '@hayate/codec/errors';
import { SessionCore } from '../src/core.ts';
import { closeInfo, connectionLost } from '../src/errors.ts';
import type {
  BidirectionalStream,
  CloseInfo,
  DatagramHandler,
  SendStreamOptions,
  Session,
  SessionStats,
} from '../src/types.ts';

/** Between what one half and the other is told of the same. */
const APART_MS = 1000;
const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Datagrams of one session and streams of another, as one: it is open when both are, and over when either is. */
export class HybridSession implements Session {
  readonly way = 'hybrid';
  readonly #core = new SessionCore();
  readonly #datagrams: Session;
  readonly #streams: Session;
  /** Of the half with the streams, where that has it. */
  readonly setStreamHandler?: NonNullable<Session['setStreamHandler']>;

  constructor(datagrams: Session, streams: Session) {
    this.#datagrams = datagrams;
    this.#streams = streams;
    if (streams.setStreamHandler) this.setStreamHandler = (handler) => streams.setStreamHandler?.(handler);
    const core = this.#core;
    const both = [datagrams, streams];
    const opened = Promise.all(both.map(({ ready }) => ready)).then(
      () => core.open(),
      // The half that did not open rejects `closed` too.
      () => {},
    );
    // A peer may let a session in and end it at once, when one half is open here and the other only opens.
    const streamsOver = streams.closed.then((info) => Promise.race([opened, later(APART_MS)]).then(() => info));
    const over = streamsOver.then(
      (info) => this.close(info),
      (error) => this.#fail(error),
    );
    // What streams still carry comes before the end: the word of it is overtaken here.
    datagrams.closed.then(
      (info) => Promise.race([over, later(APART_MS)]).then(() => this.close(info)),
      (error) => this.#fail(error),
    );
    for (const half of both) void half.draining.then(() => core.drain());
  }

  get reliability(): Session['reliability'] {
    return this.#datagrams.reliability;
  }
  get ready(): Promise<void> {
    return this.#core.ready;
  }
  get closed(): Promise<CloseInfo> {
    return this.#core.closed;
  }
  get draining(): Promise<void> {
    return this.#core.draining;
  }
  get maxDatagramSize(): number {
    return this.#datagrams.maxDatagramSize;
  }
  get remoteAddress(): string | undefined {
    return this.#datagrams.remoteAddress ?? this.#streams.remoteAddress;
  }
  get incomingBidirectional(): ReadableStream<BidirectionalStream> {
    return this.#streams.incomingBidirectional;
  }
  get incomingUnidirectional(): ReadableStream<ReadableStream<Uint8Array>> {
    return this.#streams.incomingUnidirectional;
  }

  sendDatagram(data: Uint8Array): boolean {
    return this.#core.state === 'open' ? this.#datagrams.sendDatagram(data) : this.#core.drop('closed');
  }

  setDatagramHandler(handler: DatagramHandler | undefined): void {
    this.#datagrams.setDatagramHandler(handler);
  }

  async openBidirectional(options?: SendStreamOptions): Promise<BidirectionalStream> {
    await this.ready;
    return this.#streams.openBidirectional(options);
  }

  async openUnidirectional(options?: SendStreamOptions): Promise<WritableStream<Uint8Array>> {
    await this.ready;
    return this.#streams.openUnidirectional(options);
  }

  close(info?: Partial<CloseInfo>): void {
    this.#core.close(closeInfo(info));
    this.#streams.close(info);
    this.#datagrams.close(info);
  }

  #fail(error: unknown): void {
    this.#core.fail(error instanceof HayateError ? error : connectionLost('a half died', error));
    this.close();
  }

  async getStats(): Promise<SessionStats> {
    const stats = await this.#datagrams.getStats();
    for (const [why, count] of Object.entries(this.#core.datagramsDropped)) {
      stats.datagramsDropped[why] = (stats.datagramsDropped[why] ?? 0) + count;
    }
    return stats;
  }

  nowUs(): number {
    return this.#datagrams.nowUs();
  }
}
