import { z } from 'zod';

/** Linode's times are UTC without saying so, to the second: `2018-01-02T03:04:05`. Read as ms since 1970. */
export const apiTime = z.string().transform((text) => Date.parse(`${text}Z`));

export function toApiTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}
