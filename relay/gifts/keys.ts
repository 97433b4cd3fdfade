import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import { type CryptoKey, importSPKI, type JWTHeaderParameters } from 'jose';
import type { Logger } from 'pino';
import { type KeySet, keySetOfFile, keySetOfUrl } from './jwks.ts';

/** Fixed, so that no ticket can choose HS256 with a public key as its secret, or none. */
export const TICKET_ALGORITHMS = ['EdDSA', 'ES256'];

export interface TicketKeySources {
  /** Public, or in development private: its public half is taken. */
  publicKeyFile?: string | undefined;
  jwksFile?: string | undefined;
  jwksUrl?: string | undefined;
}

export interface TicketKeys {
  /** @throws HayateError `ticket_key_unknown`; errors of jose for a key that is of no use */
  find(header: JWTHeaderParameters): Promise<CryptoKey>;
}

/**
 * With a set, a ticket with a `kid` is checked by the set; without one, or without a set, by the PEM key.
 * @throws HayateError `invalid_argument` when a file cannot be read or used
 */
export async function openTicketKeys(sources: TicketKeySources, log: Logger): Promise<TicketKeys> {
  const onFailed = (err: unknown) => log.warn({ err }, 'the keys of tickets could not be read: the last ones stay');
  const source = { nowMs: () => performance.now(), onFailed };
  let set: KeySet | undefined;
  if (sources.jwksFile !== undefined) set = await keySetOfFile(sources.jwksFile, source);
  else if (sources.jwksUrl !== undefined) set = await keySetOfUrl(sources.jwksUrl, source);
  const pem = sources.publicKeyFile === undefined ? undefined : await readPublicKey(sources.publicKeyFile);
  return {
    async find(header) {
      if (set && (header.kid !== undefined || !pem)) return set.find(header);
      if (pem?.alg !== header.alg) throw codeError('ticket_key_unknown', 'no key for this algorithm');
      return pem.key;
    },
  };
}

async function readPublicKey(path: string): Promise<{ alg: string; key: CryptoKey }> {
  try {
    const key = createPublicKey(readFileSync(path, 'utf8'));
    const alg = key.asymmetricKeyType === 'ed25519' ? 'EdDSA' : 'ES256';
    return { alg, key: await importSPKI(key.export({ type: 'spki', format: 'pem' }).toString(), alg) };
  } catch (cause) {
    throw new HayateError('invalid_argument', `${path} holds neither an Ed25519 nor a P-256 public key in PEM`, {
      cause,
    });
  }
}
