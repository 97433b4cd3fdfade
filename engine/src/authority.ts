import { fromNative } from './errors.ts';
import { nativeCertificates, type PemPair } from './native.ts';

const NAME = 'Hayate cluster';

/**
 * A certificate authority for the trunks of a cluster, P-256: `cert` is what every relay trusts (`clientCa`, `rootsPem`), `key`
 * issues certificates. Throws EngineError `engine_unavailable`, and `bad_certificate` for `days` outside 1 to 3660.
 */
export function makeAuthority({ name = NAME, days = 3650 }: { name?: string; days?: number } = {}): PemPair {
  return attempt(() => nativeCertificates().makeAuthority(name, days));
}

/**
 * A certificate of one relay, for both ends of a trunk. `authority`: the key of `makeAuthority`, and its name when one was
 * given there. `names`: DNS names or addresses, the first one the relay's own. Throws as `makeAuthority`.
 */
export function issueCertificate(options: {
  authority: { key: string; name?: string };
  names: string[];
  days?: number;
}): PemPair {
  const { authority, names, days = 825 } = options;
  return attempt(() => nativeCertificates().issueCertificate(authority.name ?? NAME, authority.key, names, days));
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}
