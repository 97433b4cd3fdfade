import { ok } from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import { openTicketKeys } from '../../../relay/gifts/keys.ts';
import { TicketChecker } from '../../../relay/gifts/ticket.ts';
import { silent } from '../../../relay/test/silent.ts';
import { ResumeTokens } from '../../../relay/token/resume.ts';
import { TokenVerifier } from '../../../relay/token/token.ts';
import type { Run, Target } from '../guided/target.ts';

const KEY = new Uint8Array(32).fill(7);
const NOW_MS = Date.UTC(2026, 0, 1);
const NOW_S = NOW_MS / 1000;

const base64url = (data: Uint8Array | string) => Buffer.from(data).toString('base64url');
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** What a token is read for must be one of the documented refusals, or claims within their limits. */
async function refusedOr<T>(read: Promise<T>, codes: readonly string[]): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof HayateError && codes.includes(error.code)) return undefined;
    throw error;
  }
}

/**
 * Byte 0: what is signed. Byte 1: the length of the header. Half of all inputs are signed by our own key, so that whatever
 * they claim is looked at; the rest is text as it came.
 */
function compact(input: Uint8Array, signed: (text: string) => Uint8Array): string {
  const [choice = 0, length = 0] = input;
  const rest = input.subarray(2);
  if (choice & 1) return Buffer.from(rest).toString('latin1');
  const text = `${base64url(rest.subarray(0, length))}.${base64url(rest.subarray(length))}`;
  return `${text}.${base64url(signed(text))}`;
}

function seed(header: object, payload: object): Uint8Array {
  const head = json(header);
  return Uint8Array.of(0, head.length, ...head, ...json(payload));
}

const TOKEN_CODES = ['token_missing', 'token_invalid', 'token_expired', 'token_key_unknown'];
const CLAIMS = { sub: 'ann', room: 'demo', roles: ['liver', 'viewer'], exp: NOW_S + 60 };

function openTokens(): Run {
  const verifier = new TokenVerifier({ keys: { algorithms: ['HS256'], find: () => KEY } });
  const resume = new ResumeTokens();
  return async (input) => {
    const text = compact(input, (signed) => createHmac('sha256', KEY).update(signed).digest());
    ok(resume.read(text, 'demo', 'ann') === undefined);
    const claims = await refusedOr(verifier.verify(text, NOW_MS), TOKEN_CODES);
    if (claims === undefined) return;
    ok(claims.sub.length > 0 && claims.room.length > 0 && claims.exp > NOW_S - 6 && claims.permissions.length <= 7);
  };
}

export const token: Target = {
  name: 'token',
  of: 'tokens of sessions and what they claim, and texts that resume one',
  files: [
    'relay/token/token.ts',
    'relay/token/resume.ts',
    'jose/dist/webapi/jws/compact/verify.js',
    'jose/dist/webapi/lib/jws_verify.js',
    'jose/dist/webapi/lib/validate.js',
    'jose/dist/webapi/lib/jwt_claims_set.js',
  ],
  seeds: () => [
    seed({ alg: 'HS256' }, CLAIMS),
    seed({ alg: 'HS256', typ: 'gift+jwt' }, CLAIMS),
    seed(
      { alg: 'HS256', kid: 'a' },
      { ...CLAIMS, permissions: ['watch'], name: 'Ann', budgetMs: 80, jti: 'x', iat: 1, isNew: true },
    ),
    seed({ alg: 'none' }, { ...CLAIMS, exp: 1 }),
    Uint8Array.of(1, 0, ...json('a.b.c')),
  ],
  words: [
    '"exp":',
    '"roles":',
    '"permissions":',
    '"crit":["b64"],"b64":false',
    'null',
    '1e999',
    '"nbf":',
    '\\u0000',
    '__proto__',
    '[]',
  ],
  maxBytes: 700,
  open: openTokens,
};

const TICKET_CODES = [
  'ticket_invalid',
  'ticket_key_unknown',
  'wrong_room',
  'wrong_sender',
  'wrong_region',
  'ticket_not_yet_valid',
];
const GIFT = {
  jti: 'j',
  room: 'demo',
  sub: 'ann',
  liver: 'ren',
  item: 'rose',
  amount: 100,
  currency: 'JPY',
  reg: 'jp',
  iat: NOW_S,
  exp: NOW_S + 60,
};

async function openTickets(): Promise<Run> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const folder = mkdtempSync(join(tmpdir(), 'hayate-fuzz-ticket-'));
  const publicKeyFile = join(folder, 'ticket.pem');
  writeFileSync(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  const keys = await openTicketKeys({ publicKeyFile }, silent);
  rmSync(folder, { recursive: true });
  const checker = new TicketChecker({ keys, region: 'jp' });
  const signed = (text: string) => sign(null, Buffer.from(text), privateKey as KeyObject);
  return async (input) => {
    const ticket = compact(input, signed);
    const checked = await refusedOr(
      checker.check(ticket, { room: 'demo', sub: 'ann' }, () => NOW_MS),
      TICKET_CODES,
    );
    if (checked === undefined) return;
    const { gift } = checked;
    ok(gift.room === 'demo' && gift.sender === 'ann' && gift.reg === 'jp');
    ok(
      Number.isSafeInteger(gift.amount) &&
        gift.amount > 0 &&
        /^[A-Z]{3}$/.test(gift.currency) &&
        gift.jti.length <= 128,
    );
  };
}

export const ticket: Target = {
  name: 'ticket',
  of: 'tickets of gifts and what they claim',
  files: [
    'relay/gifts/ticket.ts',
    'relay/gifts/keys.ts',
    'jose/dist/webapi/jws/compact/verify.js',
    'jose/dist/webapi/lib/jws_verify.js',
    'jose/dist/webapi/lib/validate.js',
  ],
  seeds: () => [
    seed({ alg: 'EdDSA', typ: 'gift+jwt' }, GIFT),
    seed({ alg: 'EdDSA', typ: 'gift+jwt', kid: 'k' }, { ...GIFT, nbf: NOW_S + 900 }),
    seed({ alg: 'HS256', typ: 'JWT' }, { ...GIFT, room: 'other' }),
    Uint8Array.of(1, 0, ...json('a.b.c')),
  ],
  words: [
    '"amount":',
    '"nbf":',
    '-1',
    '1e999',
    '9007199254740993',
    '"JPY"',
    '\\ud800',
    '\\u0000',
    '"reg":"us"',
    '"sub":"bob"',
  ],
  maxBytes: 900,
  open: openTickets,
};
