/** The public shapes of @hayate/engine. Times are CLOCK_MONOTONIC microseconds (`process.hrtime`) unless said otherwise. */

/** Emulated link, one direction. Deterministic for a seed. */
export interface LinkProfile {
  delayMs?: number;
  /** Uniform, plus or minus; no overtaking unless `reorder`. */
  jitterMs?: number;
  /** 0..1, independent. */
  loss?: number;
  /** Bursts by time (Gilbert-Elliott): mean ms without and with total loss. */
  burst?: { goodMs: number; badMs: number };
  /**
   * All is lost in the first `forMs` of each `everyMs` of the machine's monotonic clock: links of different processes that
   * say the same go dark together.
   */
  outage?: { everyMs: number; forMs: number };
  rateKbps?: number;
  queueMs?: number;
  reorder?: number;
  duplicate?: number;
  seed?: number;
}

export interface LinkOptions {
  /** What this side sends. */
  tx?: LinkProfile;
  /** What this side receives. */
  rx?: LinkProfile;
  rebindEveryMs?: number;
}

export interface LimitOptions {
  idleTimeoutMs?: number;
  keepAliveMs?: number;
  maxBidiStreams?: number;
  maxUniStreams?: number;
  datagramQueueBytes?: number;
  datagramQueueMs?: number;
  streamWindowBytes?: number;
  streamSendBytes?: number;
  maxDatagramBytes?: number;
  /**
   * Congestion control by a ceiling of so many kbit/s that takes loss under 5 % for noise: for trunks, on both ends. 0, the
   * default: CUBIC.
   */
  rateCeilingKbps?: number;
  /**
   * Time from one datagram of a trunk to the next, ms: bundles that come meanwhile share one. After a longer pause nothing
   * waits. Default 2.
   */
  trunkFlushMs?: number;
}

/**
 * What becomes of a session's datagrams. `trunk`: a session between two relays. Bundles that come belong to the rooms that it
 * feeds, those that go share datagrams, and its clock is probed; it stays one until it ends. Set it on both ends, before
 * rooms are joined and fed.
 */
export type DatagramMode = 'refuse' | 'deliver' | 'room' | 'trunk';

export interface EngineOptions {
  io?: 'auto' | 'fast' | 'portable';
  eventQueueBytes?: number;
  eventQueueMs?: number;
  socketBufferBytes?: number;
  handshakesPerTurn?: number;
}

export interface ListenOptions {
  host?: string;
  port?: number;
  certificate: { cert: string; key: string } | { selfSigned: { names?: string[]; days?: number; dir?: string } };
  paths?: string[];
  origins?: string[];
  maxSessions?: number;
  retryAbove?: number;
  /** PEM file: clients must show a certificate that one of its roots vouches for. */
  clientCa?: string;
  /** Mode of new sessions. Default `deliver`. */
  datagrams?: Exclude<DatagramMode, 'trunk'>;
  heartbeatMs?: number;
  limits?: LimitOptions;
  link?: LinkOptions;
}

export interface ConnectOptions {
  serverCertificateHashes?: { algorithm: 'sha-256'; value: Uint8Array }[];
  rootsPem?: string;
  /** PEM files of a certificate and its key, which this side shows when it is asked for one; read at each connect. */
  identity?: { cert: string; key: string };
  /** The name that the server's certificate must bear, in place of the URL's host. Counts with `rootsPem` only. */
  serverName?: string;
  origin?: string;
  connectTimeoutMs?: number;
  limits?: LimitOptions;
  /** Sessions with equal numbers share a UDP socket. Default: a socket each. */
  socketGroup?: number;
  link?: LinkOptions;
}

export interface CloseInfo {
  closeCode: number;
  reason: string;
}

export interface EngineWebTransportDatagrams {
  readonly maxDatagramSize: number;
  /** W3C face; do not mix with `setHandler`. */
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Cheap face: no promise a datagram. `data` is valid only during the call. */
  send(data: Uint8Array): boolean;
  setHandler(handler: ((data: Uint8Array, receivedAtUs: number) => void) | undefined): void;
}

