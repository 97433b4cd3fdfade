import { browserConnector, failsComponentsBrowserConnector } from '@hayate/transport/browser';
import { clientEnv, type Lacks, runClientHalf, type Target } from '@hayate/transport/conformance/client';

/** The page's half of the conformance suite: `conformance.run(...)` plays the client of one case. */
const connectors = { native: browserConnector(), websocket: failsComponentsBrowserConnector() };

Object.assign(globalThis, {
  conformance: {
    async run(id: string, kind: keyof typeof connectors, target: Target, lacks: Lacks): Promise<unknown> {
      return (await runClientHalf(id, clientEnv(connectors[kind], target, lacks))) ?? null;
    },
  },
});
