import type { Identity } from '../room/types.ts';
import { permissionsOf, type Role } from '../token/token.ts';

/** Who a token of these roles would make; it ends in the year 2100. */
export function identity(sub: string, roles: readonly Role[] = ['liver', 'viewer']): Identity {
  return { sub, roles, permissions: permissionsOf(roles), expiresAt: 4_102_444_800_000 };
}
