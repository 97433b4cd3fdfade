import { loadPonyfill, openPonyfill, type PonyfillClass, WINDOWS } from '../fails-components/library.ts';
import { WebSocketSession } from '../fails-components/session.ts';
import { connectFailed } from '../src/errors.ts';
import type { ConnectOptions, Connector } from '../src/types.ts';

let ponyfill: Promise<PonyfillClass> | undefined;

/**
 * Dials over WebSocket, where UDP is blocked or the browser has no WebTransport. Certificate hashes do not hold here:
 * the relay needs a trusted certificate, or the user must have accepted it at `https://HOST:PORT/` before.
 */
export function webSocketConnector(): Connector {
  return (url, options = {}) => {
    const session = new WebSocketSession();
    dial(session, url, options).catch((error: unknown) =>
      session.core.fail(connectFailed('the WebSocket did not open', error)),
    );
    return session;
  };
}

async function dial(session: WebSocketSession, url: string, options: ConnectOptions): Promise<void> {
  // Bundlers take the package's `browser` condition here.
  ponyfill ??= loadPonyfill(() => import('@fails-components/webtransport'));
  const Ponyfill = await ponyfill;
  if (session.core.state === 'ended') return;
  const NativeWebSocket = globalThis.WebSocket;
  const timeoutMs = options.connectTimeoutMs ?? 8000;
  const { session: library, socket } = openPonyfill(
    Ponyfill,
    url,
    { ...WINDOWS, quicConnectTimeout: timeoutMs, webTransportConnectTimeout: timeoutMs },
    (address, protocols) => new NativeWebSocket(address, protocols),
  );
  const giveUp = (message: string, cause?: unknown) => {
    if (session.core.state !== 'connecting') return;
    session.core.fail(connectFailed(message, cause));
    socket.close();
  };
  const timer = setTimeout(() => giveUp(`no answer within ${timeoutMs} ms`), timeoutMs);
  const abort = () => giveUp('given up', options.signal?.reason);
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted) abort();
  const settled = () => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  };
  session.ready.then(settled, settled);
  socket.addEventListener('close', () => giveUp('the WebSocket did not open'));
  session.attach(library, {
    remoteAddress: new URL(url).host,
    bufferedBytes: () => socket.bufferedAmount,
    batch: (write) => write(),
    destroy: () => socket.close(),
  });
}
