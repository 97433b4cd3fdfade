import { HayateError } from '@hayate/codec/errors';
import { newKey, publicKeyOf, readJwt, signJwt } from './jwt.ts';

const UNLIMITED = -1;

/** What vouches for everybody who may connect to NATS. All of it is secret; no server and no relay has any of it. */
export interface NatsTrust {
  /** Vouches for accounts: needed for another account or other limits. */
  operatorSeed: string;
  /** Of the servers among themselves. Nobody connects to it. */
  systemSeed: string;
  /** The account that holds directory and gifts. JetStream keeps them under its public key: lost, they are lost. */
  accountSeed: string;
  /** Signs users for the account, and can be replaced without another account: this is what an enrolment service gets. */
  usersSeed: string;
}

export function makeTrust(): NatsTrust {
  return {
    operatorSeed: newKey('operator').seed,
    systemSeed: newKey('account').seed,
    accountSeed: newKey('account').seed,
    usersSeed: newKey('account').seed,
  };
}

/** What every NATS server includes: public keys and what they signed, no secret. */
export function accountsConf(trust: NatsTrust, nowMs: number): string {
  const issuedAt = Math.floor(nowMs / 1000);
  const sign = (type: 'operator' | 'account', subject: string, name: string, nats: Record<string, unknown>) =>
    signJwt(trust.operatorSeed, 'operator', { subject, name, issuedAt, nats: { ...nats, type } });
  const operator = publicKeyOf(trust.operatorSeed, 'operator');
  const system = publicKeyOf(trust.systemSeed, 'account');
  const account = publicKeyOf(trust.accountSeed, 'account');
  const base = { subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED, imports: UNLIMITED, exports: UNLIMITED };
  const limits = { ...base, wildcards: true, conn: UNLIMITED, leaf: UNLIMITED };
  // Zero, or absent, is none of it.
  const storage = { mem_storage: UNLIMITED, disk_storage: UNLIMITED, streams: UNLIMITED, consumer: UNLIMITED };
  const systemJwt = sign('account', system, 'system', { limits });
  const accountJwt = sign('account', account, 'hayate', {
    limits: { ...limits, ...storage },
    signing_keys: [publicKeyOf(trust.usersSeed, 'account')],
  });
  return [
    '# Made by `hayate cluster keys`. Nothing in it is secret.',
    `operator: "${sign('operator', operator, 'hayate', { system_account: system })}"`,
    `system_account: "${system}"`,
    'resolver: MEMORY',
    'resolver_preload {',
    `  ${system}: "${systemJwt}"`,
    `  ${account}: "${accountJwt}"`,
    '}',
    '',
  ].join('\n');
}

/** What a NATS server includes for each leafnode that it dials: the account that is there on both ends. */
export function leafConf(trust: NatsTrust): string {
  return `account: "${publicKeyOf(trust.accountSeed, 'account')}"\n`;
}

/** The account's public key. @param conf what `leafConf` made. @throws HayateError `invalid_argument` */
export function accountIn(conf: string): string {
  const account = /^account: "(A[A-Z2-7]{55})"$/m.exec(conf)?.[1];
  if (account === undefined) throw new HayateError('invalid_argument', 'no account in this file');
  return account;
}

/** Subjects, with the wildcards of NATS; what is not named is refused. */
export interface NatsPermissions {
  publish: readonly string[];
  subscribe: readonly string[];
  /** Of what `publish` names, refused all the same. */
  neverPublish?: readonly string[];
  /** It may answer what it is asked, wherever the answer goes: once, within so long, ms. */
  answerMs?: number;
}

export interface UserOptions {
  /** Of the account, or of a key that signs for it; then `account` says for which. */
  accountSeed: string;
  /** Public key. */
  account?: string | undefined;
  /** Shown by the servers' monitoring; a relay's id. */
  name: string;
  /** Default: everything within the account. */
  permissions?: NatsPermissions | undefined;
  /** Whether it is a relay or, with `leafnode`, a server of another region. Default `client`. */
  as?: 'client' | 'leafnode';
  /** Seconds since 1970; a connection that has this user ends then. Default: never. */
  expiresAt?: number | undefined;
  /** Default: now. */
  nowMs?: number;
}

/** A user's JWT, for a public key (`U...`) whose seed somebody else has. @throws HayateError `invalid_argument` */
export function userJwt({ publicKey, ...options }: UserOptions & { publicKey: string }): string {
  const { accountSeed, account, name, permissions, as = 'client', expiresAt, nowMs = Date.now() } = options;
  if (!/^U[A-Z2-7]{55}$/.test(publicKey))
    throw new HayateError('invalid_argument', 'not the public key of a NATS user');
  const signedBy = publicKeyOf(accountSeed, 'account');
  const { publish, subscribe, neverPublish, answerMs } = permissions ?? {};
  return signJwt(accountSeed, 'account', {
    ...{ subject: publicKey, name, expiresAt, issuedAt: Math.floor(nowMs / 1000) },
    nats: {
      type: 'user',
      ...(account === undefined || account === signedBy ? {} : { issuer_account: account }),
      ...{ subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED },
      allowed_connection_types: [as === 'client' ? 'STANDARD' : 'LEAFNODE'],
      ...(publish && { pub: { allow: publish, ...(neverPublish && { deny: neverPublish }) } }),
      ...(subscribe && { sub: { allow: subscribe } }),
      ...(answerMs !== undefined && { resp: { max: 1, ttl: answerMs * 1_000_000 } }),
    },
  });
}

/**
 * A user of the account as a .creds file: JWT and seed, secret. @param options `seed`: of a user that has one already.
 * @throws HayateError `invalid_argument`
 */
export function userCreds({ seed = newKey('user').seed, ...options }: UserOptions & { seed?: string }): string {
  const jwt = userJwt({ ...options, publicKey: publicKeyOf(seed, 'user') });
  return [
    '-----BEGIN NATS USER JWT-----',
    jwt,
    '------END NATS USER JWT------',
    '',
    '************************* IMPORTANT *************************',
    'NKEY Seed printed below can be used to sign and prove identity.',
    'NKEYs are sensitive and should be treated as secrets.',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed.trim(),
    '------END USER NKEY SEED------',
    '',
    '*************************************************************',
    '',
  ].join('\n');
}

/** What a .creds file holds. @throws HayateError `invalid_argument` */
export function readCreds(text: string): { jwt: string; seed: string; claims: ReturnType<typeof readJwt> } {
  const [jwt, seed] = [...text.matchAll(/^-{3,}BEGIN [A-Z ]+-{3,}\r?\n([\w.=-]+)\r?$/gm)].map((hit) => hit[1]);
  if (jwt === undefined || seed === undefined) throw new HayateError('invalid_argument', 'not a NATS credentials file');
  try {
    return { jwt, seed, claims: readJwt(jwt) };
  } catch {
    throw new HayateError('invalid_argument', 'not a NATS credentials file');
  }
}
