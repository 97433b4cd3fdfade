import { readFileSync } from 'node:fs';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  type Authenticator,
  AuthorizationError,
  type ConnectionOptions,
  credsAuthenticator,
  UserAuthenticationExpiredError,
} from '@nats-io/nats-core';

/** How a relay and NATS know each other. */
export interface NatsAccess {
  /** Of the own region's domain: `nats://HOST:PORT`, or `tls://HOST:PORT` all of them. */
  servers: readonly string[];
  /** PEM of the authority that vouches for the servers. With it nothing is said in clear. */
  caFile?: string | undefined;
  /** A user of NATS: JWT and seed. Read again at each connection. */
  credsFile?: string | undefined;
}

/** What keeps a relay from NATS, by `code`, and what to do about it. */
export interface NatsProblem {
  code: 'nats_unreachable' | 'nats_refused' | 'nats_creds_unreadable' | 'nats_untrusted' | 'nats_without_tls';
  advice: string;
}

/** What the client takes for it. `problemOf` says what a failed connection means. */
export function openAccess({ servers, caFile, credsFile }: NatsAccess): {
  options: Pick<ConnectionOptions, 'tls' | 'authenticator'>;
  problemOf(error: unknown): NatsProblem;
} {
  let unreadable = false;
  const authenticator: Authenticator = (nonce) => {
    // Never throws: the client would close for good. Without credentials the server refuses, and it comes again.
    try {
      const auth = credsAuthenticator(readFileSync(credsFile!))(nonce);
      unreadable = false;
      return auth;
    } catch {
      unreadable = true;
    }
  };
  // The client hands to Node whatever else is in it.
  const tls = { caFile: caFile!, checkServerIdentity: anyOf(servers.map(hostOf)) };
  return {
    options: {
      ...(credsFile !== undefined && { authenticator }),
      ...(caFile !== undefined && { tls }),
    },
    problemOf(error) {
      if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError) {
        return unreadable ? problems.credsUnreadable : problems.refused;
      }
      if (caFile !== undefined && !isReadable(caFile)) return problems.caUnreadable;
      // It has no code for this one.
      if (caFile !== undefined && error instanceof Error && error.message.includes("does not support 'tls'")) {
        return problems.withoutTls;
      }
      return isOfTls(error) ? problems.untrusted : problems.unreachable;
    },
  };
}

const problems = {
  unreachable: { code: 'nats_unreachable', advice: 'no server of cluster.natsUrls answers' },
  refused: {
    code: 'nats_refused',
    advice:
      'NATS does not take this user: cluster.natsCredsFile is of another cluster, expired or missing. Bring another one (hayate cluster keys --renew, push.ts): it is taken without a restart',
  },
  credsUnreadable: {
    code: 'nats_creds_unreadable',
    advice: 'cluster.natsCredsFile cannot be read, or is no credentials file. It is read again at each attempt',
  },
  caUnreadable: {
    code: 'nats_untrusted',
    advice: 'cluster.natsCaFile cannot be read. It is read again at each attempt',
  },
  untrusted: {
    code: 'nats_untrusted',
    advice:
      "a server's certificate is not by the authority in cluster.natsCaFile, has expired, or names no host of cluster.natsUrls",
  },
  withoutTls: {
    code: 'nats_without_tls',
    advice: 'a server of cluster.natsUrls speaks in clear, and tls:// was asked for',
  },
} as const satisfies Record<string, NatsProblem>;

/**
 * The client does not say which server it dialled by address, and Node takes `localhost` for it. The servers are one
 * cluster, each as good as the others: a certificate that names any of them will do.
 */
function anyOf(hosts: readonly string[]): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_, certificate) => {
    const errors = hosts.map((host) => checkServerIdentity(host, certificate));
    return errors.includes(undefined) ? undefined : errors[0];
  };
}

/** @param url `nats://HOST:PORT` or `HOST:PORT`; an address of IPv6 in brackets */
function hostOf(url: string): string {
  const { hostname } = new URL(`http://${url.replace(/^[a-z]+:\/\//, '')}`);
  return hostname.replace(/^\[|\]$/g, '');
}

function isReadable(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}

/** Codes of OpenSSL and of Node's checks have an underscore, those of the network none. */
function isOfTls(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ('code' in each && typeof each.code === 'string' && (each.code.includes('_') || each.code === 'EPROTO'))
      return true;
  }
  return false;
}
