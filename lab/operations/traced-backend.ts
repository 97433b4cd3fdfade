import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GiftEvent } from '@hayate/relay/webhook';
import { type SeenSpan, spansOf } from '../../relay/test/spans.ts';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

async function open(handle: (body: string, headers: Record<string, string>, path: string) => number): Promise<Server> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const status = handle(body, request.headers as Record<string, string>, request.url ?? '');
      response.writeHead(status, { 'content-type': 'application/json' }).end(status === 204 ? undefined : '{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const urlOf = (server: Server, path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** `well`; `fails`: 503; `strips`: well, but something on the way takes the header `traceparent` off. */
export type BackendMode = 'well' | 'fails' | 'strips';

/** An app's backend with traces of its own: a span a delivery, on what `traceparent` says, into the relays' file. */
export class TracedBackend {
  mode: BackendMode = 'well';
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(file: string): Promise<TracedBackend> {
    const server = await open((body, headers) => {
      const { mode } = backend;
      if (mode === 'fails') return 503;
      const nowNs = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
      const [, traceId, parentSpanId] = TRACEPARENT.exec(mode === 'strips' ? '' : (headers['traceparent'] ?? '')) ?? [];
      const { data } = JSON.parse(body) as GiftEvent;
      const span = {
        ...{ name: 'app.book_gift', kind: 2, spanId: randomBytes(8).toString('hex') },
        ...{ traceId: traceId ?? randomBytes(16).toString('hex'), parentSpanId: parentSpanId ?? '' },
        ...{ startTimeUnixNano: String(nowNs), endTimeUnixNano: String(nowNs), status: {} },
        attributes: [{ key: 'hayate.key', value: { stringValue: data.key } }],
      };
      const resource = { attributes: [{ key: 'service.instance.id', value: { stringValue: 'backend' } }] };
      appendFileSync(file, `${JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] })}\n`);
      return 204;
    });
    const backend = new TracedBackend(server);
    return backend;
  }

  get url(): string {
    return urlOf(this.#server, '/gifts');
  }

  close(): Promise<void> {
    return close(this.#server);
  }
}

/** What there is of a collector here: it takes OTLP over HTTP and keeps it. */
export class Collector {
  readonly spans: SeenSpan[] = [];
  /** Names of metrics, by relay. */
  readonly metrics = new Map<string, Set<string>>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Collector> {
    const server = await open((body, _headers, path) => {
      if (path === '/v1/traces') collector.spans.push(...spansOf(body));
      else if (path === '/v1/metrics') collector.#keep(body);
      else return 404;
      return 200;
    });
    const collector = new Collector(server);
    return collector;
  }

  get url(): string {
    return urlOf(this.#server, '');
  }

  close(): Promise<void> {
    return close(this.#server);
  }

  #keep(body: string): void {
    const { resourceMetrics } = JSON.parse(body) as {
      resourceMetrics: {
        resource: { attributes: { key: string; value: { stringValue?: string } }[] };
        scopeMetrics: { metrics: { name: string }[] }[];
      }[];
    };
    for (const { resource, scopeMetrics } of resourceMetrics) {
      const relay = resource.attributes.find(({ key }) => key === 'service.instance.id')?.value.stringValue ?? '';
      const names = this.metrics.get(relay) ?? new Set();
      this.metrics.set(relay, names);
      for (const { metrics } of scopeMetrics) for (const { name } of metrics) names.add(name);
    }
  }
}
