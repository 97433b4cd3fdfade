import { browserConnector, failsComponentsBrowserConnector } from '@hayate/transport/browser';
import { clientEnv, type Lacks, runClientHalf, type Target } from '@hayate/transport/conformance/client';
import { hybridConnector } from '@hayate/transport/hybrid';

/** The page's half of the conformance suite: `conformance.run(...)` plays the client of one case. */
const [native, websocket] = [browserConnector(), failsComponentsBrowserConnector()];
const connectors = { native, websocket, hybrid: hybridConnector({ datagrams: native, streams: websocket }) };

Object.assign(globalThis, {
  conformance: {
    async run(id: string, kind: keyof typeof connectors, target: Target, lacks: Lacks): Promise<unknown> {
      return (await runClientHalf(id, clientEnv(connectors[kind], target, lacks))) ?? null;
    },
  },
});
