import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { type CryptoKey, importPKCS8, SignJWT } from 'jose';

/** `typ` of a ticket's header: it tells a ticket from a session token, so that neither is taken for the other. */
export const TICKET_TYP = 'gift+jwt';

export interface TicketOptions {
  room: string;
  /** Who gives: the `sub` of the session that submits the ticket. */
  sub: string;
  liver: string;
  item: string;
  /** In the currency's minor unit. */
  amount: number;
  /** ISO 4217. */
  currency: string;
  reg: string;
  /** Single use. Default: a random UUID. */
  jti?: string | undefined;
  /** Lifetime from `nowMs` on, seconds. Default 300. */
  ttlSeconds?: number;
  issuer?: string;
  /** Id of the key in its JWKS. */
  kid?: string;
  /** Since 1970. Default: now. */
  nowMs?: number;
}

/** What signs tickets, as an app's backend would. */
export interface TicketSigner {
  alg: 'EdDSA' | 'ES256';
  key: CryptoKey;
}

/** Makes a ticket, as an app's backend does once the gift is paid. */
export async function mintTicket({ alg, key }: TicketSigner, options: TicketOptions): Promise<string> {
  const now = Math.floor((options.nowMs ?? Date.now()) / 1000);
  const { room, liver, item, amount, currency, reg, kid } = options;
  const jwt = new SignJWT({ room, liver, item, amount, currency, reg })
    .setProtectedHeader({ alg, typ: TICKET_TYP, ...(kid === undefined ? {} : { kid }) })
    .setSubject(options.sub)
    .setJti(options.jti ?? randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + (options.ttlSeconds ?? 300));
  if (options.issuer !== undefined) jwt.setIssuer(options.issuer);
  return jwt.sign(key);
}

/** The Ed25519 private key at `path` (PKCS #8 PEM). @throws HayateError `invalid_argument` */
export async function readTicketSigner(path: string): Promise<TicketSigner> {
  try {
    return { alg: 'EdDSA', key: await importPKCS8(readFileSync(path, 'utf8'), 'EdDSA') };
  } catch (cause) {
    throw new HayateError('invalid_argument', `${path} holds no Ed25519 private key in PEM`, { cause });
  }
}

/** Makes an Ed25519 key at `path` (mode 0600) unless one is there. For development. */
export function ensureTicketKey(path: string): void {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // Another relay of the same directory was faster: its key is as good.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
