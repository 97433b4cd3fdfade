import { SessionCore } from '../src/core.ts';
import { closeInfo, connectFailed, connectionLost } from '../src/errors.ts';
import { GuardedWriter } from '../src/guarded-writer.ts';
import type {
  BidirectionalStream,
  CloseInfo,
  DatagramHandler,
  SendStreamOptions,
  Session,
  SessionStats,
} from '../src/types.ts';
import { ACK_MS, payloadAt, ReceivedDatagrams, readWord, SentDatagrams } from './freshness.ts';
import { CAPSULE, type CapsuleParser, type LibrarySession, WEBSOCKET_PING } from './library.ts';
import { repairStreams, watchFin } from './repairs.ts';

/** Over this many bytes not yet taken by the network, a datagram is dropped: it would arrive stale. */
const MAX_BUFFERED_BYTES = 16 * 1024;
const MAX_DATAGRAM_BYTES = 1200;
/** A message of the WebSocket holds one piece of a stream: the server refuses long ones. */
const MAX_PIECE_BYTES = 64 * 1024;

/** The connection under a session. */
export interface SocketFace {
  /** Written and not yet taken by the network. */
  bufferedBytes(): number;
  /** Runs `write` so that what it writes leaves in one segment where the socket can do that. */
  batch(write: () => void): void;
  /** At once, without a goodbye. */
  destroy(): void;
  readonly remoteAddress: string | undefined;
  /** Server: turns the bytes of the network into whole frames for `parse`. Default: `parse` gets messages already. */
  frames?(parse: (frame: Uint8Array) => void): (chunk: Uint8Array) => void;
}

/** A WebSocket session; the same for accepted and dialled ones, in Node and in a browser. */
export class WebSocketSession implements Session {
  readonly reliability = 'reliable-only';
  readonly maxDatagramSize = MAX_DATAGRAM_BYTES;
  readonly core = new SessionCore();
  readonly nowUs: () => number;
  readonly incomingBidirectional: ReadableStream<BidirectionalStream>;
  readonly incomingUnidirectional: ReadableStream<ReadableStream<Uint8Array>>;
  /** Bytes that the library's parser could not read; the connection is cut then. */
  parseErrors = 0;

  #library: LibrarySession | undefined;
  #parser: CapsuleParser | undefined;
  #socket: SocketFace | undefined;
  #closedByPeer: CloseInfo | undefined;
  #heardAtUs = 0;
  readonly #sent = new SentDatagrams();
  readonly #received = new ReceivedDatagrams();
  #wordTimer: ReturnType<typeof setTimeout> | undefined;
  #bidirectional!: ReadableStreamDefaultController<BidirectionalStream>;
  #unidirectional!: ReadableStreamDefaultController<ReadableStream<Uint8Array>>;
  readonly #writers = new Set<GuardedWriter>();
  readonly #readers: ReadableStreamDefaultReader<unknown>[] = [];

