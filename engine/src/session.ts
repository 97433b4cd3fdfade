import { X509Certificate } from 'node:crypto';
import { callUser, quiet } from './callbacks.ts';
import { Datagrams } from './datagrams.ts';
import { type CloseKind, closeError, EngineError, toldError } from './errors.ts';
import { Inbox } from './inbox.ts';
import { IncomingStream } from './incoming-stream.ts';
import type { NativeEngine } from './native.ts';
import { datagramMode } from './options.ts';
import { ReceiveHalf } from './receive-half.ts';
import { SendHalf, sendOptions } from './send-half.ts';
import type {
  CloseInfo,
  DatagramMode,
  EngineBidirectionalStream,
  EngineSendStream,
  EngineSession,
  EngineStream,
  SendOptions,
} from './types.ts';

type SessionPort = Pick<
  NativeEngine,
  | 'closeSession'
  | 'sendDatagram'
  | 'setDatagramMode'
  | 'setStreamLimits'
  | 'openStream'
  | 'streamWrite'
  | 'streamReset'
  | 'streamStop'
  | 'streamCredit'
  | 'streamOptions'
>;

/** What a session needs of its engine. */
export interface SessionHost {
  readonly port: SessionPort;
  nowUs(): number;
  sessionStats(session: number): Promise<Record<string, number>>;
}

export interface SessionInit {
  maxDatagramBytes: number;
  streamSendBytes: number;
  remoteAddress?: string;
  path?: string;
  origin?: string;
  certificate?: Uint8Array;
}

interface OpenStream {
  receive: ReceiveHalf | undefined;
  send: SendHalf | undefined;
}

interface Opening {
  bidi: boolean;
  options: SendOptions;
  resolve(stream: OpenStream): void;
  reject(error: EngineError): void;
}

/**
 * One WebTransport session, accepted or dialled. The engine calls the `handle*` methods; a number is given to it when it
 * is dialled, which may be after a name was resolved.
 */
export class Session implements EngineSession {
  readonly datagrams: Datagrams;
  readonly remoteAddress: string | undefined;
  readonly path: string | undefined;
  readonly origin: string | undefined;
  #certificate: Uint8Array | undefined;
  #names: readonly string[] | undefined;

  readonly #host: SessionHost;
  readonly #streamSendBytes: number;
  #id = 0;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #error: EngineError | undefined;
  readonly #ready = quiet<void>();
  readonly #closed = quiet<CloseInfo>();
  /** Made when somebody asks: it rarely comes to it. */
  #draining: PromiseWithResolvers<void> | undefined;
  #drained = false;
  /** The peer's streams that nobody has looked at. */
  #early: IncomingStream[] = [];
  #bidi: Inbox<EngineBidirectionalStream> | undefined;
  #uni: Inbox<ReadableStream<Uint8Array>> | undefined;
  #onStream: ((stream: EngineStream) => void) | undefined;
  readonly #streams = new Map<number, OpenStream>();
  #opening: Map<number, Opening> | undefined;
  #nextToken = 1;
  #mode: DatagramMode | undefined;
  #streamLimits: { bidi: number; uni: number } | undefined;
  #onEnd: Set<() => void> | undefined;

