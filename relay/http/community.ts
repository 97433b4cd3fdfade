import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Community } from '../community/index.ts';
import {
  after,
  body,
  by,
  count,
  done,
  errorSchema,
  json,
  limit,
  reason,
  refusals,
  seconds,
  security,
  text,
} from './shapes.ts';

const MONTH_SECONDS = 2_592_000;

const remembered = seconds.default(MONTH_SECONDS).openapi({
  description: 'How long it is remembered: at least the longest lifetime of a token.',
});
const shared = { by: z.string(), reason: z.string(), atMs: count, untilMs: count };
const revocationSchema = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('token'), jti: text, ...shared }),
    z.object({ kind: z.literal('subject'), subject: text, notBeforeMs: count, ...shared }),
  ])
  .openapi('Revocation');
const revocationRequest = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('token'), jti: text, seconds: remembered, reason }),
    z.object({
      kind: z.literal('subject'),
      subject: text,
      notBeforeMs: count.optional().openapi({
        description: 'Tokens issued in this second or before it, ms since 1970, and those without `iat`. Default: now.',
      }),
      seconds: remembered,
      reason,
    }),
  ])
  .openapi('RevocationRequest');
const kind = z.enum(['token', 'subject']);
const revocationsSchema = z
  .object({ revocations: z.array(revocationSchema), next: z.string().optional() })
  .openapi('Revocations');
const entrySchema = z
  .object({
    id: count,
    atMs: count,
    room: z.string().nullable(),
    via: z.enum(['api', 'session']).openapi({ description: '`session`: a moderator in the room.' }),
    actor: z.string(),
    action: z.string(),
    target: z.string().nullable().openapi({ description: 'A `sub`, a `jti`, or the number of a comment.' }),
    detail: z.string().nullable(),
  })
  .openapi('AuditEntry');
const auditSchema = z
  .object({ entries: z.array(entrySchema), next: count.openapi({ description: 'For `after`.' }), more: z.boolean() })
  .openapi('AuditPage');
const failures = { ...refusals, 503: json('The store does not answer: send it again', errorSchema) };

const routes = {
  revoke: createRoute({
    method: 'post',
    path: '/v1/revocations',
    summary: 'Takes a token back, or all of a person; live sessions end with `token_revoked`.',
    security,
    request: { query: by, body: body(revocationRequest) },
    responses: { 200: json('Durable', revocationSchema), ...failures },
  }),
  revocations: createRoute({
    method: 'get',
    path: '/v1/revocations',
    summary: 'Revocations of a kind, by `jti` or `subject`.',
    security,
    request: { query: z.object({ kind, after: text.optional(), limit }) },
    responses: { 200: json('Revocations', revocationsSchema), ...failures },
  }),
  unrevoke: createRoute({
    method: 'delete',
    path: '/v1/revocations/{kind}/{value}',
    summary: 'Takes a revocation back; also where there is none.',
    security,
    request: { params: z.object({ kind, value: text }), query: by },
    responses: { ...done, ...failures },
  }),
  audit: createRoute({
    method: 'get',
    path: '/v1/audit',
    summary: 'What moderators and the backend did, in its order. Kept for `community.auditDays`.',
    security,
    request: {
      query: z.object({ room: text.optional(), actor: text.optional(), target: text.optional(), after, limit }),
    },
    responses: { 200: json('Entries', auditSchema), ...failures },
  }),
};

/** Revoked tokens and the audit log. */
export function addCommunityRoutes(app: OpenAPIHono, community: Community): void {
  app.openapi(routes.revoke, async (c) => {
    const { seconds, ...wanted } = c.req.valid('json');
    const untilMs = Date.now() + seconds * 1000;
    const actor = { via: 'api', actor: c.req.valid('query').by } as const;
    const request =
      wanted.kind === 'token'
        ? { ...wanted, untilMs }
        : { ...wanted, untilMs, notBeforeMs: wanted.notBeforeMs ?? Date.now() };
    return c.json(await community.revoke(request, actor), 200);
  });
  app.openapi(routes.revocations, async (c) => {
    const { kind, after, limit } = c.req.valid('query');
    const { items, next } = await community.revocations(kind, after, limit);
    return c.json({ revocations: items, ...(next !== undefined && { next }) }, 200);
  });
  app.openapi(routes.unrevoke, async (c) => {
    await community.unrevoke(c.req.valid('param'), { via: 'api', actor: c.req.valid('query').by });
    return c.body(null, 204);
  });
  app.openapi(routes.audit, async (c) => {
    const { after, ...query } = c.req.valid('query');
    const entries = await community.auditLog({ ...query, afterId: after });
    return c.json({ entries, next: entries.at(-1)?.id ?? after, more: entries.length === query.limit }, 200);
  });
}
