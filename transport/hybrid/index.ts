import type { Connector } from '../src/types.ts';
import { newHalf, withHalf } from './half.ts';
import { HybridSession } from './session.ts';

export { HybridSession } from './session.ts';

export interface HybridOptions {
  datagrams: Connector;
  streams: Connector;
}

/** Dials both halves of one session at once: for browsers whose WebTransport has datagrams, and no streams that last. */
export function hybridConnector({ datagrams, streams }: HybridOptions): Connector {
  return (url, options) => {
    const half = withHalf(url, newHalf());
    return new HybridSession(datagrams(half, options), streams(half, options));
  };
}
