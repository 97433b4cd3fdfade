import { HayateError } from '@hayate/codec/errors';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Amendment, Ledger, Receipt } from '../ledger/types.ts';
import { giftData } from '../webhook/event.ts';
import { after, body, count, errorSchema, json, limit, refusals, security, text } from './shapes.ts';

/** Gifts as the service API needs them. */
export interface GiftsApi {
  ledger: Ledger;
  /** Takes back a gift; whoever shows gifts hears of it here. */
  amend(amendment: Amendment, nowMs: number): Promise<Receipt>;
  /** Records were put back into the outbox. */
  redelivered(): void;
  nowMs?: () => number;
}

const giftSchema = z
  .object({
    idempotencyKey: z.string().openapi({ description: "The webhook's `webhook-id`: one for each record, for ever." }),
    id: count,
    room: text,
    sequence: count.nullable().openapi({ description: 'Null in a cluster: the place is given apart from the ledger.' }),
    kind: z.enum(['gift', 'void', 'refund']),
    key: text,
    atMs: count,
    sender: text,
    liver: text,
    item: text,
    amount: count.openapi({ description: "In the currency's minor unit. Positive: a void or refund takes it back." }),
    currency: text,
    reg: text,
    shownAtMs: count.nullable(),
    gift: text.nullable(),
    reason: text.nullable(),
  })
  .openapi('GiftRecord');
const pageSchema = z
  .object({
    after: count.openapi({ description: 'The id that the consumer has acknowledged.' }),
    records: z.array(giftSchema),
    next: count.openapi({ description: 'What to acknowledge once these records are booked.' }),
    more: z.boolean(),
  })
  .openapi('GiftPage');
const cursorSchema = z.object({ consumer: text, id: count }).openapi('GiftCursor');
const receiptSchema = z
  .object({ id: count.nullable(), room: text, sequence: count.nullable(), atMs: count, repeat: z.boolean() })
  .openapi('GiftReceipt');
const deadSchema = z
  .object({ records: z.array(giftSchema.extend({ attempts: count })), next: count, more: z.boolean() })
  .openapi('DeadLetters');
const idempotencyHeader = z.object({
  'idempotency-key': text.openapi({ description: 'Single use: a repeat gets the first answer, for ever.' }),
});
const voidSchema = z.object({ reason: text }).openapi('Void');
const refundSchema = z.object({ reason: text, amount: z.int().min(1) }).openapi('Refund');

const failures = {
  ...refusals,
  503: json('The ledger does not answer: the same request again gives the true answer', errorSchema),
};
const amendFailures = {
  ...failures,
  404: json('No such gift', errorSchema),
  409: json('Taken back already, less is left, or the key has another content', errorSchema),
};
const jti = z.object({ jti: text });
const consumer = z.object({ consumer: text });

