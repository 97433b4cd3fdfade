import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { findPackageJSON } from 'node:module';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { HayateError } from '@hayate/codec/errors';
import { type AdmissionOptions, admit } from '../src/admission.ts';
import type { IncomingSession, Server, ServerAddress } from '../src/types.ts';
import { certificateHash, selfSignedCertificate } from './certificate.ts';
import { FrameReader } from './frames.ts';
import { Guests } from './guests.ts';
import { type LibrarySession, WINDOWS } from './library.ts';
import { type SocketFace, WebSocketSession } from './session.ts';

/** Beside those with a session: who is coming, going, or looking at the page. */
const MORE_CONNECTIONS = 512;

export interface WebSocketServerOptions extends AdmissionOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  certificate: { cert: string; key: string } | { selfSigned: { names?: string[]; days?: number } };
  /** Cut a session that has been silent for so long; it is pinged three times meanwhile. Default 30 000. */
  silenceMs?: number;
  /** Cut a connection that has been without a session for so long: handshake, request and all. Default 10 000. */
  guestMs?: number;
  /** Answer to plain HTTPS requests, which is where a person accepts the certificate. Default: a line of text. */
  page?: { type: string; body: string };
}

export interface WebSocketServerStats {
  sessions: number;
  sockets: number;
  /** That the library still holds, of all sessions. */
  streams: number;
  /** By status. */
  refused: Record<string, number>;
  parseErrors: number;
  silent: number;
  /** Connections that were cut, being without a session. */
  guestsCut: number;
}

interface LibraryServer {
  serverInt: Http2SecureServer;
  jsobj: object;
  startServer(): void;
  setJSRequestHandler(has: boolean): void;
  finishSessionRequest(request: object): void;
}

type LibrarySessionClass = new (options: object) => LibrarySession;

/** Listens for WebTransport over WebSocket (HTTP/1.1 and HTTP/2) and over HTTP/2. Rejects with `bind_failed`. */
export async function webSocketServer(options: WebSocketServerOptions): Promise<WebSocketServer> {
  const [{ Http2WebTransportServer }, { HttpWTSession }] = (await Promise.all([
    importInternal('http2/node/server.js'),
    importInternal('session.js'),
  ])) as [{ Http2WebTransportServer: new (options: object) => LibraryServer }, { HttpWTSession: LibrarySessionClass }];
  const { certificate } = options;
  const pem = 'selfSigned' in certificate ? selfSignedCertificate(certificate.selfSigned) : certificate;
  const library = new Http2WebTransportServer({
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    // Asked for and never used by this class.
    secret: 'unused',
    cert: pem.cert,
    privKey: pem.key,
    ...WINDOWS,
  });
  const server = new WebSocketServer(library, HttpWTSession, options, certificateHash(pem.cert));
  await server.listening;
  return server;
}

/**
 * The package's entry tries to load its native HTTP/3 addon and prints to the console when there is none, so the one
 * class needed is imported past it.
 */
async function importInternal(path: string): Promise<unknown> {
  const manifest = findPackageJSON('@fails-components/webtransport', import.meta.url);
  if (manifest === undefined) throw new HayateError('unsupported', '@fails-components/webtransport is not installed');
  return await import(/* @vite-ignore */ new URL(`./lib/${path}`, pathToFileURL(manifest)).href);
}

export class WebSocketServer implements Server {
  readonly certificateHashes: Uint8Array[];
  readonly sessions: ReadableStream<IncomingSession>;
  readonly listening: Promise<void>;
  readonly #http: Http2SecureServer;
  readonly #options: WebSocketServerOptions;
  readonly #open = new Set<WebSocketSession>();
  readonly #sockets = new Set<TLSSocket>();
  readonly #refused: Record<string, number> = {};
  readonly #pings: NodeJS.Timeout;
  readonly #guests: Guests;
  #incoming!: ReadableStreamDefaultController<IncomingSession>;
  #address: ServerAddress = { host: '', port: 0 };
  #draining = false;
  #closing: Promise<void> | undefined;
  #parseErrors = 0;
  #silent = 0;

  constructor(library: LibraryServer, Session: LibrarySessionClass, options: WebSocketServerOptions, hash: Uint8Array) {
    this.#options = options;
    this.#http = library.serverInt;
    this.certificateHashes = [hash];
    this.sessions = new ReadableStream({
      start: (controller) => {
        this.#incoming = controller;
      },
    });
    const listening = Promise.withResolvers<void>();
    this.listening = listening.promise;
    library.jsobj = {
      onServerListening: ({ host, port }: ServerAddress) => {
        this.#address = { host, port };
        listening.resolve();
      },
      onServerError: (error: Error) =>
        listening.reject(new HayateError('bind_failed', error.message, { cause: error })),
      onServerClose: () => {},
      onSessionRequest: (request: object) =>
        library.finishSessionRequest({ ...request, status: 200, selectedProtocol: undefined }),
      onHttpWTSessionVisitor: (visit: Visit) => this.#accept(visit, Session),
    };
    library.setJSRequestHandler(true);
    this.#gate();
    this.#guests = new Guests(options.guestMs ?? 10_000);
    if (options.maxSessions !== undefined) this.#http.maxConnections = options.maxSessions + MORE_CONNECTIONS;
    this.#http.on('connection', (socket: Socket) => this.#guests.came(socket));
    this.#http.on('secureConnection', (socket: TLSSocket) => {
      // Nagle would hold each small datagram back for the ACK of the one before: 18-42 ms instead of 2-3.
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    const silenceMs = options.silenceMs ?? 30_000;
    this.#pings = setInterval(() => this.#ping(silenceMs), silenceMs / 4);
    this.#pings.unref();
    library.startServer();
  }

