import { codeError } from '@hayate/codec/messages';
import type { CryptoKey, JWTHeaderParameters } from 'jose';
import type { Logger } from 'pino';
import { type KeySetPlace, openKeySet } from '../token/jwks.ts';
import { readPublicKey } from '../token/public-key.ts';

/** Fixed, so that no ticket can choose HS256 with a public key as its secret, or none. */
export const TICKET_ALGORITHMS = ['EdDSA', 'ES256'];

export interface TicketKeySources extends KeySetPlace {
  /** Public, or in development private: its public half is taken. */
  publicKeyFile?: string | undefined;
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
  const set = await openKeySet(sources, 'tickets', log);
  const pem = sources.publicKeyFile === undefined ? undefined : await readPublicKey(sources.publicKeyFile);
  return {
    async find(header) {
      if (set && (header.kid !== undefined || !pem)) {
        const key = await set.find(header);
        if (!key) throw codeError('ticket_key_unknown', 'no key for this ticket');
        return key;
      }
      if (pem?.alg !== header.alg) throw codeError('ticket_key_unknown', 'no key for this algorithm');
      return pem.key;
    },
  };
}