const routes = {
  pull: createRoute({
    method: 'get',
    path: '/v1/gifts',
    summary:
      'The records after what a consumer has acknowledged, in the order of their ids; the same until it acknowledges.',
    security,
    request: { query: consumer.extend({ limit }) },
    responses: { 200: json('Records', pageSchema), ...failures },
  }),
  cursor: createRoute({
    method: 'get',
    path: '/v1/gift-cursors/{consumer}',
    summary: 'What a consumer has acknowledged; 0 at first.',
    security,
    request: { params: consumer },
    responses: { 200: json('The cursor', cursorSchema), ...failures },
  }),
  acknowledge: createRoute({
    method: 'put',
    path: '/v1/gift-cursors/{consumer}',
    summary: 'Acknowledges all records up to an id. Never moves back; the answer is where the cursor is.',
    security,
    request: { params: consumer, body: body(z.object({ id: count })) },
    responses: { 200: json('The cursor', cursorSchema), ...failures },
  }),
  find: createRoute({
    method: 'get',
    path: '/v1/gifts/{jti}',
    summary: 'The gift claimed under a jti.',
    security,
    request: { params: jti },
    responses: { 200: json('The gift', giftSchema), 404: json('No such gift', errorSchema), ...failures },
  }),
  void: createRoute({
    method: 'post',
    path: '/v1/gifts/{jti}/void',
    summary: 'Takes back all of a gift, as if it had never counted.',
    security,
    request: { params: jti, headers: idempotencyHeader, body: body(voidSchema) },
    responses: { 200: json('Durable', receiptSchema), ...amendFailures },
  }),
  refund: createRoute({
    method: 'post',
    path: '/v1/gifts/{jti}/refund',
    summary: 'Takes back a part of a gift, or all that is left.',
    security,
    request: { params: jti, headers: idempotencyHeader, body: body(refundSchema) },
    responses: { 200: json('Durable', receiptSchema), ...amendFailures },
  }),
  dead: createRoute({
    method: 'get',
    path: '/v1/gift-dead-letters',
    summary: 'Records that the webhook gave up.',
    security,
    request: { query: z.object({ after, limit }) },
    responses: { 200: json('Dead letters', deadSchema), ...failures },
  }),
  redeliver: createRoute({
    method: 'post',
    path: '/v1/gift-redeliveries',
    summary: 'Puts records, dead or delivered, back into the outbox; due at once, under their old idempotency keys.',
    security,
    request: { body: body(z.object({ ids: z.array(z.int().min(1)).min(1).max(1000) })) },
    responses: { 200: json('How many exist', z.object({ redelivered: count })), ...failures },
  }),
};

/** The pull API of the app's backend. */
export function addGiftRoutes(app: OpenAPIHono, { ledger, amend, redelivered, nowMs = Date.now }: GiftsApi): void {
  app.openapi(routes.pull, async (c) => {
    const { consumer, limit } = c.req.valid('query');
    const after = await ledger.cursor(consumer);
    const records = (await ledger.since(after, limit)).map(giftData);
    return c.json({ after, records, next: records.at(-1)?.id ?? after, more: records.length === limit }, 200);
  });
  app.openapi(routes.cursor, async (c) => {
    const { consumer } = c.req.valid('param');
    return c.json({ consumer, id: await ledger.cursor(consumer) }, 200);
  });
  app.openapi(routes.acknowledge, async (c) => {
    const { consumer } = c.req.valid('param');
    const { id } = c.req.valid('json');
    // A cursor beyond the end would leave out what is still to come.
    if (id > 0 && (await ledger.since(id - 1, 1))[0]?.id !== id) {
      throw new HayateError('invalid_argument', `there is no record ${id} to acknowledge`);
    }
    await ledger.moveCursor(consumer, id);
    return c.json({ consumer, id: await ledger.cursor(consumer) }, 200);
  });
  app.openapi(routes.find, async (c) => {
    const { jti } = c.req.valid('param');
    const record = await ledger.find(jti);
    if (!record) throw new HayateError('gift_unknown', 'no gift has this jti');
    return c.json(giftData(record), 200);
  });
  app.openapi(routes.void, async (c) => {
    const { 'idempotency-key': key } = c.req.valid('header');
    const amendment = { kind: 'void', key, gift: c.req.valid('param').jti, ...c.req.valid('json') } as const;
    return c.json(await amend(amendment, nowMs()), 200);
  });
  app.openapi(routes.refund, async (c) => {
    const { 'idempotency-key': key } = c.req.valid('header');
    const amendment = { kind: 'refund', key, gift: c.req.valid('param').jti, ...c.req.valid('json') } as const;
    return c.json(await amend(amendment, nowMs()), 200);
  });
  app.openapi(routes.dead, async (c) => {
    const { after, limit } = c.req.valid('query');
    const dead = await ledger.deadLetters(after, limit);
    const records = dead.map(({ record, attempts }) => ({ ...giftData(record), attempts }));
    return c.json({ records, next: records.at(-1)?.id ?? after, more: records.length === limit }, 200);
  });
  app.openapi(routes.redeliver, async (c) => {
    const count = await ledger.redeliver(c.req.valid('json').ids);
    redelivered();
    return c.json({ redelivered: count }, 200);
  });
}
