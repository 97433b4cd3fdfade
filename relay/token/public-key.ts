import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';
import { type CryptoKey, importSPKI } from 'jose';

export interface PublicKey {
  alg: 'EdDSA' | 'ES256';
  key: CryptoKey;
}

/**
 * A public key in PEM, or the public half of a private one.
 * @throws HayateError `invalid_argument` when it is neither Ed25519 nor P-256
 */
export async function readPublicKey(path: string): Promise<PublicKey> {
  try {
    const key = createPublicKey(readFileSync(path, 'utf8'));
    const alg = key.asymmetricKeyType === 'ed25519' ? 'EdDSA' : 'ES256';
    return { alg, key: await importSPKI(key.export({ type: 'spki', format: 'pem' }).toString(), alg) };
  } catch (cause) {
    const message = `${path} holds neither an Ed25519 nor a P-256 public key in PEM`;
    throw new HayateError('invalid_argument', message, { cause });
  }
}
