import { ok } from 'node:assert/strict';
import { type HttpBackend, httpApp } from '../../../relay/http/app.ts';
import { serviceApp } from '../../../relay/http/service.ts';
import { MemoryLedger } from '../../../relay/ledger/memory.ts';
import type { Run, Target } from '../guided/target.ts';

const LEDGER_INPUTS = 2000;
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'];
const backend: HttpBackend = {
  ready: () => true,
  info: () => ({ url: 'https://localhost:4433', certificateHashes: [], transport: 'engine' }),
  rooms: () => [],
  room: () => undefined,
  candidates: () => [],
  grant: async ({ room }) => ({ ...backend.info(), room, tokens: { liver: '', viewer: '', moderator: '' } }),
  ticket: async ({ currency }) => currency,
  link: undefined,
};

/** Method and flags, then path with query, host and body, each to a line feed; the body has the rest. */
function request(input: Uint8Array, at: string): Request | undefined {
  const [choice = 0] = input;
  const text = Buffer.from(input.subarray(1)).toString('utf8');
  const [path = '', key = '', ...body] = text.split('\n');
  const method = METHODS[choice % METHODS.length]!;
  const headers = new Headers();
  try {
    if (choice & 0x80) headers.set('content-type', 'application/json');
    headers.set('host', choice & 0x40 ? key : '127.0.0.1:8080');
    headers.set('idempotency-key', key);
    headers.set('accept-encoding', key);
    const bodiless = method === 'GET' || method === 'HEAD';
    return new Request(`${at}/${path}`, { method, headers, ...(bodiless ? {} : { body: body.join('\n') }) });
  } catch {
    // No request that a server could get.
    return undefined;
  }
}

function opened(app: { fetch(request: Request): Response | Promise<Response> }): Run {
  return async (input) => {
    const asked = request(input, 'http://127.0.0.1:8080');
    if (asked === undefined) return;
    const answer = await app.fetch(asked);
    const { status } = answer;
    ok(status >= 200 && status < 500, `${asked.method} ${asked.url} gives ${status}`);
    const type = answer.headers.get('content-type') ?? '';
    if (status >= 400 && type.includes('json') && asked.method !== 'HEAD') {
      const refusal = (await answer.json()) as { code?: unknown; message?: unknown };
      ok(typeof refusal.code === 'string' && typeof refusal.message === 'string');
    }
  };
}

function backendRun(): Run {
  const ledger = new MemoryLedger();
  const gifts = { ledger, amend: ledger.amend.bind(ledger), redelivered: () => {}, nowMs: () => 0 };
  return opened(serviceApp({ isService: () => true, gifts, perSecond: 1e9, burst: 1e9, nowMs: () => 0 }));
}

const line = (choice: number, path: string, key = '', body = '') =>
  Uint8Array.of(choice, ...new TextEncoder().encode(`${path}\n${key}\n${body}`));

export const http: Target = {
  name: 'http',
  of: "requests at the relay's public HTTP API, with the routes of development",
  files: [
    'relay/http/app.ts',
    'relay/http/local-pages.ts',
    'relay/http/compressed.ts',
    'relay/http/shapes.ts',
    'relay/http/room-shapes.ts',
  ],
  seeds: () => [
    line(0, 'v1/rooms/demo'),
    line(0, 'v1/rooms/demo/relays', 'gzip, br;q=0.5'),
    line(0, 'healthz'),
    line(0, 'openapi.json'),
    line(0x81, 'v1/rooms', '', '{"room":"demo","sub":"ann","name":"Ann","budgetMs":80,"ttlSeconds":60}'),
    line(0x81, 'v1/gifts/tickets', '', '{"sub":"ann","liver":"ren","item":"rose","amount":100,"currency":"JPY"}'),
    line(1, 'v1/rooms', '', 'a=b'),
  ],
  words: ['v1/', '%00', '%2e%2e/', '?', '{', '}', '"', 'null', '1e999', '\\ud800', '__proto__', 'ttlSeconds', '疾'],
  maxBytes: 500,
  open: () => opened(httpApp({ backend, hosts: ['127.0.0.1'] })),
};

export const service: Target = {
  name: 'service',
  of: "requests of the app's backend about gifts, with its token",
  files: ['relay/http/service.ts', 'relay/http/gifts.ts', 'relay/http/shapes.ts'],
  seeds: () => [
    line(0, 'v1/gifts?consumer=books&limit=10'),
    line(0, 'v1/gifts/cursors/books'),
    line(0x82, 'v1/gifts/cursors/books', '', '{"id":3}'),
    line(0x81, 'v1/gifts/j/void', 'once', '{"reason":"x"}'),
    line(0x81, 'v1/gifts/j/refund', 'once', '{"reason":"x","amount":5}'),
    line(0, 'v1/dead-letters?after=1'),
  ],
  words: [
    'v1/gifts',
    'consumer=',
    'limit=',
    'after=',
    '-1',
    '9007199254740993',
    '%00',
    '{',
    '}',
    '"amount":',
    '"reason":',
    '"id":',
  ],
  maxBytes: 500,
  open: () => {
    let [left, run] = [0, backendRun()];
    return (input) => {
      // The ledger keeps what it is told.
      if (left-- === 0) [left, run] = [LEDGER_INPUTS, backendRun()];
      return run(input);
    };
  },
};
