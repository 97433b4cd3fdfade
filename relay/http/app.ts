import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { CompressedAssets } from './compressed.ts';
import { localPages } from './local-pages.ts';
import { type Candidate, candidatesSchema } from './relays.ts';
import { type RoomDetails, type RoomSummary, roomSchema, roomsSchema } from './room-shapes.ts';
import { json } from './shapes.ts';

/** Only development takes bodies at all. */
const MAX_BODY_BYTES = 8192;

export interface StaticAsset {
  /** Content type. */
  type: string;
  body: string | Uint8Array;
}

/** Files of a page, by path (`/`, `/app.js`). A Map does. */
export interface StaticAssets {
  get(path: string): StaticAsset | undefined;
}

export interface RelayInfo {
  /** What clients dial. */
  url: string;
  /** SHA-256 of the certificates to accept, hex. Empty: use the platform's trust. */
  certificateHashes: string[];
  /** `websocket`: UDP is not served here; the page must have the certificate accepted. */
  transport: 'engine' | 'websocket';
}

interface RoomRequest {
  room: string;
  sub?: string | undefined;
  name?: string | undefined;
  budgetMs?: number | undefined;
  ttlSeconds: number;
}

export interface RoomGrant extends RelayInfo {
  room: string;
  tokens: { liver: string; viewer: string; moderator: string };
}

/** What the HTTP API shows of the relay behind it. */
export interface HttpBackend {
  /** False while draining, and when the ledger has failed. */
  ready(): boolean;
  info(): RelayInfo;
  rooms(): RoomSummary[];
  /** Undefined when there is no such room. */
  room(name: string): RoomDetails | undefined;
  /** Relays that serve this room, the best one for whoever asks here first; whether the room is open does not matter. */
  candidates(room: string): readonly Candidate[] | Promise<readonly Candidate[]>;
  /** Development only: gives tokens to anybody who asks. Undefined in production; the route is then absent. */
  grant: ((request: RoomRequest) => Promise<RoomGrant>) | undefined;
  /** Development only: signs a ticket for anybody who asks. Undefined in production; the route is then absent. */
  ticket: ((request: TicketRequest) => Promise<string>) | undefined;
  /** Development with `emulateLink` only: the network in front of this relay. Undefined elsewhere; the routes are then absent. */
  link: LinkControl | undefined;
}

/** The emulated network that clients come through. */
interface LinkControl {
  readonly profile: { id: string };
  readonly profiles: readonly { id: string; label: string }[];
  /** Throws `invalid_argument` for one that there is not. */
  set(id: string): void;
}

type TicketRequest = z.infer<typeof ticketRequestSchema>;

export interface HttpAppOptions {
  backend: HttpBackend;
  assets?: StaticAssets | undefined;
  /** Names that a request's Host may have; undefined: any. Keeps foreign pages from a loopback relay by DNS rebinding. */
  hosts?: readonly string[] | undefined;
}

const infoSchema = z
  .object({
    url: z.string(),
    certificateHashes: z.array(z.string()),
    transport: z.enum(['engine', 'websocket']),
  })
  .openapi('Relay');
const healthSchema = z.object({ ok: z.boolean() });
const errorSchema = z.object({ code: z.string(), message: z.string() }).openapi('Error');
const grantSchema = infoSchema
  .extend({
    room: z.string(),
    tokens: z.object({ liver: z.string(), viewer: z.string(), moderator: z.string() }),
  })
  .openapi('RoomGrant');
const requestSchema = z
  .object({
    room: z.string().min(1).max(128).default('demo'),
    sub: z.string().min(1).max(128).optional().openapi({ description: 'Default: a random one.' }),
    name: z.string().min(1).max(64).optional(),
    budgetMs: z.int().min(20).optional().openapi({ description: "Lag budget of the room; at most the relay's own." }),
    ttlSeconds: z.int().min(1).max(86_400).default(3600),
  })
  .openapi('RoomRequest');
