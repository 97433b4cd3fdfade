import { type Engine, engineAvailable, openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { webSocketConnector } from '@hayate/transport/fails-components';
import { type Environment, systemTimers } from '../room/environment.ts';
import { Ways } from '../room/ways.ts';
import { createEntry } from './entry.ts';

export * from './exports.ts';

let engine: Engine | undefined;
let ways: Ways | undefined;

const environment: Environment = {
  ...systemTimers,
  // CLOCK_MONOTONIC, as the engine: capture times of several processes of one machine compare.
  nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
};

export const { connectRoom, publish, watch } = createEntry({
  environment,
  defaultConnector: ({ headStartMs }) => {
    if (!engineAvailable().ok) return webSocketConnector();
    // One for the process; it holds nothing open while it has no session.
    engine ??= openEngine();
    ways ??= new Ways({ quic: engineConnector(engine), webSocket: webSocketConnector(), environment });
    return ways.connector(headStartMs);
  },
});
