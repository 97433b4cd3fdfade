import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { HayateError } from '@hayate/codec/errors';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Logger } from 'pino';
import { z } from 'zod';
import { keyHashOf } from './authority.ts';
import { type EnrolmentDesk, EnrolmentRefused, MACHINE_ID } from './desk.ts';
import { FailureLimit } from './failure-limit.ts';

/** What machines expect in the control node's certificate, whatever its address is. */
export const CONTROL_NAME = 'control.hayate';

const MAX_BODY_BYTES = 8192;
const MAX_CONNECTIONS = 256;
const REQUEST_MS = 10_000;
const TIMES = {
  ...{ handshakeTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
  connectionsCheckingInterval: 1000,
};

const csr = z.string().max(4096);
const enrolBody = z.strictObject({ id: z.string().regex(MACHINE_ID), token: z.string().min(1).max(128), csr });
const renewBody = z.strictObject({ csr });

export interface EnrolServerOptions {
  host: string;
  port: number;
  desk: EnrolmentDesk;
  /** PEM: the server's own certificate, and the authority whose clients it knows. */
  identity: { cert: string; key: string };
  ca: string;
  nowMs(): number;
  log: Logger;
}

export interface EnrolServer {
  port: number;
  /** Answers by outcome: `enrolled`, `renewed`, `refused_REASON`, `invalid`, `too_many`, `failed`. */
  readonly counts: Readonly<Record<string, number>>;
  close(): Promise<void>;
}

type Env = { Bindings: { incoming: { socket: TLSSocket } } };

/**
 * `POST /v1/enrol {id, token, csr}` and, with the certificate of a machine, `POST /v1/renew {csr}`; both answer `{files}`. 403
 * `enrolment_refused`, 400 `invalid_argument`, 401 without a certificate, 429 with `retry-after` after many failures of one address.
 */
export async function serveEnrolment(options: EnrolServerOptions): Promise<EnrolServer> {
  const { host, port, identity, ca } = options;
  const counts: Record<string, number> = {};
  const app = enrolApp(options, counts);
  const server = createServer(
    // Who comes for the first time has no certificate yet.
    { ...identity, ca, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3', ...TIMES },
    getRequestListener(app.fetch),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => resolve());
  }).catch((cause: unknown) => {
    throw new HayateError('bind_failed', `control: ${(cause as Error).message}`, { cause });
  });
  return { port: (server.address() as AddressInfo).port, counts, close: () => closed(server) };
}

const closed = (server: Server) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

function enrolApp({ desk, log, nowMs }: EnrolServerOptions, counts: Record<string, number>): Hono<Env> {
  const app = new Hono<Env>();
  const failures = new FailureLimit(nowMs);
  const count = (outcome: string) => {
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  };
  app.use(async (c, next) => {
    c.header('cache-control', 'no-store');
    const waitMs = failures.waitMs(addressOf(c));
    if (waitMs > 0) {
      count('too_many');
      c.header('retry-after', String(Math.ceil(waitMs / 1000)));
      return c.json({ code: 'rate_limited', message: 'too many refused requests from this address' }, 429);
    }
    return next();
  });
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }));
  app.post('/v1/enrol', async (c) => {
    const asked = enrolBody.parse(await c.req.json());
    const files = await desk.enrol(asked, addressOf(c));
    count('enrolled');
    log.info({ id: asked.id, address: addressOf(c) }, 'a machine enrolled');
    return c.json({ files });
  });
  app.post('/v1/renew', async (c) => {
    const { socket } = c.env.incoming;
    if (!socket.authorized) {
      failures.failed(addressOf(c));
      return c.json({ code: 'unauthorized', message: 'show the certificate that enrolment gave' }, 401);
    }
    const { subject, raw } = socket.getPeerCertificate();
    const { csr } = renewBody.parse(await c.req.json());
    // A name that appears twice is an array, and nothing that the authority issued.
    const name = typeof subject.CN === 'string' ? subject.CN : '';
    const files = await desk.renew({ name, keyHash: keyHashOf(new Uint8Array(raw)) }, csr);
    count('renewed');
    return c.json({ files });
  });
  app.onError((error, c) => {
    const address = addressOf(c);
    if (error instanceof EnrolmentRefused) {
      count(`refused_${error.reason}`);
      failures.failed(address);
      log.warn({ address, reason: error.reason }, 'enrolment refused');
      return c.json({ code: error.code, message: error.message, reason: error.reason }, 403);
    }
    if (error instanceof z.ZodError || error instanceof SyntaxError || isInvalid(error)) {
      count('invalid');
      failures.failed(address);
      const message = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
      return c.json({ code: 'invalid_argument', message }, 400);
    }
    count('failed');
    log.error({ err: error, address }, 'enrolment failed');
    return c.json({ code: 'unavailable', message: 'try again' }, 503);
  });
  return app;
}

const isInvalid = (error: unknown) => error instanceof HayateError && error.code === 'invalid_argument';

/** Without the prefix that an IPv4 address has on a socket for both. */
function addressOf(c: Context<Env>): string {
  return (c.env.incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}
