import { raceConnector } from '@hayate/transport';
import { browserConnector, nativeWebTransportAvailable, webSocketWhenNeeded } from '@hayate/transport/browser';
import { browserQuirks } from '../quirks.ts';
import { type Environment, systemTimers } from '../room/environment.ts';
import { browserNetwork, browserWayStore, Ways } from '../room/ways.ts';
import { createEntry } from './entry.ts';
import type {
  ConnectionOptions,
  Publisher,
  PublishOptions,
  RelayTarget,
  Room,
  Watcher,
  WatchOptions,
} from './types.ts';

export * from './exports.ts';

const environment: Environment = { ...systemTimers, nowMs: () => performance.now() };
let ways: Ways | undefined;

const entry = createEntry({
  environment,
  defaultConnector: ({ headStartMs }) => {
    const webSocket = webSocketWhenNeeded;
    const { userAgent } = navigator;
    const { webTransport } = browserQuirks({ userAgent, webTransport: nativeWebTransportAvailable() });
    if (webTransport !== 'all') {
      const alone = [{ way: { name: 'websocket', connect: webSocket }, afterMs: 0 }];
      return raceConnector({ entries: () => alone, timers: environment });
    }
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

/**
 * Takes a place in the room that the token names, and keeps it over as many sessions as it takes. Returns at once;
 * `room.ready` settles. Throws `invalid_argument` for a target that can never work, `unsupported` where no way to a relay
 * exists.
 */
export const connectRoom: (target: RelayTarget, options?: ConnectionOptions) => Room = entry.connectRoom;

/**
 * Publishes a face and a voice into a room; one publisher a room. Returns at once; `publisher.ready` settles. A target
 * makes a room of its own, closed with the publisher. Throws as `connectRoom`, and `invalid_argument` for settings that no
 * relay could take.
 */
export const publish: (target: RelayTarget | Room, options?: PublishOptions) => Publisher = entry.publish;

/**
 * Watches a room's livers. Returns at once; `watcher.ready` settles. A target makes a room of its own, closed with the
 * watcher. Throws as `connectRoom`.
 */
export const watch: (target: RelayTarget | Room, options?: WatchOptions) => Watcher = entry.watch;
