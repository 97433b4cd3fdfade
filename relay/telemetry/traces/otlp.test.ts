import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { parseConfig } from '../../config/load.ts';
import type { RelayConfigInput } from '../../config/schema.ts';
import { collectedLog } from '../../test/collected-log.ts';
import { spansIn, spansOf } from '../../test/spans.ts';
import { Counters } from '../counters.ts';
import { Metrics } from '../metrics.ts';
import { idsOf, randomIds, traceparentOf } from './ids.ts';
import { openTelemetry, type Telemetry } from './open.ts';

const dir = mkdtempSync(join(tmpdir(), 'hayate-otlp-'));
afterAll(() => rmSync(dir, { recursive: true }));

interface Request {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

let server: Server;
let requests: Request[];
let reply: number | 'hang';
beforeEach(async () => {
  requests = [];
  reply = 200;
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      requests.push({ path: request.url!, headers: request.headers, body });
      if (reply !== 'hang') response.writeHead(reply, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const endpoint = (path = '') => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

async function opened(telemetry: RelayConfigInput['telemetry']) {
  const [counters, { log, lines }] = [new Counters(), collectedLog()];
  const out: Telemetry = await openTelemetry(parseConfig({ telemetry }), { counters, log });
  return { ...out, counters, lines };
}

const span = (name: string) => ({ name, ids: randomIds(), startMs: 1_700_000_000_000.25, endMs: 1_700_000_000_001.5 });

it('spans reach the collector as OTLP with the headers of the file', async () => {
  const headersFile = join(dir, 'headers');
  writeFileSync(headersFile, 'authorization: Bearer k=1\n\nx-team: live\n');
  const { traces, close, counters } = await opened({ otlp: { endpoint: endpoint('/tenant/'), headersFile } });
  const parent = randomIds();
  traces!.spans.span({ ...span('one'), parent, kind: 'client', attributes: { 'hayate.attempt': 3 }, fault: 'timeout' });
  await close();
  const [{ path, headers, body }] = requests as [Request];
  expect({ path, ...headers }).toMatchObject({
    ...{ path: '/tenant/v1/traces', authorization: 'Bearer k=1', 'x-team': 'live', 'content-type': 'application/json' },
  });
  expect(spansOf(body)).toMatchObject([
    {
      ...{ name: 'one', kind: 3, failed: true, parentSpanId: parent.spanId },
      ...{ start: 1_700_000_000_000_250_000n, end: 1_700_000_000_001_500_000n },
      attributes: { 'hayate.attempt': 3, 'hayate.code': 'timeout' },
    },
  ]);
  expect(Object.fromEntries(counters.get('spans'))).toEqual({ made: 1, sent_otlp: 1 });
});

it('metrics reach the collector, and Prometheus has them still', async () => {
  const { readers, resource, close } = await opened({ otlp: { endpoint: endpoint() }, traces: { otlp: false } });
  const metrics = new Metrics(() => Promise.reject(new Error('no relay')), { readers, resource });
  metrics.recordJoinMs(12);
  const { host, port } = await metrics.listen('127.0.0.1', 0);
  expect(await (await fetch(`http://${host}:${port}/metrics`)).text()).toMatch(/^hayate_join_seconds_count 1$/m);
  await metrics.close();
  await close();
  const [{ path, body }] = requests as [Request];
  expect(path).toBe('/v1/metrics');
  const [{ resource: by, scopeMetrics }] = JSON.parse(body).resourceMetrics;
  expect(by.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'hayate-relay' } });
  const join = scopeMetrics[0].metrics.find(({ name }: { name: string }) => name === 'hayate_join_seconds');
  expect(join.histogram.dataPoints[0]).toMatchObject({ count: 1, sum: 0.012 });
});

it('what a collector refuses is counted as lost and told once, without where it is', async () => {
  reply = 400;
  const { traces, close, counters, lines } = await opened({
    otlp: { endpoint: endpoint('/s3cret'), metricsSeconds: 0 },
  });
  traces!.spans.span(span('one'));
  traces!.spans.span(span('two'));
  await close();
  expect(Object.fromEntries(counters.get('spans'))).toEqual({ made: 2, lost_otlp: 2 });
  expect(lines).toMatchObject([{ level: 40, to: 'otlp', why: '400' }]);
  expect(JSON.stringify(lines)).not.toContain('s3cret');
});

it('a collector that hangs does not keep a relay from ending', async () => {
  reply = 'hang';
  const { traces, close } = await opened({ otlp: { endpoint: endpoint(), metricsSeconds: 0 } });
  traces!.spans.span(span('one'));
  const ended = close();
  await expect.poll(() => requests.length).toBe(1);
  await ended;
});

it('a file takes a line a span, for its owner alone, and goes on where it ended', async () => {
  const file = join(dir, 'spans.jsonl');
  for (const name of ['one', 'two']) {
    const { traces, close, counters } = await opened({ traces: { file } });
    traces!.spans.span(span(name));
    traces!.spans.span(span(name));
    await close();
    expect(Object.fromEntries(counters.get('spans'))).toEqual({ made: 2, sent_file: 2 });
  }
  expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(4);
  expect(spansIn(file).map(({ name }) => name)).toEqual(['one', 'one', 'two', 'two']);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('refuses headers that are none, without a word of theirs, and a file that cannot be made', async () => {
  const headersFile = join(dir, 'wrong');
  writeFileSync(headersFile, 'a: b\nBearer s3cret\n');
  await expect(opened({ otlp: { endpoint: endpoint(), headersFile } })).rejects.toThrow(
    `${headersFile}: line 2 is not`,
  );
  await expect(opened({ otlp: { endpoint: endpoint(), headersFile } })).rejects.not.toThrow('s3cret');
  const file = join(dir, 'none', 'spans');
  await expect(opened({ traces: { file } })).rejects.toMatchObject({ code: 'invalid_argument' });
});

it('by default there is nothing', async () => {
  expect(await opened(undefined)).toMatchObject({ traces: undefined, readers: [] });
});

it('what has a name has one trace wherever it is asked for, and nothing else has it', () => {
  expect(idsOf('gift', 'a', 1)).toEqual(idsOf('gift', 'a', 1));
  const others = [idsOf('gift', 'a1'), idsOf('gift', 'a', '1'), idsOf('gift', 'a', 1, '')];
  for (const { traceId } of others) expect(traceId).not.toBe(idsOf('gift', 'a', 1).traceId);
  expect(traceparentOf(randomIds())).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});