const name = z.string().min(1).max(128);
const ticketRequestSchema = z
  .object({
    room: name.default('demo'),
    sub: name.openapi({ description: 'Who gives: the `sub` of the session that submits the ticket.' }),
    liver: name,
    item: name,
    amount: z.int().min(1).openapi({ description: "In the currency's minor unit." }),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .default('JPY'),
    jti: name.optional().openapi({ description: 'Default: a random one.' }),
    ttlSeconds: z.int().min(1).max(86_400).default(300),
  })
  .openapi('TicketRequest');
const linkSchema = z
  .object({
    profile: z.string().openapi({ description: 'The `id` of the one that is emulated now.' }),
    profiles: z.array(z.object({ id: z.string(), label: z.string() })),
  })
  .openapi('Link');
const ticketSchema = z.object({ ticket: z.string() }).openapi('Ticket');

const routes = {
  health: createRoute({
    method: 'get',
    path: '/healthz',
    summary: 'The process answers.',
    responses: { 200: json('Alive', healthSchema) },
  }),
  ready: createRoute({
    method: 'get',
    path: '/readyz',
    summary: 'New sessions are taken.',
    responses: {
      200: json('Ready', healthSchema),
      503: json('Draining, or the ledger of gifts has failed', healthSchema),
    },
  }),
  relay: createRoute({
    method: 'get',
    path: '/v1/relay',
    summary: 'Where clients connect, and which certificates they may pin.',
    responses: { 200: json('This relay', infoSchema) },
  }),
  rooms: createRoute({
    method: 'get',
    path: '/v1/rooms',
    summary: 'Rooms open now.',
    responses: { 200: json('Rooms', roomsSchema) },
  }),
  room: createRoute({
    method: 'get',
    path: '/v1/rooms/{room}',
    summary: 'One room: how its media gets to the viewers, and why.',
    request: { params: z.object({ room: z.string().min(1).max(128) }) },
    responses: { 200: json('The room', roomSchema), 404: json('No such room', errorSchema) },
  }),
  candidates: createRoute({
    method: 'get',
    path: '/v1/rooms/{room}/relays',
    summary: 'Relays that a client may take for a room, open or not. Pages of any origin may ask.',
    request: { params: z.object({ room: z.string().min(1).max(128) }) },
    responses: { 200: json('Relays', candidatesSchema) },
  }),
  grant: createRoute({
    method: 'post',
    path: '/v1/rooms',
    summary: 'Development only: tokens for a room.',
    request: { body: { content: { 'application/json': { schema: requestSchema } }, required: true } },
    responses: { 200: json('Tokens', grantSchema), 400: json('Wrong request', errorSchema) },
  }),
  ticket: createRoute({
    method: 'post',
    path: '/v1/gifts/tickets',
    summary: 'Development only: a signed ticket for one gift.',
    request: { body: { content: { 'application/json': { schema: ticketRequestSchema } }, required: true } },
    responses: { 200: json('The ticket', ticketSchema), 400: json('Wrong request', errorSchema) },
  }),
  link: createRoute({
    method: 'get',
    path: '/v1/link',
    summary: 'Development with `emulateLink` only: the network that clients come through.',
    responses: { 200: json('The link', linkSchema) },
  }),
  setLink: createRoute({
    method: 'post',
    path: '/v1/link',
    summary: 'Development with `emulateLink` only: another network, for all that come through it.',
    request: {
      body: { content: { 'application/json': { schema: z.object({ profile: z.string() }) } }, required: true },
    },
    responses: { 200: json('The link', linkSchema), 400: json('No such profile', errorSchema) },
  }),
};

/** Pages that share their process with nobody get a clock of 5 to 20 us; Firefox's ticks in whole ms for others. */
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  // A page that is isolated itself may show it in a frame; `same-site` takes no addresses for sites.
  'cross-origin-resource-policy': 'cross-origin',
};

