import { systemTimers, Ways } from '@hayate/client/internal';
import { HayateError } from '@hayate/codec/errors';
import { engineAvailable, type LinkOptions, openEngine } from '@hayate/engine';
import { readDevState } from '@hayate/relay';
import type { Connector } from '@hayate/transport';
import { engineConnector } from '@hayate/transport/engine';
import { webSocketConnector } from '@hayate/transport/fails-components';

export interface Dialler {
  connector: Connector;
  close(): Promise<void>;
}

/**
 * The engine, and WebSocket where UDP does not do; with an emulated link the engine alone; WebSocket alone where the engine
 * is not built or the development relay has none. Throws `unsupported` for a link without the engine.
 */
export function openDialler(options: { link?: LinkOptions; url: string; stateDir: string }): Dialler {
  const state = readDevState(options.stateDir);
  const webSocketRelay = state?.url === options.url && state.transport === 'websocket';
  const available = engineAvailable();
  if (available.ok && !webSocketRelay) {
    const engine = openEngine();
    const close = () => engine.close();
    if (options.link) return { connector: engineConnector(engine, { link: options.link }), close };
    const environment = { ...systemTimers, nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000 };
    const ways = new Ways({ quic: engineConnector(engine), webSocket: webSocketConnector(), environment });
    return { connector: ways.connector(), close };
  }
  const why = available.ok ? 'the relay runs without the engine' : available.reason;
  if (options.link) throw new HayateError('unsupported', `--link needs the engine: ${why}`);
  process.stderr.write(`hayate: over WebSocket (TCP): ${why}\n`);
  return { connector: webSocketConnector(), close: async () => {} };
}
