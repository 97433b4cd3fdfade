import { type Engine, engineAvailable, openEngine } from '@hayate/engine';
import { engineConnector, engineServer } from '../../engine/index.ts';
import { selfSignedCertificate, webSocketConnector, webSocketServer } from '../../fails-components/index.ts';
import { hybridConnector } from '../../hybrid/index.ts';
import { Pairing } from '../../hybrid/pairing.ts';
import type { Server } from '../../src/types.ts';
import type { ServerSettings } from '../case.ts';
import { clientEnv, runClientHalf, type Target } from '../client.ts';
import type { Body, Fixture } from '../run.ts';
import { startTcpRelay } from '../tcp-relay.ts';
import { admission, ORIGIN, unusedPort } from './common.ts';
import { ENGINE_LIMITS } from './engine.ts';

/** QUIC and TCP on a port of the same number, halves put together; also under the browser body. */
export async function openHybridFixture(
  engine: Engine,
  pem: { cert: string; key: string },
  settings: ServerSettings,
  options: { cuttable: boolean; origin: string; runClient: (id: string, target: Target) => Promise<unknown> },
): Promise<Fixture> {
  const admitted = admission(settings, options.origin);
  const open = async (tries: number) => {
    const webSocket = await webSocketServer({ certificate: pem, ...admitted });
    const { port } = webSocket.address;
    const tls = { certificate: { selfSigned: {} }, limits: ENGINE_LIMITS };
    try {
      return { webSocket, port, quic: await engineServer(engine, { host: '127.0.0.1', port, ...tls, ...admitted }) };
    } catch (error) {
      await webSocket.close();
      // A port that is free for TCP may be somebody's for UDP.
      if (tries === 0) throw error;
      return open(tries - 1);
    }
  };
  const { webSocket, port, quic } = await open(5);
  const pairing = new Pairing({ enabled: true });
  const drained = [pairing.whole('datagrams', quic.sessions), pairing.whole('streams', webSocket.sessions)];
  for (const whole of drained) void whole.pipeTo(new WritableStream()).catch(() => {});
  const server: Server = {
    address: quic.address,
    certificateHashes: quic.certificateHashes,
    sessions: pairing.pairs,
    drain() {
      quic.drain();
      webSocket.drain();
    },
    async close() {
      pairing.close();
      await Promise.all([quic.close(), webSocket.close()]);
    },
  };
  const tcp = options.cuttable ? await startTcpRelay(port) : undefined;
  const udp = tcp && engine.proxy({ port: tcp.port, target: quic.address, link: {} });
  const target: Target = {
    url: `https://127.0.0.1:${tcp?.port ?? port}`,
    deadUrl: `https://127.0.0.1:${await unusedPort()}`,
    hashes: [...quic.certificateHashes, ...webSocket.certificateHashes].map((hash) => [...hash]),
  };
  return {
    server,
    runClient: (id) => options.runClient(id, target),
    cut() {
      tcp?.cut();
      udp?.close();
    },
    async gauges() {
      const stats = await engine.getStats();
      const open = Object.entries(stats).filter(([name]) => name.endsWith('_open') && name !== 'endpoints_open');
      return { ...Object.fromEntries(open), webSockets: webSocket.stats().sessions, waiting: pairing.waiting };
    },
    async close() {
      await server.close();
      tcp?.cut();
      udp?.close();
    },
  };
}

export const hybrid: Body = {
  name: 'hybrid (engine, WebSocket)',
  lacks: {},
  unavailable() {
    const available = engineAvailable();
    return available.ok ? undefined : available.reason;
  },
  async start() {
    const engine = openEngine();
    const pem = selfSignedCertificate();
    const connector = hybridConnector({
      datagrams: engineConnector(engine, { origin: ORIGIN, limits: ENGINE_LIMITS }),
      streams: webSocketConnector({ origin: ORIGIN }),
    });
    return {
      open: (settings, { cuttable }) =>
        openHybridFixture(engine, pem, settings, {
          cuttable,
          origin: ORIGIN,
          runClient: (id, target) => runClientHalf(id, clientEnv(connector, target, hybrid.lacks)),
        }),
      close: () => engine.close(),
    };
  },
};
