import { EngineError, fromNative } from './errors.ts';
import { startNativeProxy } from './native.ts';
import { link } from './options.ts';
import type { Engine, LinkProxy } from './types.ts';

/** Starts a UDP proxy on a thread of its own. `host` and the target's host are addresses or `localhost`. */
export function openProxy(options: Parameters<Engine['proxy']>[0], closed: () => void): LinkProxy {
  let native: ReturnType<typeof startNativeProxy>;
  try {
    native = startNativeProxy({
      host: address(options.host ?? '127.0.0.1'),
      port: options.port ?? 0,
      targetHost: address(options.target.host),
      targetPort: options.target.port,
      link: link(options.link),
      maxClients: options.maxClients ?? 256,
    });
  } catch (error) {
    throw fromNative(error);
  }
  let open = true;
  return {
    address: native.address(),
    getStats() {
      if (!open) throw new EngineError('closed', 'the proxy is closed');
      return Object.fromEntries(native.stats());
    },
    close() {
      if (!open) return;
      open = false;
      native.close();
      closed();
    },
  };
}

function address(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}
