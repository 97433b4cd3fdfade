import type { MiddlewareHandler } from 'hono';

/** Names by which a machine calls itself. */
export const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'];

/**
 * Lets pages of this machine's own servers, whatever their port, call the API of a development relay: where an app is
 * written, its page comes from another server than the relay's. Pages of other origins get no such header.
 */
export const localPages: MiddlewareHandler = async (c, next) => {
  const origin = c.req.header('origin');
  if (origin === undefined || !isLocal(origin)) return next();
  c.header('access-control-allow-origin', origin);
  c.header('vary', 'origin');
  if (c.req.method !== 'OPTIONS') return next();
  c.header('access-control-allow-methods', 'GET, POST');
  c.header('access-control-allow-headers', 'content-type');
  return c.body(null, 204);
};

function isLocal(origin: string): boolean {
  const name = URL.parse(origin)?.hostname.replace(/^\[|\]$/g, '');
  return name !== undefined && LOOPBACK_NAMES.includes(name);
}