  /** `nowUs`: another monotonic clock than the browser's, us. */
  constructor(nowUs: () => number = () => performance.now() * 1000) {
    this.nowUs = nowUs;
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
      const error = this.core.endedWith!;
      for (const writer of this.#writers) writer.fail(error);
      this.#writers.clear();
      clearTimeout(this.#wordTimer);
      closeQuietly(this.#bidirectional);
      closeQuietly(this.#unidirectional);
      // Not all ends of the library's session end its streams, and Chromium keeps whatever has a read under way. Not
      // `cancel`: the library throws where it closes such a stream later.
      for (const reader of this.#readers) reader.releaseLock();
    };
    this.core.closed.then(stop, stop);
  }

  /** Takes over the library's session. Call before its socket can deliver anything. */
  attach(library: LibrarySession, socket: SocketFace): void {
    this.#library = library;
    this.#socket = socket;
    // The library would queue datagrams without bound until somebody reads its stream.
    library.onDatagramReceived = ({ datagram }) => {
      const nowUs = this.nowUs();
      // Each one counts, also before this end calls itself open: the other end goes by the number.
      this.#received.arrived(nowUs);
      this.#sayWhatCame();
      if (this.core.state === 'open') this.core.receive(datagram, nowUs);
    };
    // The library's own handler leaves the `connected` state, which stops its flow control and breaks its close.
    library.onGoAwayReceived = () => this.core.drain();
    library.ready.then(
      () => this.#opened(),
      () => {},
    );
    library.closed.then(
      () => {
        if (this.#closedByPeer !== undefined) this.core.close(this.#closedByPeer);
        else this.core.fail(connectionLost('the WebSocket closed without a close code'));
      },
      (error: unknown) => {
        if (this.core.state === 'connecting') this.core.fail(connectFailed('the WebSocket did not open', error));
        else this.core.fail(connectionLost('the WebSocket failed', error));
      },
    );
    void this.#accept(library.incomingBidirectionalStreams, (stream) =>
      this.#bidirectional.enqueue(this.#guard(stream)),
    );
    void this.#accept(library.incomingUnidirectionalStreams, (stream) => this.#unidirectional.enqueue(stream));
    repairStreams(library, () => this.#parser);
    const parser = library.objint?.capsParser;
    if (parser !== undefined) this.#hook(parser);
  }

  #opened(): void {
    const parser = this.#library?.objint?.capsParser;
    if (parser === undefined) return;
    if (this.#parser === undefined) this.#hook(parser);
    this.#heardAtUs = this.nowUs();
    this.core.open();
    this.#sayWhatCame();
  }

  #hook(parser: CapsuleParser): void {
    this.#parser = parser;
    watchFin(parser);
    const parseFrames = parser.parseData.bind(parser);
    const { frames } = this.#socket ?? {};
    const parse =
      frames?.((frame) => this.#take(frame, payloadAt(frame)) || parseFrames(frame)) ??
      ((capsule: Uint8Array) => this.#take(capsule, 0) || parseFrames(capsule));
    // It runs inside a socket event: what it throws on malformed input would end the process.
    parser.parseData = (data) => {
      this.#heardAtUs = this.nowUs();
      try {
        parse(data);
      } catch (error) {
        this.parseErrors += 1;
        this.core.fail(connectionLost('the peer sent what cannot be parsed', error));
        this.#socket?.destroy();
      }
    };
    const closed = parser.onCloseWebTransportSession.bind(parser);
    // The only trace of a close on purpose: the library reports a dead socket as code 0.
    parser.onCloseWebTransportSession = (info) => {
      this.#closedByPeer = { closeCode: info.code, reason: info.reason };
      closed(info);
    };
  }

  /** What the peer says of the datagrams that came there; anything else is the library's. */
  #take(bytes: Uint8Array, at: number): boolean {
    const word = readWord(bytes, at);
    if (word) this.#sent.acked(word.count, word.delayUs, this.nowUs());
    return word !== undefined;
  }

  /** At once where nothing was said lately, else when it is time. */
  #sayWhatCame(): void {
    const dueMs = this.#received.dueMs(this.nowUs());
    if (dueMs === undefined || this.#wordTimer !== undefined || this.core.state !== 'open') return;
    const say = () => {
      this.#wordTimer = undefined;
      if (this.core.state !== 'open') return;
      const payload = this.#received.word(this.nowUs());
      this.#parser?.writeCapsule({ type: CAPSULE.padding, headerVints: [], payload });
    };
    if (dueMs === 0) say();
    else this.#wordTimer = setTimeout(say, Math.min(ACK_MS, dueMs));
  }

  async #accept<T>(streams: ReadableStream<T>, enqueue: (stream: T) => void): Promise<void> {
    const reader = streams.getReader();
    this.#readers.push(reader);
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.core.state === 'ended') return;
        enqueue(value);
      }
    } catch {
      // Let go of at the end, or the stream failed with its session, which tells.
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
  get remoteAddress(): string | undefined {
    return this.#socket?.remoteAddress;
  }

  sendDatagram(data: Uint8Array): boolean {
    const { core } = this;
    const parser = this.#parser;
    const socket = this.#socket;
    if (core.state !== 'open' || parser === undefined || socket === undefined) return core.drop('closed');
    if (data.byteLength > MAX_DATAGRAM_BYTES) return core.drop('too_large');
    if (socket.bufferedBytes() > MAX_BUFFERED_BYTES) return core.drop('queue_full');
    const nowUs = this.nowUs();
    if (this.#sent.stale(nowUs)) return core.drop('expired');
    this.#sent.sent(nowUs);
    // Past `writeDatagram`, which queues without bound while the socket is full.
    const payload = data.slice();
    socket.batch(() => parser.writeCapsule({ type: CAPSULE.datagram, headerVints: [], payload }));
    core.datagramsSent += 1;
    return true;
  }

  setDatagramHandler(handler: DatagramHandler | undefined): void {
    this.core.setHandler(handler);
  }

  async openBidirectional(options?: SendStreamOptions): Promise<BidirectionalStream> {
    return this.#guard(await this.#open((library) => library.createBidirectionalStream(streamOptions(options))));
  }

  async openUnidirectional(options?: SendStreamOptions): Promise<WritableStream<Uint8Array>> {
    return this.#guardWritable(
      await this.#open((library) => library.createUnidirectionalStream(streamOptions(options))),
    );
  }

  async #open<T>(create: (library: LibrarySession) => Promise<T>): Promise<T> {
    await this.core.ready;
    this.core.assertUsable();
    try {
      return await create(this.#library!);
    } catch (error) {
      this.core.assertUsable();
      throw error;
    }
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
    const opened = this.core.state === 'open';
    this.core.close(full);
    if (!opened) {
      this.#socket?.destroy();
      return;
    }
    this.#library?.close(full);
    // The library ends its streams only when the socket closes.
    this.#library?.onClose({ errorcode: full.closeCode, error: full.reason });
  }

  /** Streams that the library still holds, those under way included. */
  get heldStreams(): number {
    return this.#parser?.wtstreams.size ?? 0;
  }

  /** Server: asks the peer to go elsewhere. */
  requestDrain(): void {
    if (this.core.state === 'open')
      this.#parser?.writeCapsule({ type: CAPSULE.drain, headerVints: [], payload: undefined });
  }

  /** Server: sends a WebSocket ping; returns how long the peer has been silent, us. */
  ping(): number {
    if (this.core.state === 'open') this.#parser?.writeWSFrame?.({ opcode: WEBSOCKET_PING, payload: undefined });
    return this.nowUs() - this.#heardAtUs;
  }

  /** The connection is given up without a goodbye: `closed` rejects. */
  cut(): void {
    this.core.fail(connectionLost('the connection was given up'));
    this.#socket?.destroy();
  }

  async getStats(): Promise<SessionStats> {
    const { rttUs, minRttUs } = this.#sent;
    const times =
      rttUs === undefined || minRttUs === undefined ? {} : { rttMs: rttUs / 1000, minRttMs: minRttUs / 1000 };
    return { ...this.core.stats(), ...times };
  }
}

function streamOptions(options: SendStreamOptions | undefined): object {
  // Without it the library throws when the peer's stream limit is reached instead of waiting.
  return { sendOrder: options?.sendOrder ?? 0, waitUntilAvailable: true };
}

function closeQuietly(controller: ReadableStreamDefaultController<unknown>): void {
  try {
    controller.close();
  } catch {
    // Cancelled by its reader: closed already.
  }
}
