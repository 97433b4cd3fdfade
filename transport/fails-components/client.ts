import { createHash, timingSafeEqual } from 'node:crypto';
import { findPackageJSON } from 'node:module';
import type { TLSSocket } from 'node:tls';
import { connect as tlsConnect } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { HayateError } from '@hayate/codec/errors';
import { WebSocket } from 'ws';
import { connectFailed } from '../src/errors.ts';
import type { ConnectOptions, Connector } from '../src/types.ts';
import { loadPonyfill, openPonyfill, type PonyfillClass, WINDOWS } from './library.ts';
import { WebSocketSession } from './session.ts';

export interface WebSocketConnectorOptions {
  /** Sent as a browser would. Default: none. */
  origin?: string;
  /** Certificates to trust, PEM. Default: the system's. */
  ca?: string;
}

/**
 * Dials from Node over WebSocket, by the library's browser half on top of `ws`: the library's own Node client speaks
 * HTTP/2 and stalls on a 100 kB bidirectional echo. Unlike a browser it can pin certificate hashes.
 */
export function webSocketConnector(options: WebSocketConnectorOptions = {}): Connector {
  return (url, connect = {}) => {
    const session = new WebSocketSession();
    dial(session, url, options, connect).catch((error: unknown) =>
      session.core.fail(connectFailed('the WebSocket did not open', error)),
    );
    return session;
  };
}

let ponyfill: Promise<PonyfillClass> | undefined;

function nodePonyfill(): Promise<PonyfillClass> {
  ponyfill ??= loadPonyfill(() => {
    const manifest = findPackageJSON('@fails-components/webtransport', import.meta.url);
    if (manifest === undefined) throw new HayateError('unsupported', '@fails-components/webtransport is not installed');
    // By file: in Node the package's name gives only its Node entry.
    return import(/* @vite-ignore */ new URL('./lib/index.browser.js', pathToFileURL(manifest)).href);
  });
  return ponyfill;
}

async function dial(
  session: WebSocketSession,
  url: string,
  options: WebSocketConnectorOptions,
  connect: ConnectOptions,
): Promise<void> {
  const Ponyfill = await nodePonyfill();
  if (session.core.state === 'ended') return;
  const timeoutMs = connect.connectTimeoutMs ?? 8000;
  const { session: library, socket } = openPonyfill(
    Ponyfill,
    url,
    { ...WINDOWS, quicConnectTimeout: timeoutMs, webTransportConnectTimeout: timeoutMs },
    (address, protocols) => createSocket(address, protocols, options, connect.serverCertificateHashes),
  );
  const giveUp = (message: string, cause?: unknown) => {
    session.core.fail(connectFailed(message, cause));
    socket.terminate();
  };
  const timer = setTimeout(() => giveUp(`no answer within ${timeoutMs} ms`), timeoutMs);
  const abort = () => giveUp('given up', connect.signal?.reason);
  connect.signal?.addEventListener('abort', abort, { once: true });
  if (connect.signal?.aborted) abort();
  const settled = () => {
    clearTimeout(timer);
    connect.signal?.removeEventListener('abort', abort);
    // Held since `open`: the library listens for messages only some microtasks later and would miss the first ones.
    if (socket.readyState === WebSocket.OPEN) socket.resume();
  };
  let failure: unknown;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('close', () => {
    if (session.core.state === 'connecting') session.core.fail(connectFailed('the WebSocket did not open', failure));
  });
  session.attach(library, {
    remoteAddress: new URL(url).host,
    bufferedBytes: () => socket.bufferedAmount,
    batch: (write) => write(),
    destroy: () => socket.terminate(),
  });
  session.ready.then(settled, settled);
}

function createSocket(
  address: string,
  protocols: string[],
  options: WebSocketConnectorOptions,
  hashes: Uint8Array[] | undefined,
): WebSocket {
  const pinned = hashes !== undefined && hashes.length > 0;
  const socket = new WebSocket(address, protocols, {
    perMessageDeflate: false,
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(pinned ? { createConnection: (tls: object) => pinnedConnection(tls, hashes) } : {}),
  });
  socket.on('upgrade', (response) => {
    response.socket.setNoDelay(true);
  });
  socket.on('open', () => socket.pause());
  return socket;
}

/** TLS whose trust is the hash alone, as in `serverCertificateHashes`. */
function pinnedConnection(options: object, hashes: Uint8Array[]): TLSSocket {
  const socket = tlsConnect({ ...options, rejectUnauthorized: false });
  socket.once('secureConnect', () => {
    const hash = createHash('sha256').update(socket.getPeerCertificate().raw).digest();
    if (hashes.some((known) => known.byteLength === hash.byteLength && timingSafeEqual(known, hash))) return;
    socket.destroy(new Error('the certificate matches none of the pinned hashes'));
  });
  return socket;
}
