import { z } from '@hono/zod-openapi';

/** What the routes of the service API share. */
export const text = z.string().min(1).max(128);
export const count = z.int().min(0);
export const limit = z.coerce.number().int().min(1).max(1000).default(100);
/** An id: what comes after it is wanted. */
export const after = z.coerce.number().int().min(0).default(0);
/** Who asks. */
export const by = z.object({
  by: text.default('backend').openapi({ description: 'Who asks, for the audit log: a name that the backend knows.' }),
});
export const reason = z.string().max(200).default('');
/** Ten years. */
export const seconds = z.int().min(1).max(315_360_000);
export const done = { 204: { description: 'Done' } };
export const errorSchema = z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }).openapi('Error');
export const security = [{ service: [] }];

export function json<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { 'application/json': { schema } } };
}

export function body<T extends z.ZodType>(schema: T) {
  return { content: { 'application/json': { schema } }, required: true };
}

/** Of every route. */
export const refusals = {
  400: json('Wrong request', errorSchema),
  401: json('No service token, or a wrong one', errorSchema),
  413: json('The body is over 64 KiB', errorSchema),
  429: json('More requests than `api.perSecond`; `Retry-After` says when', errorSchema),
};
