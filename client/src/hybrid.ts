import type { Connector } from '@hayate/transport';
import { browserConnector, failsComponentsBrowserConnector } from '@hayate/transport/browser';
import { hybridConnector as halves } from '@hayate/transport/hybrid';
import { type Environment, systemTimers } from '../room/environment.ts';
import { browserNetwork, browserWayStore, Ways } from '../room/ways.ts';

const environment: Environment = { ...systemTimers, nowMs: () => performance.now() };
let ways: Ways | undefined;

export interface HybridConnectorOptions {
  /** Of the hybrid session before WebSocket alone, where nothing is known of the network. Default 300. */
  headStartMs?: number;
}

/**
 * For `connector` of a room, in browsers: datagrams by WebTransport, comments, gifts and control by WebSocket, as one session;
 * where that does not do, WebSocket alone. For browsers whose WebTransport streams stop (`browserQuirks` says `datagrams`).
 * The relay has to allow it (`hybrid`). Not proven on a device yet.
 */
export function hybridConnector({ headStartMs }: HybridConnectorOptions = {}): Connector {
  const webSocket = failsComponentsBrowserConnector();
  const quic = halves({ datagrams: browserConnector(), streams: webSocket });
  const [network, store] = [browserNetwork, browserWayStore()];
  ways ??= new Ways({ quic, webSocket, environment, network, store });
  return ways.connector(headStartMs);
}

export { type BrowserFacts, type BrowserQuirks, browserQuirks } from '../quirks.ts';
