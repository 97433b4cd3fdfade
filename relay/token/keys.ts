import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { type CryptoKey, createLocalJWKSet, importSPKI, type JSONWebKeySet, type JWTHeaderParameters } from 'jose';

const MIN_SHARED_KEY_BYTES = 32;

/** The keys that may sign tokens. Each key is bound to its algorithm, so that none is taken for another's. */
export interface TokenKeys {
  readonly algorithms: string[];
  find(header: JWTHeaderParameters): CryptoKey | Uint8Array | Promise<CryptoKey>;
}

export interface KeyFiles {
  keyFile?: string | undefined;
  publicKeyFile?: string | undefined;
  jwksFile?: string | undefined;
}

/**
 * @throws HayateError `invalid_argument` when no file is named, or one cannot be read or used
 */
export async function openTokenKeys(files: KeyFiles): Promise<TokenKeys> {
  const byAlgorithm = new Map<string, TokenKeys['find']>();
  if (files.keyFile) {
    const key = readSharedKey(files.keyFile);
    byAlgorithm.set('HS256', () => key);
  }
  if (files.jwksFile) {
    const set = readJwks(files.jwksFile);
    const find = createLocalJWKSet(set);
    for (const alg of ['EdDSA', 'ES256']) byAlgorithm.set(alg, (header) => find(header));
  }
  if (files.publicKeyFile) {
    const { alg, key } = await readPublicKey(files.publicKeyFile);
    byAlgorithm.set(alg, () => key);
  }
  if (byAlgorithm.size === 0) {
    throw new HayateError('invalid_argument', 'no token key: set token.keyFile, token.publicKeyFile or token.jwksFile');
  }
  return {
    algorithms: [...byAlgorithm.keys()],
    find(header) {
      const find = byAlgorithm.get(header.alg);
      if (!find) throw new HayateError('token_invalid', 'no key for this algorithm');
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

function readJwks(path: string): JSONWebKeySet {
  try {
    const set = JSON.parse(read(path)) as JSONWebKeySet;
    createLocalJWKSet(set);
    return set;
  } catch (cause) {
    throw new HayateError('invalid_argument', `${path} is not a JWKS file`, { cause });
  }
}

async function readPublicKey(path: string): Promise<{ alg: string; key: CryptoKey }> {
  const pem = read(path);
  for (const alg of ['EdDSA', 'ES256']) {
    try {
      return { alg, key: await importSPKI(pem, alg) };
    } catch {
      // Not of this algorithm; the error below covers the case that it is of neither.
    }
  }
  throw new HayateError('invalid_argument', `${path} holds neither an Ed25519 nor a P-256 public key in PEM`);
}
