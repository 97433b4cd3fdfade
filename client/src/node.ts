/**
 * The SDK in Node: QUIC by the native engine, WebSocket beside it. The entry for browsers exports the same.
 * @module @hayate/client
 */
import { type Engine, engineAvailable, openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { webSocketConnector } from '@hayate/transport/fails-components';
import { type Environment, systemTimers } from '../room/environment.ts';
import { Ways } from '../room/ways.ts';
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

let engine: Engine | undefined;
let ways: Ways | undefined;

const environment: Environment = {
  ...systemTimers,
  // CLOCK_MONOTONIC, as the engine: capture times of several processes of one machine compare.
  nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
};

const entry = createEntry({
  environment,
  defaultConnector: ({ headStartMs }) => {
    if (!engineAvailable().ok) return webSocketConnector();
    // One for the process; it holds nothing open while it has no session.
    engine ??= openEngine();
    ways ??= new Ways({ quic: engineConnector(engine), webSocket: webSocketConnector(), environment });
    return ways.connector(headStartMs);
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
