import type { Dial } from '../src/race.ts';
import type { Connector } from '../src/types.ts';
import { nativeConnector, nativeWebTransportAvailable } from './native.ts';
import { webSocketConnector } from './websocket.ts';

export { nativeConnector as browserConnector, nativeWebTransportAvailable } from './native.ts';
export { webSocketConnector as failsComponentsBrowserConnector } from './websocket.ts';

/** As `failsComponentsBrowserConnector`, with its code loaded when it is dialled first. */
export const webSocketWhenNeeded: Dial = async (url, options) =>
  (await import('./websocket.ts')).webSocketConnector()(url, options);

export interface PickOptions {
  /** What the relay listens with: `websocket` where its machine has no engine. Default `webtransport`. */
  relay?: 'webtransport' | 'websocket';
}

/** The browser's WebTransport where it and the relay have it, else WebSocket. */
export function pickConnector(options: PickOptions = {}): { kind: 'webtransport' | 'websocket'; connect: Connector } {
  const native = nativeWebTransportAvailable() && options.relay !== 'websocket';
  return native
    ? { kind: 'webtransport', connect: nativeConnector() }
    : { kind: 'websocket', connect: webSocketConnector() };
}
