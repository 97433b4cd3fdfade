import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { body, by, count, done, errorSchema, json, refusals, security, text } from './shapes.ts';

const relaySchema = z
  .object({
    id: z.string(),
    region: z.string(),
    url: z.string(),
    draining: z.boolean(),
    self: z.boolean().openapi({ description: 'The relay that answers.' }),
    load: z.object({ viewers: count, rooms: count, cpu: z.number(), egressBps: z.number() }),
    loadFresh: z.boolean().openapi({ description: 'The load is of the last seconds.' }),
  })
  .openapi('ClusterRelay');
const roomSchema = z
  .object({
    room: z.string(),
    home: z.string(),
    origin: z.string(),
    epoch: count,
    path: z.array(z.string()).openapi({ description: 'From the relay that answers to the origin.' }),
    children: z.array(z.string()).openapi({ description: 'Relays that have the room from the one that answers.' }),
    people: count.openapi({ description: 'At the relay that answers.' }),
    viewers: count,
    livers: z.array(z.object({ slot: count, sub: z.string(), via: z.string().nullable() })).openapi({
      description: '`via`: the neighbour that their media comes from; null: they are here.',
    }),
  })
  .openapi('ClusterRoom');
const linkSchema = z
  .object({
    peer: z.string(),
    region: z.string(),
    upForMs: z.number(),
    rttMs: z.number().nullable(),
    loss: z
      .number()
      .nullable()
      .openapi({ description: 'Share of the packets to the peer that were lost, over its life.' }),
    packetsOut: count,
    bytesIn: count,
    bytesOut: count,
  })
  .openapi('ClusterLink');
const moveRequest = z
  .object({ origin: text.openapi({ description: 'The relay that becomes the origin.' }) })
  .openapi('RoomMove');
const placeSchema = z
  .object({ room: z.string(), home: z.string(), origin: z.string(), epoch: count })
  .openapi('RoomPlace');

export type ClusterRelay = z.infer<typeof relaySchema>;
export type ClusterRoom = z.infer<typeof roomSchema>;
export type ClusterLink = z.infer<typeof linkSchema>;
export type RoomPlace = z.infer<typeof placeSchema>;

/** A cluster as one of its relays sees it. */
export interface ClusterApi {
  relays(): ClusterRelay[];
  rooms(): ClusterRoom[];
  links(): Promise<ClusterLink[]>;
  /** @throws HayateError `no_such_room`, `invalid_argument` (no such relay), or of the directory */
  move(room: string, origin: string): Promise<RoomPlace>;
  /** Everywhere, for a while; who asks is for the audit log. @throws HayateError of the directory */
  close(room: string, by: string): Promise<void>;
}

const room = z.object({ room: text });
const absent = { 404: json('No such room or relay', errorSchema) };
const failures = { ...refusals, 503: json('The directory does not answer: again later', errorSchema) };

const routes = {
  relays: createRoute({
    method: 'get',
    path: '/v1/cluster/relays',
    summary: 'Relays of the cluster that live.',
    security,
    responses: { 200: json('Relays', z.object({ relays: z.array(relaySchema) })), ...refusals },
  }),
  rooms: createRoute({
    method: 'get',
    path: '/v1/cluster/rooms',
    summary: 'Rooms that this relay has, and how it comes by them.',
    security,
    responses: { 200: json('Rooms', z.object({ rooms: z.array(roomSchema) })), ...refusals },
  }),
  links: createRoute({
    method: 'get',
    path: '/v1/cluster/links',
    summary: 'Links of this relay to others.',
    security,
    responses: { 200: json('Links', z.object({ links: z.array(linkSchema) })), ...refusals },
  }),
  move: createRoute({
    method: 'post',
    path: '/v1/cluster/rooms/{room}/move',
    summary: 'Makes another relay the origin of a room, also in another region.',
    security,
    request: { params: room, body: body(moveRequest) },
    responses: { 200: json('Where it is now', placeSchema), ...absent, ...failures },
  }),
  close: createRoute({
    method: 'post',
    path: '/v1/cluster/rooms/{room}/close',
    summary: 'Ends the sessions of a room at all relays with `room_closed`.',
    security,
    request: { params: room, query: by },
    responses: { ...done, ...failures },
  }),
};

export function addClusterRoutes(app: OpenAPIHono, cluster: ClusterApi): void {
  app.openapi(routes.relays, (c) => c.json({ relays: cluster.relays() }, 200));
  app.openapi(routes.rooms, (c) => c.json({ rooms: cluster.rooms() }, 200));
  app.openapi(routes.links, async (c) => c.json({ links: await cluster.links() }, 200));
  app.openapi(routes.move, async (c) => {
    const { origin } = c.req.valid('json');
    return c.json(await cluster.move(c.req.valid('param').room, origin), 200);
  });
  app.openapi(routes.close, async (c) => {
    await cluster.close(c.req.valid('param').room, c.req.valid('query').by);
    return c.body(null, 204);
  });
}
