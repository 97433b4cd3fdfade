import { HayateError } from '@hayate/codec/errors';
import { GRANTED_ROLES, mintToken, type ServiceTokenCheck, type TokenVerifier } from '@hayate/relay';
import { fullness, type KnownRelay } from '@hayate/relay/directory';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { z } from 'zod';
import type { Fleet, Placed } from '../run/fleet.ts';

const MAX_BODY_BYTES = 8192;
const PREFLIGHT_SECONDS = 7200;
const name = z.string().min(1).max(128);

const roomBody = z.strictObject({
  room: name,
  /** Of the liver; without: anywhere. */
  region: name.optional(),
  /** Expected at the room's best time. */
  viewers: z.int().min(0).max(1_000_000).optional(),
  /** For tokens. */
  liver: name.optional(),
  ttlSeconds: z.int().min(1).max(86_400).default(3600),
});

const relaysQuery = z.object({
  /** Of who asks; without: the room's. */
  region: name.optional(),
  /** URL of the relay that is gone for who asks. */
  left: z.string().max(512).optional(),
});

const shiftBody = z.strictObject({
  from: name,
  to: name,
  percent: z.number().min(0).max(100),
  region: name.optional(),
  dryRun: z.boolean().default(false),
});

const releaseBody = z.strictObject({
  /** Relay id, or label. */
  machine: name,
  gifts: z.enum(['recovered', 'abandoned']),
  /** For the log. */
  by: name,
});

/** What Prometheus takes from `http_sd_configs`. */
export interface Target {
  targets: string[];
  labels: { relay: string; region: string };
}

export interface FleetAppOptions {
  fleet: Pick<Fleet, 'place' | 'replace' | 'shift' | 'release' | 'status'>;
  /** Metrics of the relays that the directory has; undefined: it is not known yet who lives. */
  targets(): Target[] | undefined;
  /** The fleet's own page for Prometheus. */
  metrics(): string;
  isService: ServiceTokenCheck;
  /** Of rooms; undefined: clients ask the app's backend, which asks here. */
  verifier?: Pick<TokenVerifier, 'verify'> | undefined;
  /** Signs tokens; undefined: none are given. */
  key?: Uint8Array | undefined;
  nowMs(): number;
}

/**
 * `POST /v1/rooms {room, region?, viewers?, liver?, ttlSeconds?}` answers `{room, relays, tokens?}`, `relays` as `GET
 * /v1/rooms/ROOM/relays` of a relay, the one to take first; 503 `overloaded` where no relay has room. `tokens` are the liver's (with
 * `liver`). `POST /v1/shift {from, to, percent, region?, dryRun?}` moves relays between providers and answers `{dryRun, regions}`, by
 * region the shares before and after and how many relays are to move. `POST /v1/release {machine, gifts, by}` gives up a lost machine
 * and answers `{label}`. `GET /v1/fleet` is what `hayate fleet status` shows. All want the service token; `GET /v1/targets`, where the relays' metrics are,
 * wants none: Prometheus is to need no secret for what every client may know. Nor does `GET /metrics`, which names regions and providers.
 * `GET /v1/rooms/ROOM/relays?region=&left=` answers clients `{relays}`, by the service token or one of the room; pages of any
 * origin may ask. Errors are `{code, message, retryable}`.
 */
export function fleetApp({ fleet, targets, metrics, isService, verifier, key, nowMs }: FleetAppOptions): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    c.header('cache-control', 'no-store');
    await next();
  });
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.get('/v1/targets', (c) => {
    const known = targets();
    // Prometheus keeps what it had.
    if (!known) return c.json({ code: 'unavailable', message: 'not known yet', retryable: true }, 503);
    return c.json(known);
  });
  app.get('/metrics', (c) => c.text(metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }));
  const refuse = (c: Context, message: string) => {
    c.header('www-authenticate', 'Bearer');
    return c.json({ code: 'token_invalid', message, retryable: false }, 401);
  };
  // Before the rule of the service token.
  app.use('/v1/rooms/:room/relays', cors({ origin: '*', allowMethods: ['GET'], maxAge: PREFLIGHT_SECONDS }));
  app.get('/v1/rooms/:room/relays', async (c) => {
    const header = c.req.header('authorization');
    const room = name.parse(c.req.param('room'));
    if (!isService(header)) {
      const token = /^Bearer (.+)$/.exec(header ?? '')?.[1] ?? '';
      const claims = await verifier?.verify(token, nowMs()).catch(() => undefined);
      if (claims?.room !== room) return refuse(c, 'this wants a token of the room, or the service token');
    }
    const { region, left } = relaysQuery.parse(c.req.query());
    const placed = await fleet.replace({ room, region, left });
    return c.json({ relays: namedOf(placed) });
  });
  app.use('/v1/*', async (c, next) => {
    if (isService(c.req.header('authorization'))) return next();
    return refuse(c, 'this wants the service token');
  });
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }));
  app.post('/v1/rooms', async (c) => {
    const { room, region, viewers, liver, ttlSeconds } = roomBody.parse(await c.req.json());
    const placed = await fleet.place({ room, region, viewers });
    const claims = { room, sub: liver ?? '', ttlSeconds, nowMs: nowMs(), roles: GRANTED_ROLES.liver };
    const tokens = key && liver !== undefined ? { tokens: { liver: await mintToken(key, claims) } } : {};
    return c.json({ room, relays: namedOf(placed), ...tokens });
  });
  app.post('/v1/shift', async (c) => c.json(await fleet.shift(shiftBody.parse(await c.req.json()))));
  app.post('/v1/release', async (c) => c.json(await fleet.release(releaseBody.parse(await c.req.json()))));
  app.get('/v1/fleet', (c) => c.json(fleet.status()));
  app.onError((error, c) => {
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      const message = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
      return c.json({ code: 'invalid_argument', message, retryable: false }, 400);
    }
    if (error instanceof HayateError) {
      const { code, message, retryable } = error;
      if (retryable) c.header('retry-after', '5');
      const wrong = code === 'invalid_argument' ? 400 : 500;
      return c.json({ code, message, retryable }, retryable ? 503 : wrong);
    }
    return c.json({ code: 'internal', message: 'a fault of the fleet', retryable: false }, 500);
  });
  app.notFound((c) => c.json({ code: 'invalid_argument', message: 'no such path', retryable: false }, 404));
  return app;
}

/** The one that was chosen is marked: clients take it before others that are as near, whatever their load. */
const namedOf = ({ placement, relays }: Placed) =>
  relays.map((relay) => ({ ...candidateOf(relay), ...(relay.id === placement?.relay && { placed: true }) }));

const candidateOf = ({ id, region, url, certificateHashes, load, loadFresh }: KnownRelay) => ({
  ...{ id, region, url, certificateHashes },
  ...(loadFresh && { load: fullness(load) }),
});
