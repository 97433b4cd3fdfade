import type { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Community } from '../community/index.ts';
import type { RoomModeration } from '../community/moderation.ts';
import { type RoomDetails, type RoomSummary, roomSchema, roomsSchema } from './room-shapes.ts';
import {
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

/** Rooms as the service API needs them. */
export interface RoomsApi {
  community: Community;
  moderation: RoomModeration;
  rooms(): RoomSummary[];
  /** Undefined when there is no such room. */
  room(name: string): RoomDetails | undefined;
}

const room = z.object({ room: text });
const member = room.extend({ sub: text });
const memberSchema = z
  .object({
    sub: z.string(),
    name: z.string().optional(),
    roles: z.array(z.string()),
    isNew: z.boolean().optional().openapi({ description: 'On the first visit to this room.' }),
    muted: z.boolean().optional(),
  })
  .openapi('Member');
const membersSchema = z
  .object({
    members: z.array(memberSchema),
    next: z.string().optional().openapi({ description: 'For `after`; absent: that was the last page.' }),
  })
  .openapi('Members');
const banSchema = z
  .object({
    room: text,
    subject: text,
    by: z.string(),
    reason: z.string(),
    atMs: count,
    untilMs: count.nullable().openapi({ description: 'ms since 1970; null: for ever.' }),
  })
  .openapi('Ban');
const bansSchema = z.object({ bans: z.array(banSchema), next: z.string().optional() }).openapi('Bans');
const banRequest = z
  .object({ sub: text, seconds: seconds.optional().openapi({ description: 'Absent: for ever.' }), reason })
  .openapi('BanRequest');
const muteRequest = z
  .object({
    sub: text,
    seconds: seconds.optional().openapi({ description: 'Absent: as long as the room lives.' }),
    reason,
  })
  .openapi('MuteRequest');
const kickRequest = z.object({ sub: text, reason }).openapi('KickRequest');
const slowRequest = z.object({ seconds: z.int().min(0).max(3600) }).openapi('SlowMode');

const after = text.optional().openapi({ description: '`next` of the page before.' });
const page = z.object({ after, limit });
const failures = {
  ...refusals,
  503: json('The store does not answer. A ban holds, but is not durable: send it again', errorSchema),
};
const absent = { 404: json('No such room, member or comment', errorSchema) };

const routes = {
  rooms: createRoute({
    method: 'get',
    path: '/v1/rooms',
    summary: 'Rooms open now.',
    security,
    responses: { 200: json('Rooms', roomsSchema), ...refusals },
  }),
  room: createRoute({
    method: 'get',
    path: '/v1/rooms/{room}',
    summary: 'One room: who is there, how its media gets to the viewers, and why.',
    security,
    request: { params: room },
    responses: { 200: json('The room', roomSchema), ...absent, ...refusals },
  }),
  members: createRoute({
    method: 'get',
    path: '/v1/rooms/{room}/members',
    summary: 'The people of a room, each once.',
    security,
    request: { params: room, query: page },
    responses: { 200: json('Members', membersSchema), ...absent, ...refusals },
  }),
  bans: createRoute({
    method: 'get',
    path: '/v1/rooms/{room}/bans',
    summary: 'Bans in force, by `subject`. A page may be short and not the last: `next` says.',
    security,
    request: { params: room, query: page },
    responses: { 200: json('Bans', bansSchema), ...failures },
  }),
  ban: createRoute({
    method: 'post',
    path: '/v1/rooms/{room}/bans',
    summary: 'Keeps a person out of a room, open or not; live sessions end with `banned`. Again: the last one counts.',
    security,
    request: { params: room, query: by, body: body(banRequest) },
    responses: { 200: json('Durable', banSchema), ...failures },
  }),
  unban: createRoute({
    method: 'delete',
    path: '/v1/rooms/{room}/bans/{sub}',
    summary: 'Takes a ban back; also where there is none.',
    security,
    request: { params: member, query: by },
    responses: { ...done, ...failures },
  }),
  mute: createRoute({
    method: 'post',
    path: '/v1/rooms/{room}/mutes',
    summary: 'Comments and reactions of a person are refused with `muted`.',
    security,
    request: { params: room, query: by, body: body(muteRequest) },
    responses: { ...done, ...absent, ...refusals },
  }),
  unmute: createRoute({
    method: 'delete',
    path: '/v1/rooms/{room}/mutes/{sub}',
    summary: 'Takes a mute back; also where there is none.',
    security,
    request: { params: member, query: by },
    responses: { ...done, ...absent, ...refusals },
  }),
  kick: createRoute({
    method: 'post',
    path: '/v1/rooms/{room}/kicks',
    summary: 'Ends the sessions of a person with `kicked`; they may come back.',
    security,
    request: { params: room, query: by, body: body(kickRequest) },
    responses: { ...done, ...absent, ...refusals },
  }),
  slow: createRoute({
    method: 'put',
    path: '/v1/rooms/{room}/slow-mode',
    summary: 'So many seconds between two comments of one person; 0 ends it.',
    security,
    request: { params: room, query: by, body: body(slowRequest) },
    responses: { ...done, ...absent, ...refusals },
  }),
  close: createRoute({
    method: 'post',
    path: '/v1/rooms/{room}/close',
    summary: 'Ends every session with `room_closed`.',
    security,
    request: { params: room, query: by, body: body(z.object({ reason }).openapi('CloseRequest')) },
    responses: { ...done, ...absent, ...refusals },
  }),
  deleteComment: createRoute({
    method: 'delete',
    path: '/v1/rooms/{room}/comments/{n}',
    summary: 'A comment is shown no more.',
    security,
    request: { params: room.extend({ n: z.coerce.number().int().min(1) }), query: by },
    responses: { ...done, ...absent, ...refusals },
  }),
  deleteComments: createRoute({
    method: 'delete',
    path: '/v1/rooms/{room}/members/{sub}/comments',
    summary: 'All kept comments of a person are shown no more.',
    security,
    request: { params: member, query: by },
    responses: { ...done, ...absent, ...refusals },
  }),
};

const noSuchRoom = (): HayateError => codeError('no_such_room', 'no room of that name is open here');

/** Rooms, their members and moderation. What changes something has its line in the audit log. */
export function addRoomRoutes(app: OpenAPIHono, { community, moderation, rooms, room }: RoomsApi): void {
  app.openapi(routes.rooms, (c) => {
    const all = rooms();
    return c.json({ count: all.length, rooms: all }, 200);
  });
  app.openapi(routes.room, (c) => {
    const details = room(c.req.valid('param').room);
    if (!details) throw noSuchRoom();
    return c.json(details, 200);
  });
  app.openapi(routes.bans, async (c) => {
    const { room } = c.req.valid('param');
    const { after, limit } = c.req.valid('query');
    const cursor = after === undefined ? undefined : { room, subject: after };
    const { items, next } = await community.bans(room, cursor, limit);
    return c.json({ bans: items, ...(next && { next: next.subject }) }, 200);
  });
  app.openapi(routes.ban, async (c) => {
    const { sub, seconds, reason } = c.req.valid('json');
    const untilMs = seconds === undefined ? null : Date.now() + seconds * 1000;
    const request = { room: c.req.valid('param').room, subject: sub, reason, untilMs };
    return c.json(await community.ban(request, { via: 'api', actor: c.req.valid('query').by }), 200);
  });
  app.openapi(routes.unban, async (c) => {
    const { room, sub } = c.req.valid('param');
    await community.unban(room, sub, { via: 'api', actor: c.req.valid('query').by });
    return c.body(null, 204);
  });
  addModerationRoutes(app, moderation);
}

function addModerationRoutes(app: OpenAPIHono, moderation: RoomModeration): void {
  app.openapi(routes.members, (c) => {
    const { after, limit } = c.req.valid('query');
    const found = moderation.members(c.req.valid('param').room, after, limit);
    if (!found) throw noSuchRoom();
    return c.json(found, 200);
  });
  app.openapi(routes.mute, async (c) => {
    const { seconds, ...wanted } = c.req.valid('json');
    const command = { action: 'mute', ...wanted, ...(seconds !== undefined && { seconds }) } as const;
    await moderation.order(c.req.valid('param').room, command, c.req.valid('query').by);
    return c.body(null, 204);
  });
  app.openapi(routes.unmute, async (c) => {
    const { room, sub } = c.req.valid('param');
    await moderation.order(room, { action: 'unmute', sub }, c.req.valid('query').by);
    return c.body(null, 204);
  });
  app.openapi(routes.kick, async (c) => {
    await moderation.order(
      c.req.valid('param').room,
      { action: 'kick', ...c.req.valid('json') },
      c.req.valid('query').by,
    );
    return c.body(null, 204);
  });
  app.openapi(routes.slow, async (c) => {
    await moderation.order(
      c.req.valid('param').room,
      { action: 'slow', ...c.req.valid('json') },
      c.req.valid('query').by,
    );
    return c.body(null, 204);
  });
  app.openapi(routes.close, async (c) => {
    await moderation.order(
      c.req.valid('param').room,
      { action: 'close', ...c.req.valid('json') },
      c.req.valid('query').by,
    );
    return c.body(null, 204);
  });
  app.openapi(routes.deleteComment, async (c) => {
    const { room, n } = c.req.valid('param');
    await moderation.order(room, { action: 'delete', n }, c.req.valid('query').by);
    return c.body(null, 204);
  });
  app.openapi(routes.deleteComments, async (c) => {
    const { room, sub } = c.req.valid('param');
    await moderation.order(room, { action: 'delete', sub }, c.req.valid('query').by);
    return c.body(null, 204);
  });
}
