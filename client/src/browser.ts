import {
  browserConnector,
  failsComponentsBrowserConnector,
  nativeWebTransportAvailable,
} from '@hayate/transport/browser';
import { browserQuirks } from '../quirks.ts';
import { type Environment, systemTimers } from '../room/environment.ts';
import { browserNetwork, browserWayStore, Ways } from '../room/ways.ts';
import { createEntry } from './entry.ts';

export * from './exports.ts';

const environment: Environment = { ...systemTimers, nowMs: () => performance.now() };
let ways: Ways | undefined;

export const { connectRoom, publish, watch } = createEntry({
  environment,
  defaultConnector: ({ headStartMs }) => {
    const webSocket = failsComponentsBrowserConnector();
    const { userAgent } = navigator;
    const { webTransport } = browserQuirks({ userAgent, webTransport: nativeWebTransportAvailable() });
    if (webTransport !== 'all') return webSocket;
    const [network, store] = [browserNetwork, browserWayStore()];
    ways ??= new Ways({ quic: browserConnector(), webSocket, environment, network, store });
    return ways.connector(headStartMs);
  },
  onRoom: (room) => {
    const hint = () => room.hintReconnect();
    // A worker has no document.
    const visible = () => {
      if (document.visibilityState === 'visible') hint();
    };
    // From Wi-Fi to mobile and back; where a browser tells it.
    const { connection } = navigator as { connection?: EventTarget };
    connection?.addEventListener('change', hint);
    addEventListener('online', hint);
    addEventListener('pageshow', hint);
    globalThis.document?.addEventListener('visibilitychange', visible);
    void room.closed.then(() => {
      connection?.removeEventListener('change', hint);
      removeEventListener('online', hint);
      removeEventListener('pageshow', hint);
      globalThis.document?.removeEventListener('visibilitychange', visible);
    });
  },
});
