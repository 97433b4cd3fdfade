import { hash } from 'node:crypto';
import { HayateError } from '@hayate/codec/errors';
import { nkeys } from '@nats-io/nats-core';

type KeyPair = ReturnType<typeof nkeys.fromSeed>;
export type KeyKind = 'operator' | 'account' | 'user';

const PREFIX: Record<KeyKind, string> = { operator: 'O', account: 'A', user: 'U' };

/** Claims of NATS's JWTs, version 2 (github.com/nats-io/jwt). */
export interface Claims {
  /** Public key that it is about. */
  subject: string;
  name: string;
  /** Seconds since 1970. */
  issuedAt: number;
  expiresAt?: number | undefined;
  /** What its kind has to say: limits, permissions. */
  nats: { type: KeyKind; [limit: string]: unknown };
}

/** A key pair as two texts of NATS: the seed (`SA...`, secret) and the public key (`A...`). */
export function newKey(kind: KeyKind): { seed: string; publicKey: string } {
  const make = { operator: nkeys.createOperator, account: nkeys.createAccount, user: nkeys.createUser }[kind];
  const pair = make();
  return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() };
}

/** @throws HayateError `invalid_argument`: no seed of this kind */
export function publicKeyOf(seed: string, kind: KeyKind): string {
  return pairOf(seed, kind).getPublicKey();
}

/** @throws HayateError `invalid_argument`: no seed of this kind */
export function signJwt(seed: string, issuer: KeyKind, { subject, name, issuedAt, expiresAt, nats }: Claims): string {
  const pair = pairOf(seed, issuer);
  const claims = {
    ...{ iat: issuedAt, iss: pair.getPublicKey(), name, sub: subject },
    ...(expiresAt === undefined ? {} : { exp: expiresAt }),
    nats: { ...nats, version: 2 },
  };
  const head = encode({ typ: 'JWT', alg: 'ed25519-nkey' });
  const text = `${head}.${encode({ ...claims, jti: hash('sha256', JSON.stringify(claims), 'base64url') })}`;
  return `${text}.${Buffer.from(pair.sign(new TextEncoder().encode(text))).toString('base64url')}`;
}

/** Unchecked: for one's own files. @throws SyntaxError where it is no JWT */
export function readJwt(jwt: string): { exp?: number; iss: string; name: string; sub: string; nats: object } {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8'));
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function pairOf(seed: string, kind: KeyKind): KeyPair {
  let pair: KeyPair | undefined;
  try {
    pair = nkeys.fromSeed(new TextEncoder().encode(seed.trim()));
  } catch {
    // Its error may bear what it was given.
  }
  if (!pair?.getPublicKey().startsWith(PREFIX[kind])) {
    throw new HayateError('invalid_argument', `not the seed of a NATS ${kind}`);
  }
  return pair;
}
