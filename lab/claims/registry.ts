import type { Claim } from './claim.ts';

/** Every claim, in the order of the issues. */
export const claims: Claim[] = [];
