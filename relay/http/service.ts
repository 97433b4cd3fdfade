import { HayateError } from '@hayate/codec/errors';
import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { RateLimit } from '../reliable/rate.ts';
import { addClusterRoutes, type ClusterApi } from './cluster.ts';
import { addCommunityRoutes } from './community.ts';
import { addGiftRoutes, type GiftsApi } from './gifts.ts';
import { addRoomRoutes, type RoomsApi } from './rooms.ts';
import type { ServiceTokenCheck } from './service-token.ts';

const MAX_BODY_BYTES = 65_536;
/** Wrong tokens have a bucket of their own, so that who has none cannot use up the backend's. */
const WRONG_PER_SECOND = 10;
const WRONG_BURST = 50;

export interface ServiceAppOptions {
  isService: ServiceTokenCheck;
  /** Undefined where no gifts are taken; the routes are then absent. */
  gifts?: GiftsApi | undefined;
  /** Undefined for a ledger alone. */
  rooms?: RoomsApi | undefined;
  /** Undefined where a relay is alone; the routes are then absent. */
  cluster?: ClusterApi | undefined;
  /** Requests a second with the service token. */
  perSecond: number;
  burst: number;
  /** Monotonic, ms. */
  nowMs?: () => number;
}

export const SERVICE_DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'Hayate service API', version: '1', description: "One relay, for the app's backend." },
};

const STATUS: Record<string, 400 | 404 | 409> = {
  invalid_argument: 400,
  gift_unknown: 404,
  gift_conflict: 409,
  gift_amended: 409,
  no_such_room: 404,
  no_such_member: 404,
  no_such_comment: 404,
};

/**
 * The API of the app's backend, on an address of its own. Every route but health and documentation wants the service token.
 * Errors are `{code, message, retryable}` of docs/protocol.md section 6.
 */
export function serviceApp(options: ServiceAppOptions): OpenAPIHono {
  const { isService, gifts, rooms, cluster, perSecond, burst, nowMs = () => performance.now() } = options;
  const app = new OpenAPIHono({
    defaultHook: (result, c) => {
      if (result.success) return;
      const message = result.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; ');
      return c.json({ code: 'invalid_argument', message, retryable: false }, 400);
    },
  });
  app.onError((error, c) => {
    if (error instanceof HayateError) {
      const { code, message, retryable } = error;
      if (retryable) c.header('retry-after', '1');
      return c.json({ code, message, retryable }, STATUS[code] ?? (retryable ? 503 : 500));
    }
    const status = 'status' in error && typeof error.status === 'number' ? error.status : 500;
    const code = status < 500 ? 'invalid_argument' : 'internal';
    const message = status < 500 ? error.message : 'a fault of the relay';
    return c.json({ code, message, retryable: false }, status as 400 | 500);
  });
  app.use(async (c, next) => {
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
    await next();
  });
  const right = new RateLimit(perSecond, burst, nowMs());
  const wrong = new RateLimit(WRONG_PER_SECOND, WRONG_BURST, nowMs());
  app.use('/v1/*', async (c, next) => {
    const authorization = c.req.header('authorization');
    const known = isService(authorization);
    if (!(known ? right : wrong).take(nowMs())) {
      c.header('retry-after', '1');
      return c.json({ code: 'rate_limited', message: 'too many requests', retryable: true }, 429);
    }
    if (known) return next();
    c.header('www-authenticate', 'Bearer');
    const code = authorization === undefined ? 'token_missing' : 'token_invalid';
    return c.json({ code, message: 'this wants the service token', retryable: false }, 401);
  });
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) =>
        c.json({ code: 'message_too_large', message: `over ${MAX_BODY_BYTES} bytes`, retryable: false }, 413),
    }),
  );
  if (rooms) {
    addRoomRoutes(app, rooms);
    addCommunityRoutes(app, rooms.community);
  }
  if (cluster) addClusterRoutes(app, cluster);
  if (gifts) addGiftRoutes(app, gifts);
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.openAPIRegistry.registerComponent('securitySchemes', 'service', { type: 'http', scheme: 'bearer' });
  app.doc31('/openapi.json', SERVICE_DOCUMENT);
  app.notFound((c) => c.json({ code: 'invalid_argument', message: 'no such path', retryable: false }, 404));
  return app;
}
