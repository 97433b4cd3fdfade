/**
 * One WebTransport-shaped interface for every body (engine, WebSocket fallback, browser, memory).
 *
 * It differs from W3C WebTransport where that costs a promise a packet: datagrams are sent by a call and received by a
 * handler. Streams are the W3C pair of web streams.
 */

export interface CloseInfo {
  /** Application close code, a row of docs/protocol.md section 6. */
  closeCode: number;
  reason: string;
}

export type DatagramHandler = (data: Uint8Array, receivedAtUs: number) => void;

export interface SendStreamOptions {
  /** Higher goes first. Control 30, gifts 20, comments 10. Bodies without priorities ignore it. */
  sendOrder?: number;
  /**
   * Packets with what is written leave once more after so many ms, 0 to 255: a lost one costs this and not the round
   * trips of its recovery. For small messages: the bytes double. Only the engine can; other bodies ignore it.
   */
  repeatMs?: number;
}

/** W3C's WebTransportSendStream where the body has it: options that may be set anew. */
export interface SendStream extends WritableStream<Uint8Array>, SendStreamOptions {}

export interface BidirectionalStream {
  readonly readable: ReadableStream<Uint8Array>;
  /** A stream that the peer opened is sent by the defaults until its options are set here. */
  readonly writable: SendStream;
}

/** What comes on a stream, by calls. */
export interface StreamHandler {
  /** The bytes are the handler's own. While a promise it gave is pending nothing more comes, and the peer's window closes. */
  data(bytes: Uint8Array): void | Promise<void>;
  /** Once, after the last byte, unless `stop` came before. With an error: reset, or the session ended before it. */
  end(error?: Error): void;
}

/** A stream of the peer's by calls: where there are thousands of sessions, a pair of web streams for each is too much heap. */
export interface PeerStream {
  /** False: nothing can be written. */
  readonly bidirectional: boolean;
  /** Once. What is here already may come within the call. */
  receive(handler: StreamHandler): void;
  /** Nothing more is wanted: the peer is told, the handler is not. */
  stop(): void;
  /** Of what is written from now on; the defaults until then. */
  setOptions(options: SendStreamOptions): void;
  /** In order. Undefined: taken; else a promise of that, which rejects when the stream ends before. */
  write(data: Uint8Array): Promise<void> | undefined;
  /** Ends the stream after what was written. */
  finish(): void;
  /** Ends it at once; what waits is lost. */
  abort(): void;
}

export interface SessionStats {
  /** Smoothed round trip in ms; undefined where the body cannot tell. */
  rttMs?: number;
  /** The least so far; undefined where the body cannot tell. */
  minRttMs?: number;
  bytesSent?: number;
  bytesReceived?: number;
  packetsSent?: number;
  packetsReceived?: number;
  packetsLost?: number;
  datagramsSent: number;
  datagramsReceived: number;
  /** By reason: `queue_full`, `expired`, `too_large`, `closed`, `no_handler`. */
  datagramsDropped: Record<string, number>;
}

export interface Session {
  /** `reliable-only`: datagrams travel in order over TCP (WebSocket). */
  readonly reliability: 'supports-unreliable' | 'reliable-only';
  /** Resolves when open; rejects with a HayateError (`connect_failed`, ...). */
  readonly ready: Promise<void>;
  /** Settles always: resolves with the close info of either side, rejects with a HayateError when the connection died. */
  readonly closed: Promise<CloseInfo>;
  /** Resolves when the peer asks to go elsewhere; never rejects. */
  readonly draining: Promise<void>;
  readonly maxDatagramSize: number;
  /** Address of the peer, where the body knows it. */
  readonly remoteAddress: string | undefined;
  /** Which of several ways won, where there was a race; from `ready` on. */
  readonly way?: string | undefined;
  /**
   * Where there was a race: this way opened and does not do. `silent`: nothing came any more; `lossy`: too much is lost;
   * `stuck`: datagrams come and streams stand still. True: another one goes first the next time, so it is well to dial.
   */
  condemn?(why: 'silent' | 'lossy' | 'stuck'): boolean;
  /** Resolves when a better way than this session's works again; undefined: nobody looks for one. */
  readonly superseded?: Promise<void> | undefined;

  /** Never throws for a full queue or a closed session: returns false and counts. The data is copied or owned at once. */
  sendDatagram(data: Uint8Array): boolean;
  /** One handler; `data` is valid only during the call. `receivedAtUs` is in the clock of `nowUs()`. */
  setDatagramHandler(handler: DatagramHandler | undefined): void;

  openBidirectional(options?: SendStreamOptions): Promise<BidirectionalStream>;
  openUnidirectional(options?: SendStreamOptions): Promise<WritableStream<Uint8Array>>;
  readonly incomingBidirectional: ReadableStream<BidirectionalStream>;
  readonly incomingUnidirectional: ReadableStream<ReadableStream<Uint8Array>>;
  /** Instead of the two above, where the body has it: see `onPeerStreams`. */
  setStreamHandler?(handler: (stream: PeerStream) => void): void;

  /** Idempotent. */
  close(info?: Partial<CloseInfo>): void;
  getStats(): Promise<SessionStats>;
  /** The monotonic clock, in us, that `receivedAtUs` is in. */
  nowUs(): number;
}

export interface ConnectOptions {
  /** SHA-256 hashes of certificates to accept, 32 bytes each. */
  serverCertificateHashes?: Uint8Array[];
  connectTimeoutMs?: number;
  signal?: AbortSignal;
}

/** How the client reaches a relay; one a body. `url` is `https://HOST:PORT/PATH`. */
export type Connector = (url: string, options?: ConnectOptions) => Session;

export interface IncomingSession {
  readonly session: Session;
  readonly path: string;
  readonly origin: string | undefined;
}

export interface ServerAddress {
  host: string;
  port: number;
}

export interface Server {
  readonly address: ServerAddress;
  /** Hashes that clients may pin: the served certificate's and, near its end, the next one's. Empty: use WebPKI trust. */
  readonly certificateHashes: Uint8Array[];
  readonly sessions: ReadableStream<IncomingSession>;
  /** Refuse new sessions (503), tell the present ones to drain. */
  drain(): void;
  close(): Promise<void>;
}
