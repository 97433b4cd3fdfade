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
 * The engine, with the emulated link when one is wanted; WebSocket where the engine is not built or the development
 * relay has none. Throws `unsupported` for a link without the engine.
 */
export function openDialler(options: { link?: LinkOptions; url: string; stateDir: string }): Dialler {
  const state = readDevState(options.stateDir);
  const webSocketRelay = state?.url === options.url && state.transport === 'websocket';
  const available = engineAvailable();
  if (available.ok && !webSocketRelay) {
    const engine = openEngine();
    return {
      connector: engineConnector(engine, options.link ? { link: options.link } : {}),
      close: () => engine.close(),
    };
  }
  const why = available.ok ? 'the relay runs without the engine' : available.reason;
  if (options.link) throw new HayateError('unsupported', `--link needs the engine: ${why}`);
  process.stderr.write(`hayate: over WebSocket (TCP): ${why}\n`);
  return { connector: webSocketConnector(), close: async () => {} };
}
