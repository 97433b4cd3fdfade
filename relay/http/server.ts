import { createServer, type RequestListener, type Server } from 'node:http';

/** What one client of an HTTP server may take of it. Times in ms. */
export interface HttpLimits {
  /** From the connection to the end of the first headers, and from the start of a later request to the end of its own. */
  headersMs: number;
  /** To the end of its body. */
  requestMs: number;
  /** Between two requests of a connection. */
  keepAliveMs: number;
  /** Nothing said or taken either way: also who does not read the answer. */
  idleMs: number;
  /** How often the first two are looked at. */
  checkMs: number;
  connections: number;
}

const HTTP_LIMITS: HttpLimits = {
  headersMs: 5000,
  requestMs: 10_000,
  keepAliveMs: 5000,
  idleMs: 30_000,
  checkMs: 1000,
  connections: 1024,
};

/** Node's own limits let a client that says a byte now and then hold a connection for minutes, and as many as it likes. */
export function httpServer(listener: RequestListener, limits: HttpLimits = HTTP_LIMITS): Server {
  const { headersMs, requestMs, keepAliveMs, idleMs, checkMs, connections } = limits;
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: checkMs,
    },
    listener,
  );
  server.timeout = idleMs;
  server.maxConnections = connections;
  return server;
}