export interface SendOptions {
  /** Of a session's streams that have something to send, the highest go first; equal ones take turns. Default 0. */
  sendOrder?: number;
  /**
   * The packets that carry what is written leave once more after so many ms, 0 to 255: a lost one costs this and not the
   * round trips of its recovery. For small messages: the bytes double. 0, the default: never.
   */
  repeatMs?: number;
}

/** W3C's WebTransportSendStream: its options may be set anew, also of a stream that the peer opened. */
export interface EngineSendStream extends WritableStream<Uint8Array> {
  sendOrder: number;
  repeatMs: number;
}

export interface EngineBidirectionalStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: EngineSendStream;
}

/** What comes on a stream, by calls. */
export interface StreamHandler {
  /** The bytes are the handler's own. While a promise it gave is pending nothing more comes, and the peer's window closes. */
  data(bytes: Uint8Array): void | Promise<void>;
  /** Once, after the last byte, unless `stop` came before. With an EngineError: reset, or the session ended before it. */
  end(error?: Error): void;
}

/** A stream of the peer's by calls: where there are thousands of sessions, a pair of web streams for each is too much heap. */
export interface EngineStream {
  /** False: nothing can be written. */
  readonly bidirectional: boolean;
  /** Once. What is here already comes within the call. */
  receive(handler: StreamHandler): void;
  /** Nothing more is wanted: the peer is told, the handler is not. */
  stop(): void;
  /** Of what is written from now on; the defaults until then. */
  setOptions(options: SendOptions): void;
  /** In order. Undefined: taken; else a promise of that, which rejects when the stream ends before. */
  write(data: Uint8Array): Promise<void> | undefined;
  /** Ends the stream after what was written. */
  finish(): void;
  /** Ends it at once; what waits is lost. */
  abort(): void;
}

/** W3C WebTransport's shape; the same class for accepted and dialled sessions. */
export interface EngineSession {
  readonly id: number;
  readonly ready: Promise<void>;
  readonly closed: Promise<CloseInfo>;
  readonly draining: Promise<void>;
  readonly datagrams: EngineWebTransportDatagrams;
  readonly incomingBidirectionalStreams: ReadableStream<EngineBidirectionalStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  /** Instead of the two above: the peer's streams by calls. Those that wait come within the call. */
  setStreamHandler(handler: (stream: EngineStream) => void): void;
  readonly remoteAddress: string | undefined;
  /** Server sessions: what CONNECT asked for. */
  readonly path: string | undefined;
  readonly origin: string | undefined;
  /** DER of the peer's certificate, from `ready` on, where both sides show one (`clientCa`, `identity`). */
  readonly peerCertificate: Uint8Array | undefined;
  /** The DNS names in it, in its order; empty without it. */
  readonly peerNames: readonly string[];
  createBidirectionalStream(options?: SendOptions): Promise<EngineBidirectionalStream>;
  createUnidirectionalStream(options?: SendOptions): Promise<EngineSendStream>;
  setDatagramMode(mode: DatagramMode): void;
  setStreamLimits(limits: { bidi: number; uni: number }): void;
  close(info?: Partial<CloseInfo>): void;
  getStats(): Promise<Record<string, number>>;
}

export interface EngineListener {
  readonly address: { host: string; port: number };
  readonly certificateHashes: Uint8Array[];
  /** Calls back when the published hashes change. */
  onCertificates(handler: (hashes: Uint8Array[]) => void): void;
  readonly sessions: ReadableStream<EngineSession>;
  /** 503 to new sessions, DRAIN to the present ones. */
  drain(): void;
  /** Ends its sessions. Resolves when the engine has forgotten their connections and the UDP port is free. */
  close(): Promise<void>;
  getStats(): Promise<Record<string, number>>;
}

