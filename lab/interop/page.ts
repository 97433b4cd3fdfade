import { browserConnector } from '@hayate/transport/browser';
import { clientHalf, type Digests } from './cases.ts';

/** The page's half: `interop.run(case, url, hash)`. */
Object.assign(globalThis, {
  interop: {
    run: (name: string, url: string, hash: number[]): Promise<Digests> =>
      clientHalf(browserConnector()(url, { serverCertificateHashes: [Uint8Array.from(hash)] }), name),
  },
});
