import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import type { CryptoKey, JWTHeaderParameters } from 'jose';
import type { Logger } from 'pino';
import { type KeySetPlace, openKeySet } from './jwks.ts';
import { readPublicKey } from './public-key.ts';

const MIN_SHARED_KEY_BYTES = 32;

/** The keys that may sign tokens. Each key is bound to its algorithm, so that none is taken for another's. */
export interface TokenKeys {
  readonly algorithms: string[];
  find(header: JWTHeaderParameters): CryptoKey | Uint8Array | Promise<CryptoKey>;
}

export interface TokenKeySources extends KeySetPlace {
  keyFile?: string | undefined;
  publicKeyFile?: string | undefined;
}

/**
 * A set is read again while the relay runs: a new key in it needs no restart, one that is gone from it signs no more.
 * @throws HayateError `invalid_argument` when no file is named, or one cannot be read or used
 */
export async function openTokenKeys(sources: TokenKeySources, log: Logger): Promise<TokenKeys> {
  const { keyFile, publicKeyFile } = sources;
  const byAlgorithm = new Map<string, TokenKeys['find']>();
  if (keyFile) {
    const key = readSharedKey(keyFile);
    byAlgorithm.set('HS256', () => key);
  }
  const set = await openKeySet(sources, 'tokens', log);
  const pem = publicKeyFile === undefined ? undefined : await readPublicKey(publicKeyFile);
  if (pem) byAlgorithm.set(pem.alg, () => pem.key);
  for (const alg of set ? ['EdDSA', 'ES256'] : []) {
    byAlgorithm.set(alg, async (header) => {
      // A token without a `kid` is the PEM key's, where there is one for its algorithm.
      if (pem?.alg === alg && header.kid === undefined) return pem.key;
      const key = await set!.find(header);
      if (!key) throw codeError('token_key_unknown', 'no key for this token');
      return key;
    });
  }
  if (byAlgorithm.size === 0) {
    const names = 'token.keyFile, token.publicKeyFile, token.jwksFile or token.jwksUrl';
    throw new HayateError('invalid_argument', `no token key: set ${names}`);
  }
  return {
    algorithms: [...byAlgorithm.keys()],
    find(header) {
      const find = byAlgorithm.get(header.alg);
      if (!find) throw codeError('token_invalid', 'no key for this algorithm');
      return find(header);
    },
  };
}

/** The bytes of a shared key file, without a trailing line break. @throws HayateError `invalid_argument` */
export function readSharedKey(path: string): Uint8Array {
  const text = read(path).trim();
  const key = new TextEncoder().encode(text);
  if (key.length < MIN_SHARED_KEY_BYTES) {
    throw new HayateError('invalid_argument', `${path}: a shared key needs at least ${MIN_SHARED_KEY_BYTES} bytes`);
  }
  return key;
}

/** Makes a shared key at `path` (mode 0600) unless one is there. */
export function ensureSharedKey(path: string): void {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // Another relay of the same directory was faster: its key is as good.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read the key file ${path}`, { cause });
  }
}