/** The HTTP API. Routes and documentation come from the same schemas. */
export function httpApp({ backend, assets, hosts }: HttpAppOptions): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result, c) => {
      if (result.success) return;
      const message = result.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; ');
      return c.json({ code: 'invalid_argument', message }, 400);
    },
  });
  app.onError((error, c) => {
    // Hono's own refusals, such as a body that is not JSON, know their status.
    const status = 'status' in error && typeof error.status === 'number' ? error.status : 500;
    const code = status < 500 ? 'invalid_argument' : 'internal';
    return c.json({ code, message: status < 500 ? error.message : 'a fault of the relay' }, status as 400 | 500);
  });
  app.use(async (c, next) => {
    if (hosts && !hosts.includes(hostName(c.req.header('host') ?? ''))) {
      return c.json({ code: 'invalid_argument', message: 'unknown Host' }, 421);
    }
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
    await next();
  });

  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) => c.json({ code: 'message_too_large', message: `over ${MAX_BODY_BYTES} bytes` }, 413),
    }),
  );
  const { grant, ticket } = backend;
  if (grant) app.use(localPages);
  app.openapi(routes.health, (c) => c.json({ ok: true }, 200));
  app.openapi(routes.ready, (c) => (backend.ready() ? c.json({ ok: true }, 200) : c.json({ ok: false }, 503)));
  app.openapi(routes.relay, (c) => c.json(backend.info(), 200));
  app.openapi(routes.rooms, (c) => {
    const rooms = backend.rooms();
    return c.json({ count: rooms.length, rooms }, 200);
  });
  app.openapi(routes.room, (c) => {
    const details = backend.room(c.req.valid('param').room);
    return details ? c.json(details, 200) : c.json({ code: 'invalid_argument', message: 'no such room' }, 404);
  });
  app.openapi(routes.candidates, async (c) => {
    c.header('access-control-allow-origin', '*');
    return c.json({ relays: [...(await backend.candidates(c.req.valid('param').room))] }, 200);
  });
  if (grant) app.openapi(routes.grant, async (c) => c.json(await grant(c.req.valid('json')), 200));
  if (ticket) app.openapi(routes.ticket, async (c) => c.json({ ticket: await ticket(c.req.valid('json')) }, 200));
  if (backend.link) addLink(app, backend.link);
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Hayate relay', version: '1', description: 'Health, discovery and rooms of one relay.' },
  });
  const compressed = new CompressedAssets();
  app.notFound(async (c) => {
    if (/^\/v1\/gift(s|-)/.test(c.req.path)) {
      const message = 'gifts are not served here: api.tokenFile, api.host and api.port say where';
      return c.json({ code: 'invalid_argument', message }, 404);
    }
    const asset = c.req.method === 'GET' ? assets?.get(c.req.path) : undefined;
    if (!asset) return c.json({ code: 'invalid_argument', message: 'no such path' }, 404);
    const { body, encoding } = await compressed.get(asset, c.req.header('accept-encoding') ?? '');
    const headers = { 'content-type': asset.type, vary: 'accept-encoding', ...ISOLATED };
    const all = encoding === undefined ? headers : { ...headers, 'content-encoding': encoding };
    return c.body(body as string | Uint8Array<ArrayBuffer>, 200, all);
  });
  return app;
}

function addLink(app: OpenAPIHono, link: LinkControl): void {
  const now = () => ({ profile: link.profile.id, profiles: link.profiles.map(({ id, label }) => ({ id, label })) });
  app.openapi(routes.link, (c) => c.json(now(), 200));
  app.openapi(routes.setLink, (c) => {
    const { profile } = c.req.valid('json');
    if (!link.profiles.some(({ id }) => id === profile)) {
      return c.json({ code: 'invalid_argument', message: `no link profile is called "${profile}"` }, 400);
    }
    link.set(profile);
    return c.json(now(), 200);
  });
}

/** `[::1]:8080` to `::1`. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
