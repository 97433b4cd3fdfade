import { selfSignedCertificate, webSocketConnector, webSocketServer } from '../../fails-components/index.ts';
import type { Server } from '../../src/types.ts';
import type { ServerSettings } from '../case.ts';
import { clientEnv, runClientHalf, type Target } from '../client.ts';
import type { Body, Fixture } from '../run.ts';
import { startTcpRelay } from '../tcp-relay.ts';
import { admission, ORIGIN, unusedPort } from './common.ts';

/** A WebSocket server and what reaches it; also under the browser body. */
export async function openWebSocketFixture(
  pem: { cert: string; key: string },
  settings: ServerSettings,
  options: { cuttable: boolean; origin: string; runClient: (id: string, target: Target) => Promise<unknown> },
): Promise<Fixture> {
  const server = await webSocketServer({ certificate: pem, ...admission(settings, options.origin) });
  const relay = options.cuttable ? await startTcpRelay(server.address.port) : undefined;
  const target: Target = {
    url: `https://127.0.0.1:${relay?.port ?? server.address.port}`,
    deadUrl: `https://127.0.0.1:${await unusedPort()}`,
    hashes: server.certificateHashes.map((hash) => [...hash]),
  };
  return {
    server: server satisfies Server,
    runClient: (id) => options.runClient(id, target),
    cut: () => relay?.cut(),
    async gauges() {
      // Not sockets: browsers keep a spare connection open.
      return { sessions: server.stats().sessions };
    },
    async close() {
      await server.close();
      relay?.cut();
    },
  };
}

export const WEBSOCKET_LACKS = { unordered: 'datagrams travel in order over TCP' };

export const webSocket: Body = {
  name: 'fails-components (WebSocket)',
  lacks: WEBSOCKET_LACKS,
  unavailable: () => undefined,
  async start() {
    const pem = selfSignedCertificate();
    const connector = webSocketConnector({ origin: ORIGIN });
    return {
      open: (settings, { cuttable }) =>
        openWebSocketFixture(pem, settings, {
          cuttable,
          origin: ORIGIN,
          runClient: (id, target) => runClientHalf(id, clientEnv(connector, target, WEBSOCKET_LACKS)),
        }),
      close: async () => {},
    };
  },
};