/** How one member of a room gets its datagrams; payloads are built once for all members of equal class. */
export interface DeliveryClass {
  /** 1 to 4 voice units (of the slot with the most) share a datagram with the motion of their time; 1: nothing is held. */
  voice: number;
  /**
   * Longest wait of the first held unit, at most 255: a pause in the voice must not stall motion. With `voice` 1 only units of
   * `patient` slots wait.
   */
  holdMs: number;
  /**
   * `repeat`: each unit once more; `since_key`: and with the next datagrams the motion since and with the last key;
   * `request`: what the member asks for.
   */
  repair: 'none' | 'repeat' | 'since_key' | 'request';
  /** A repeat leaves in the first datagram at least so long after its original's, at most 255. */
  spacingMs: number;
  /** `keys`: motion keys and voice; `voice`: no motion. Events always go. */
  layer: 'all' | 'keys' | 'voice';
  /** Mask of the slots that are heard; 255: all. */
  slots: number;
  /** With `voice` 1: mask of the slots whose units wait for a datagram of the others. Default: none. */
  patient?: number;
}

/** One member of a room and its connection. Counts grow for as long as the connection lives. */
export interface MemberStats {
  /** The `id` of the EngineSession. */
  session: number;
  /** Smoothed; 0 while it holds a time in which the engine itself stood still. */
  rttMs: number;
  minRttMs: number;
  packetsOut: number;
  packetsLost: number;
  datagramsOut: number;
  /** Datagrams dropped before they were sent, whatever the reason. */
  dropped: number;
  /** Bytes of datagrams that wait now. */
  queueBytes: number;
  /** Bytes. */
  congestionWindow: number;
  delivery: DeliveryClass;
}

export interface EngineRoom {
  readonly alias: number;
  join(session: EngineSession): void;
  leave(session: EngineSession): void;
  /** Resolves when the publisher's clock is synced (first probe reply); rejects when session or room close first. */
  publish(
    session: EngineSession,
    slot: number,
    generation: number,
  ): Promise<{ offsetUs: number; uncertaintyUs: number }>;
  unpublish(slot: number): void;
  /**
   * Bundles of a session in mode `trunk` that bear this alias (the peer's room's) are units of this room, as far as their
   * slots are in the mask; called again it changes, 0 ends it. Several sessions may feed one slot: repeats are told apart
   * as those of one. What a slot holds stays until `unpublish` or a newer generation; what is published here goes first.
   * A trunk that is a member too never gets what it feeds.
   */
  feed(session: EngineSession, alias: number, slots: number): void;
  /**
   * From the next datagram on; what the member's class held goes to it first. A joiner has voice 1, no repair, all
   * layers: each bundle at once, as it came. Who is no member: nothing happens.
   */
  setClass(session: EngineSession, delivery: DeliveryClass): void;
  /** One opaque datagram to each member. */
  send(data: Uint8Array): void;
  getStats(): Promise<Record<string, number>>;
  getSlotStats(slot: number): Promise<Record<string, number>>;
  /** In no order. Members whose session just ended are left out. */
  getMemberStats(): Promise<MemberStats[]>;
  close(): void;
}

export interface LinkProxy {
  readonly address: { host: string; port: number };
  getStats(): Record<string, number>;
  close(): void;
}

export interface RoomOptions {
  alias: number;
  /** Units captured longer ago, or so far ahead, are refused. Default 500 and 20. */
  maxAgeMs?: number;
  maxAheadMs?: number;
  /** Default 10 000. */
  maxMembers?: number;
  /** New units of one publisher that are passed on, half of them at once. Default 0: any number. */
  unitsPerSecond?: number;
}

export interface Engine {
  /** Throws EngineError `bind_failed`, `bad_certificate`. */
  listen(options: ListenOptions): Promise<EngineListener>;
  /** Returns at once; `ready` settles. Names are resolved here: A before AAAA for `localhost`. */
  connect(url: string, options?: ConnectOptions): EngineSession;
  createRoom(options: RoomOptions): EngineRoom;
  /** UDP proxy with an emulated link: tx = client to target. */
  proxy(options: {
    host?: string;
    port?: number;
    target: { host: string; port: number };
    link: LinkOptions;
    maxClients?: number;
  }): LinkProxy;
  getStats(): Promise<Record<string, number>>;
  /** Runs `run` at once; what it asks of the engine reaches its thread in one go: one wake-up instead of one each. */
  batch<T>(run: () => T): T;
  close(): Promise<void>;
}
