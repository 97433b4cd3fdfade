import { type Engine, engineAvailable, openEngine } from '@hayate/engine';
import { engineConnector, engineServer } from '../../engine/index.ts';
import type { ServerSettings } from '../case.ts';
import { clientEnv, runClientHalf, type Target } from '../client.ts';
import type { Body, Fixture } from '../run.ts';
import { admission, ORIGIN, unusedPort } from './common.ts';

/** Short, so that a cut shows soon; a live session pings well within. */
export const ENGINE_LIMITS = { idleTimeoutMs: 4000, keepAliveMs: 500, maxBidiStreams: 100, maxUniStreams: 100 };

/** An engine's server and what reaches it; also under the browser bodies. */
export async function openEngineFixture(
  engine: Engine,
  settings: ServerSettings,
  options: { cuttable: boolean; origin: string; runClient: (id: string, target: Target) => Promise<unknown> },
): Promise<Fixture> {
  const server = await engineServer(engine, {
    host: '127.0.0.1',
    port: 0,
    certificate: { selfSigned: {} },
    limits: ENGINE_LIMITS,
    ...admission(settings, options.origin),
  });
  const proxy = options.cuttable ? engine.proxy({ target: server.address, link: {} }) : undefined;
  const target: Target = {
    url: `https://127.0.0.1:${(proxy ?? server).address.port}`,
    deadUrl: `https://127.0.0.1:${await unusedPort()}`,
    hashes: server.certificateHashes.map((hash) => [...hash]),
  };
  return {
    server,
    runClient: (id) => options.runClient(id, target),
    cut: () => proxy?.close(),
    // The listener is an endpoint itself and stays open.
    async gauges() {
      const stats = await engine.getStats();
      return Object.fromEntries(
        Object.entries(stats).filter(([name]) => name.endsWith('_open') && name !== 'endpoints_open'),
      );
    },
    async close() {
      await server.close();
      proxy?.close();
    },
  };
}

export function engineBody(io: 'fast' | 'portable'): Body {
  const lacks = {};
  return {
    name: `engine (${io})`,
    lacks,
    unavailable() {
      const available = engineAvailable();
      return available.ok ? undefined : available.reason;
    },
    async start() {
      const engine = openEngine({ io });
      const connector = engineConnector(engine, { origin: ORIGIN, limits: ENGINE_LIMITS });
      return {
        open: (settings, { cuttable }) =>
          openEngineFixture(engine, settings, {
            cuttable,
            origin: ORIGIN,
            runClient: (id, target) => runClientHalf(id, clientEnv(connector, target, lacks)),
          }),
        close: () => engine.close(),
      };
    },
  };
}
