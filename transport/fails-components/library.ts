/**
 * The parts of @fails-components/webtransport 1.6.8 that this body touches, as shapes: its own declarations are loose
 * and leave most of them out. The version is pinned exactly, and the conformance suite runs over what is used here.
 */

/** `HttpWTSession`: the W3C-shaped face over one socket. */
export interface LibrarySession {
  readonly ready: Promise<void>;
  readonly closed: Promise<{ closeCode: number; reason: string }>;
  readonly incomingBidirectionalStreams: ReadableStream<LibraryBidirectional>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;
  readonly state: 'connected' | 'closed' | 'failed' | (string & {});
  /** Gone once closed. */
  objint?: { capsParser: CapsuleParser };
  createBidirectionalStream(options: object): Promise<LibraryBidirectional>;
  createUnidirectionalStream(options: object): Promise<WritableStream<Uint8Array>>;
  close(info: { closeCode: number; reason: string }): void;
  onClose(event: { errorcode: number; error: string }): void;
  onDatagramReceived(event: { datagram: Uint8Array }): void;
  onGoAwayReceived(): void;
  onStream(event: { stream: LibraryStream }): void;
}

/** One stream's transport side. */
export interface LibraryStream {
  readonly streamid: bigint;
  readonly incomingClosed_: boolean;
  /** Its web streams; set by `onStream`. */
  jsobj?: {
    readonly readable?: ReadableStream<Uint8Array>;
    readonly readableController: ReadableByteStreamController;
    pendingoperationRead: unknown;
    pendingresRead: (() => void) | null;
    commitReadBuffer(buffer: object): { stopReading?: boolean };
  };
  stopReading(): void;
  closeOutgoing(): void;
  onFin(): void;
  onStreamSignal(type: 'resetStream' | 'stopSending'): void;
  onClose(): void;
}

interface LibraryBidirectional {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
}

/** Reads and writes capsules on the socket. */
export interface CapsuleParser {
  readonly wtstreams: Map<bigint, LibraryStream>;
  removeStream(id: bigint): void;
  parseData(data: Uint8Array): void;
  writeCapsule(capsule: { type: number; headerVints: number[]; payload: Uint8Array | undefined }): boolean;
  onCloseWebTransportSession(info: { code: number; reason: string }): void;
  /** WebSocket on Node only. */
  writeWSFrame?(frame: { opcode: number; payload: Uint8Array | undefined }): boolean;
}

export const CAPSULE = { datagram: 0x00, padding: 0x190b4d38, drain: 0x78ae } as const;
export const WEBSOCKET_PING = 0x9;

interface Ponyfill {
  readonly sessionint: LibrarySession;
}

export type PonyfillClass = new (url: string, options: object) => Ponyfill;

/**
 * Receive windows, bytes, of both sides. The defaults give a session as much as a stream, so that one stream that
 * nobody reads stops all, and let a stream grow to 6 MB.
 */
export const WINDOWS = {
  initialStreamFlowControlWindow: 64 * 1024,
  streamFlowControlWindowSizeLimit: 256 * 1024,
  initialSessionFlowControlWindow: 2 * 1024 * 1024,
  sessionFlowControlWindowSizeLimit: 4 * 1024 * 1024,
} as const;

/** The address that the library's browser entry dials when imported (webtransport.browser.js). */
const PROBE_URL = 'https://example.com:23333/test';

/**
 * Imports the browser entry without letting it dial: while it loads, a WebTransport to its probe address is inert.
 * Other code may open sessions meanwhile, so the global is wrapped and not taken away.
 */
export async function loadPonyfill(load: () => Promise<unknown>): Promise<PonyfillClass> {
  const scope = globalThis as { WebTransport?: (new (url: string, options?: object) => object) | undefined };
  const native = scope.WebTransport;
  if (native !== undefined) {
    scope.WebTransport = new Proxy(native, {
      construct: (target, args, newTarget) =>
        args[0] === PROBE_URL
          ? { ready: new Promise(() => {}), close() {} }
          : Reflect.construct(target, args, newTarget),
    });
  }
  try {
    return ((await load()) as { WebTransportPonyfill: PonyfillClass }).WebTransportPonyfill;
  } finally {
    if (native !== undefined) scope.WebTransport = native;
  }
}

/**
 * Opens a ponyfill on `Socket` in place of the global WebSocket, which the library names directly. It constructs the
 * socket before its own constructor returns, so the swap is over before anybody else runs.
 */
export function openPonyfill<S>(
  Ponyfill: PonyfillClass,
  url: string,
  options: object,
  createSocket: (url: string, protocols: string[]) => S,
): { session: LibrarySession; socket: S } {
  const scope = globalThis as { WebSocket?: unknown };
  const original = scope.WebSocket;
  const created: S[] = [];
  scope.WebSocket = function WebSocket(address: string, protocols: string[]) {
    const socket = createSocket(address, protocols);
    created.push(socket);
    return socket;
  };
  try {
    const session = new Ponyfill(url, options).sessionint;
    const socket = created[0];
    if (socket === undefined) throw new TypeError('the library opened no WebSocket');
    return { session, socket };
  } finally {
    scope.WebSocket = original;
  }
}
