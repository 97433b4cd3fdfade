import { HayateError } from '@hayate/codec/errors';
import { PERMISSIONS, type Permission } from '@hayate/codec/messages';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { TICKET_TYP } from '../gifts/mint.ts';
import type { TokenKeys } from './keys.ts';

/** Clocks differ: a token is good for so much longer. */
export const LEEWAY_SECONDS = 5;
const MIN_BUDGET_MS = 20;

const ROLES = ['liver', 'viewer', 'moderator'] as const;
export type Role = (typeof ROLES)[number];

/** What a token says of its bearer, docs/protocol.md section 5. */
export interface TokenClaims {
  sub: string;
  room: string;
  roles: Role[];
  /** In the order of PERMISSIONS: the claim's, or those of the roles. */
  permissions: Permission[];
  /** For revocation of this token alone. */
  jti?: string;
  /** Seconds since 1970; a revocation of a person covers the tokens issued before it. */
  iat?: number;
  name?: string;
  /** The application knows whether this person is new here; absent: the relay's own record of visits decides. */
  isNew?: boolean;
  /** Lag budget that the room shall have, ms; the relay's own is the most it gets. */
  budgetMs?: number;
  /** Seconds since 1970. */
  exp: number;
}

const ROLE_PERMISSIONS: Record<Role, readonly Permission[]> = {
  liver: ['publish', 'watch', 'comment', 'react', 'speak', 'moderate'],
  viewer: ['watch', 'comment', 'react', 'gift', 'speak'],
  moderator: ['watch', 'comment', 'react', 'speak', 'moderate'],
};

/** Roles in a token that development and the command line make for a role: who goes live or moderates watches and gives too. */
export const GRANTED_ROLES: Record<Role, readonly Role[]> = {
  liver: ['liver', 'viewer'],
  viewer: ['viewer'],
  moderator: ['moderator', 'viewer'],
};

/** What these roles allow together, in the order of PERMISSIONS. */
export function permissionsOf(roles: readonly Role[]): Permission[] {
  return PERMISSIONS.filter((permission) => roles.some((role) => ROLE_PERMISSIONS[role].includes(permission)));
}

const claimsSchema = z.object({
  sub: z.string().min(1).max(128),
  room: z.string().min(1).max(128),
  // Roles of a later version are no reason to refuse: they just allow nothing here.
  roles: z.array(z.string().max(32)).max(16),
  permissions: z.array(z.string().max(32)).max(32).optional(),
  jti: z.string().min(1).max(128).optional(),
  iat: z.number().optional(),
  isNew: z.boolean().optional(),
  name: z.string().min(1).max(64).optional(),
  budgetMs: z.int().min(MIN_BUDGET_MS).optional(),
  exp: z.number(),
});

export interface TokenVerifierOptions {
  keys: TokenKeys;
  issuer?: string;
}

/** Checks tokens; lives as long as its relay. */
export class TokenVerifier {
  readonly #keys: TokenKeys;
  readonly #issuer: string | undefined;

  constructor(options: TokenVerifierOptions) {
    this.#keys = options.keys;
    this.#issuer = options.issuer;
  }

  /**
   * @param nowMs since 1970
   * @throws HayateError `token_missing`, `token_invalid`, `token_expired`, `token_key_unknown`
   */
  async verify(token: string, nowMs: number): Promise<TokenClaims> {
    if (token === '') throw new HayateError('token_missing', 'the first message must be hello with a token');
    let payload: JWTPayload;
    let typ: string | undefined;
    try {
      ({
        payload,
        protectedHeader: { typ },
      } = await jwtVerify(token, (header) => this.#keys.find(header), {
        algorithms: this.#keys.algorithms,
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(nowMs),
        requiredClaims: ['sub', 'exp', 'room', 'roles'],
        ...(this.#issuer === undefined ? {} : { issuer: this.#issuer }),
      }));
    } catch (cause) {
      if (cause instanceof HayateError && cause.code === 'token_key_unknown') throw cause;
      if (cause instanceof errors.JWTExpired)
        throw new HayateError('token_expired', 'the token has expired', { cause });
      throw new HayateError('token_invalid', 'the token is not one of ours', { cause });
    }
    // One key may sign both: a ticket opens no door.
    if (typ === TICKET_TYP) throw new HayateError('token_invalid', 'this is a ticket, not a token');
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success) {
      throw new HayateError('token_invalid', 'the claims of the token are not as documented', { cause: claims.error });
    }
    const { roles: named, permissions, ...rest } = claims.data;
    const roles = ROLES.filter((role) => named.includes(role));
    return {
      ...withoutUndefined(rest),
      roles,
      permissions: permissions ? PERMISSIONS.filter((p) => permissions.includes(p)) : permissionsOf(roles),
    };
  }
}

export interface MintOptions {
  room: string;
  sub: string;
  roles: readonly Role[];
  /** Exactly these instead of what the roles allow. */
  permissions?: readonly Permission[];
  name?: string;
  budgetMs?: number;
  jti?: string;
  isNew?: boolean;
  /** Lifetime from `nowMs` on, seconds. Default 3600. */
  ttlSeconds?: number;
  issuer?: string;
  /** Since 1970. Default: now. */
  nowMs?: number;
}

/** Makes an HS256 token, as an app's backend (or a developer) would. `key` as `readSharedKey` returns it. */
export async function mintToken(key: Uint8Array, options: MintOptions): Promise<string> {
  const now = Math.floor((options.nowMs ?? Date.now()) / 1000);
  const jwt = new SignJWT({
    room: options.room,
    roles: [...options.roles],
    ...withoutUndefined({
      permissions: options.permissions,
      name: options.name,
      budgetMs: options.budgetMs,
      jti: options.jti,
      isNew: options.isNew,
    }),
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(options.sub)
    .setIssuedAt(now)
    .setExpirationTime(now + (options.ttlSeconds ?? 3600));
  if (options.issuer !== undefined) jwt.setIssuer(options.issuer);
  return jwt.sign(key);
}

/** The fields that are there: an optional one of these types is absent, not undefined. */
function withoutUndefined<T extends object>(source: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined)) as never;
}
