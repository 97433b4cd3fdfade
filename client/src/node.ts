import { type Engine, engineAvailable, openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { webSocketConnector } from '@hayate/transport/fails-components';
import { systemTimers } from '../room/environment.ts';
import { createEntry } from './entry.ts';

export * from './exports.ts';

let engine: Engine | undefined;

export const { connectRoom, publish, watch } = createEntry({
  environment: {
    ...systemTimers,
    // CLOCK_MONOTONIC, as the engine: capture times of several processes of one machine compare.
    nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  },
  defaultConnector: () => {
    if (!engineAvailable().ok) return webSocketConnector();
    // One for the process; it holds nothing open while it has no session.
    engine ??= openEngine();
    return engineConnector(engine);
  },
});