  constructor(host: SessionHost, init: SessionInit) {
    this.#host = host;
    this.#streamSendBytes = init.streamSendBytes;
    this.remoteAddress = init.remoteAddress;
    this.path = init.path;
    this.origin = init.origin;
    this.#certificate = init.certificate;
    const send = (data: Uint8Array) => host.port.sendDatagram(this.#id, data);
    this.datagrams = new Datagrams({ send, nowUs: () => host.nowUs() }, init.maxDatagramBytes);
  }

  /** The engine's number; 0 until the name in the URL is resolved. */
  get id(): number {
    return this.#id;
  }

  get peerCertificate(): Uint8Array | undefined {
    return this.#certificate;
  }

  get peerNames(): readonly string[] {
    this.#names ??= this.#certificate === undefined ? undefined : dnsNames(this.#certificate);
    return this.#names ?? [];
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  get draining(): Promise<void> {
    this.#draining ??= quiet<void>();
    if (this.#drained) this.#draining.resolve();
    return this.#draining.promise;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get incomingBidirectionalStreams(): ReadableStream<EngineBidirectionalStream> {
    this.#bidi ??= this.#inbox<EngineBidirectionalStream>(true, discard);
    return this.#bidi.stream;
  }

  get incomingUnidirectionalStreams(): ReadableStream<ReadableStream<Uint8Array>> {
    this.#uni ??= this.#inbox<ReadableStream<Uint8Array>>(false, (readable) => discard({ readable }));
    return this.#uni.stream;
  }

  setStreamHandler(handler: (stream: EngineStream) => void): void {
    this.#onStream = handler;
    for (const stream of this.#early.splice(0)) callUser(() => handler(stream));
  }

  async createBidirectionalStream(options: SendOptions = {}): Promise<EngineBidirectionalStream> {
    const { receive, send } = await this.#open(true, options);
    return { readable: receive!.readable, writable: send!.writable };
  }

  async createUnidirectionalStream(options: SendOptions = {}): Promise<EngineSendStream> {
    const { send } = await this.#open(false, options);
    return send!.writable;
  }

  setDatagramMode(mode: DatagramMode): void {
    this.#mode = mode;
    if (this.#state === 'open') this.#host.port.setDatagramMode(this.#id, datagramMode(mode));
  }

  setStreamLimits(limits: { bidi: number; uni: number }): void {
    this.#streamLimits = limits;
    if (this.#state === 'open') this.#host.port.setStreamLimits(this.#id, limits.bidi, limits.uni);
  }

  close(info: Partial<CloseInfo> = {}): void {
    if (this.#state === 'closed') return;
    const closeInfo = { closeCode: info.closeCode ?? 0, reason: clip(info.reason ?? '') };
    if (!Number.isInteger(closeInfo.closeCode) || closeInfo.closeCode < 0 || closeInfo.closeCode > 0xffffffff) {
      throw new EngineError('invalid_argument', 'a close code is an unsigned 32-bit integer');
    }
    if (this.#id !== 0) this.#host.port.closeSession(this.#id, closeInfo.closeCode, closeInfo.reason);
    this.#end(closeInfo, undefined);
  }

  async getStats(): Promise<Record<string, number>> {
    if (this.#state !== 'open') throw this.#notOpen();
    const native = await this.#host.sessionStats(this.#id);
    for (const [reason, n] of Object.entries(this.datagrams.drops)) native[`js_dropped_${reason}`] = n;
    return native;
  }

  /** Calls back once when the session ends; returns how to take that back. */
  onEnd(callback: () => void): () => void {
    if (this.#state === 'closed') queueMicrotask(callback);
    else {
      this.#onEnd ??= new Set();
      this.#onEnd.add(callback);
    }
    return () => this.#onEnd?.delete(callback);
  }

  // --- from here on: called by the engine ---

  handleDialled(id: number): void {
    this.#id = id;
  }

  handleReady(maxDatagram: number, certificate?: Uint8Array): void {
    if (this.#state !== 'connecting') return;
    if (certificate !== undefined) this.#certificate = Uint8Array.from(certificate);
    this.#state = 'open';
    if (this.#mode) this.setDatagramMode(this.#mode);
    if (this.#streamLimits) this.setStreamLimits(this.#streamLimits);
    this.datagrams.handleOpen(maxDatagram);
    this.#ready.resolve();
  }

  handleDraining(): void {
    this.#drained = true;
    this.#draining?.resolve();
  }

  handleClosed(kind: CloseKind, code: number, reason: string): void {
    if (kind === 'peer' || kind === 'local') this.#end({ closeCode: code, reason }, undefined, kind === 'peer');
    else this.handleFailed(closeError(kind, code, reason, this.#state === 'open'));
  }

  handleFailed(error: EngineError): void {
    this.#end(undefined, error);
  }

  handleStreamOpened(token: number, id: number): void {
    const opening = this.#opening?.get(token);
    if (!opening) return;
    this.#opening?.delete(token);
    opening.resolve(this.#addStream(id, opening.bidi, true, opening.options));
  }

  handleStreamIncoming(id: number, bidi: boolean): void {
    const { receive, send } = this.#addStream(id, true, bidi);
    const stream = new IncomingStream(receive!, send);
    if (this.#onStream) callUser(() => this.#onStream?.(stream));
    else if (bidi && this.#bidi) this.#bidi.push(stream);
    else if (!bidi && this.#uni) this.#uni.push(stream.readable);
    else this.#early.push(stream);
  }

  handleStreamData(id: number, data: Uint8Array, fin: boolean): void {
    this.#streams.get(id)?.receive?.handleData(data, fin);
  }

  handleStreamDrained(id: number, bytes: number): void {
    this.#streams.get(id)?.send?.handleDrained(bytes);
  }

  handleStreamFinished(id: number): void {
    this.#streams.get(id)?.send?.handleFinished();
  }

  handleStreamReset(id: number, code: number): void {
    this.#streams.get(id)?.receive?.handleReset(code);
  }

  handleStreamStopped(id: number, code: number): void {
    this.#streams.get(id)?.send?.handleStopped(code);
  }

  // --- private ---

  async #open(bidi: boolean, wanted: SendOptions): Promise<OpenStream> {
    const options = sendOptions(wanted);
    if (this.#state === 'connecting') await this.ready;
    if (this.#state !== 'open') throw this.#notOpen();
    const token = this.#nextToken++;
    const { promise, resolve, reject } = Promise.withResolvers<OpenStream>();
    this.#opening ??= new Map();
    this.#opening.set(token, { bidi, options, resolve, reject });
    this.#host.port.openStream(this.#id, token, bidi, options.sendOrder, options.repeatMs);
    return promise;
  }

  /** With what came before somebody asked for it. */
  #inbox<T>(bidi: boolean, discards: (item: T) => void): Inbox<T> {
    const inbox = new Inbox<T>(discards);
    const early = this.#early;
    this.#early = early.filter(({ bidirectional }) => bidirectional !== bidi);
    for (const stream of early) if (stream.bidirectional === bidi) inbox.push((bidi ? stream : stream.readable) as T);
    if (this.#state === 'closed') inbox.end(this.#error);
    return inbox;
  }

  #addStream(id: number, receives: boolean, sends: boolean, options: SendOptions = {}): OpenStream {
    const stream: OpenStream = { receive: undefined, send: undefined };
    const ended = (half: keyof OpenStream) => () => {
      stream[half] = undefined;
      if (!stream.receive && !stream.send) this.#streams.delete(id);
    };
    const port = this.#host.port;
    if (receives) stream.receive = new ReceiveHalf(port, this.#id, id, ended('receive'));
    if (sends) stream.send = new SendHalf(port, this.#id, id, this.#streamSendBytes, ended('send'), options);
    this.#streams.set(id, stream);
    // A copy: a half that ends leaves the entry while the caller still wants its streams.
    return { ...stream };
  }

  #notOpen(): EngineError {
    return new EngineError('closed', 'the session is not open', { cause: this.#error });
  }

  /** Settles everything; the first end counts. */
  #end(info: CloseInfo | undefined, error: EngineError | undefined, byPeer = false): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#error = error;
    const gone = error ?? toldError('closed', `the session was closed (${info?.closeCode}) ${info?.reason}`.trim());
    this.#ready.reject(gone);
    if (error) this.#closed.reject(error);
    else this.#closed.resolve(info!);
    for (const opening of this.#opening?.values() ?? []) opening.reject(gone);
    this.#opening = undefined;
    for (const stream of [...this.#streams.values()]) {
      const { receive, send } = stream;
      receive?.handleSessionEnd(gone, byPeer);
      send?.handleSessionEnd(gone, byPeer);
    }
    this.#streams.clear();
    this.datagrams.handleClosed(error);
    this.#bidi?.end(error);
    this.#uni?.end(error);
    for (const callback of this.#onEnd ?? []) callUser(callback);
    this.#onEnd = undefined;
  }
}

/** A stream that nobody will look at: tell the peer. */
function discard(stream: { readable: ReadableStream<Uint8Array>; writable?: WritableStream<Uint8Array> }): void {
  stream.readable.cancel().catch(() => {});
  stream.writable?.abort().catch(() => {});
}

/** In the order of the certificate. Node writes each as `DNS:name`, in quotes when it holds what could mislead: left out. */
function dnsNames(certificate: Uint8Array): string[] {
  const names = new X509Certificate(certificate).subjectAltName?.split(', ') ?? [];
  return names.filter((name) => /^DNS:[\w.*-]+$/.test(name)).map((name) => name.slice('DNS:'.length));
}

/** W3C: a reason has at most 1024 bytes of UTF-8; a character is not cut. */
function clip(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.byteLength <= 1024) return reason;
  let end = 1024;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return new TextDecoder().decode(bytes.subarray(0, end));
}