  /** Puts path, origin and load checks in front of the library's listeners, which know only paths. */
  #gate(): void {
    const http = this.#http;
    const [upgrade] = http.listeners('upgrade');
    const [stream] = http.listeners('stream');
    http.removeAllListeners('upgrade');
    http.on('upgrade', (request: IncomingMessage, socket: TLSSocket, head: Buffer) => {
      socket.on('error', () => {});
      const status = this.#admit(request.url ?? '/', request.headers);
      if (status === 200) upgrade?.call(http, request, socket, head);
      else socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
    const page = this.#options.page ?? {
      type: 'text/plain; charset=utf-8',
      body: 'A Hayate relay listens here. Your browser accepts its certificate now: go back to the page.\n',
    };
    // Listening to `request` makes Node add a `stream` listener of its own: both are replaced.
    http.on('request', (_request: unknown, response: unknown) => {
      (response as ServerResponse).writeHead(200, { 'content-type': page.type }).end(page.body);
    });
    http.removeAllListeners('stream');
    http.on('stream', (http2: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => {
      http2.on('error', () => {});
      if (headers[':method'] === 'GET') {
        http2.respond({ ':status': 200, 'content-type': page.type });
        http2.end(page.body);
        return;
      }
      const status = this.#admit(headers[':path'] ?? '/', headers);
      if (status === 200) {
        stream?.call(http, http2, headers, ...rest);
        return;
      }
      http2.respond({ ':status': status }, { endStream: true });
    });
  }

  #admit(url: string, headers: IncomingHttpHeaders): number {
    const status = admit(this.#options, {
      path: cleanPath(url),
      origin: headers.origin,
      openSessions: this.#open.size,
      draining: this.#draining || this.#closing !== undefined,
    });
    if (status !== 200) this.#refused[status] = (this.#refused[status] ?? 0) + 1;
    return status;
  }

  #accept(visit: Visit, Session: LibrarySessionClass): void {
    const library = new Session({
      object: visit.session,
      header: visit.header,
      peerAddress: visit.peerAddress,
      parentobj: this,
    });
    const session = new WebSocketSession(monotonicUs);
    const stream = visit.session.stream;
    session.attach(library, socketFace(stream, visit.peerAddress, visit.header[':protocol'] !== 'webtransport'));
    this.#open.add(session);
    const ended = this.#guests.began('session' in stream ? stream.session!.socket : stream);
    const forget = () => {
      if (!this.#open.delete(session)) return;
      ended();
      this.#parseErrors += session.parseErrors;
      // The library answers a close frame and leaves the socket open; the peer gets a second to hang up.
      setTimeout(() => stream.destroy(), 1000).unref();
    };
    session.closed.then(forget, forget);
    session.ready.then(
      () =>
        this.#incoming.enqueue({ session, path: cleanPath(visit.header[':path'] ?? '/'), origin: visit.header.origin }),
      () => {},
    );
  }

  #ping(silenceMs: number): void {
    for (const session of this.#open) {
      if (session.ping() <= silenceMs * 1000) continue;
      this.#silent += 1;
      session.cut();
    }
  }

  get address(): ServerAddress {
    return this.#address;
  }

  /** New PEM for the connections to come. */
  setCertificate(pem: { cert: string; key: string }): void {
    this.#http.setSecureContext(pem);
    this.certificateHashes[0] = certificateHash(pem.cert);
  }

  stats(): WebSocketServerStats {
    return {
      sessions: this.#open.size,
      sockets: this.#sockets.size,
      streams: [...this.#open].reduce((sum, session) => sum + session.heldStreams, 0),
      refused: { ...this.#refused },
      parseErrors: this.#parseErrors,
      silent: this.#silent,
      guestsCut: this.#guests.cut,
    };
  }

  drain(): void {
    this.#draining = true;
    for (const session of this.#open) session.requestDrain();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#pings);
    for (const session of this.#open) session.close({ closeCode: 501, reason: 'the server closes' });
    this.#incoming.close();
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    // Time for the close codes to leave; then whoever has not hung up is cut.
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, 500);
    await closed;
    clearTimeout(cut);
    // An upgraded socket is no connection of the HTTP server's any more.
    for (const socket of this.#sockets) socket.destroy();
  }
}

interface Visit {
  session: { stream: TLSSocket | ServerHttp2Stream };
  header: IncomingHttpHeaders;
  peerAddress: string;
}

function frames(parse: (frame: Uint8Array) => void): (chunk: Uint8Array) => void {
  const reader = new FrameReader(parse);
  return (chunk) => reader.push(chunk);
}

function socketFace(stream: TLSSocket | ServerHttp2Stream, remoteAddress: string, webSocket: boolean): SocketFace {
  return {
    remoteAddress,
    bufferedBytes: () => stream.writableLength,
    batch(write) {
      stream.cork();
      write();
      stream.uncork();
    },
    destroy: () => stream.destroy(),
    ...(webSocket ? { frames } : {}),
  };
}

/** CLOCK_MONOTONIC, as the engine: what comes over either has times of one clock. */
function monotonicUs(): number {
  return Number(process.hrtime.bigint()) / 1000;
}

/** The library's clients put a second slash in front. */
function cleanPath(url: string): string {
  return url.replace(/^\/+/, '/');
}
