import { readFile } from 'node:fs/promises';
import { HayateError } from '@hayate/codec/errors';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { type MetricReader, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { RelayConfig } from '../../config/schema.ts';
import type { Counters } from '../counters.ts';
import { SpanFile } from './file.ts';
import { watched } from './watched.ts';

const TIMEOUT_MS = 5000;
/** Spans wait so long for others: a request costs more than they do. */
const BATCH_MS = 5000;
const HEADERS_MS = 60_000;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * Headers of a file, `name: value` a line.
 * @throws HayateError `invalid_argument`, without the file's content
 */
async function readHeaders(file: string): Promise<Record<string, string>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new HayateError('invalid_argument', `cannot read the headers ${file}`, { cause });
  });
  const headers: Record<string, string> = {};
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const [, name, value] = HEADER.exec(line.trim()) ?? [];
    if (name === undefined) throw new HayateError('invalid_argument', `${file}: line ${at + 1} is not "name: value"`);
    headers[name] = value!;
  }
  return headers;
}

/** What gives the headers of a request; a file that cannot be read any more leaves the ones before. */
async function headersOf(file: string | undefined, log: Logger): Promise<() => Promise<Record<string, string>>> {
  if (file === undefined) return async () => ({});
  let headers = await readHeaders(file);
  let readMs = performance.now();
  return async () => {
    if (performance.now() - readMs < HEADERS_MS) return headers;
    readMs = performance.now();
    try {
      headers = await readHeaders(file);
    } catch (error) {
      log.error({ err: error }, "the collector's headers cannot be read; the last ones stay");
    }
    return headers;
  };
}

export interface Exporters {
  processors: SpanProcessor[];
  readers: MetricReader[];
}

/** What the configuration asks for. @throws HayateError `invalid_argument`: the headers or the file cannot be opened */
export async function openExporters(
  { otlp, traces }: RelayConfig['telemetry'],
  { counters, log }: { counters: Counters; log: Logger },
): Promise<Exporters> {
  const out: Exporters = { processors: [], readers: [] };
  const count = (to: string) => (spans: ReadableSpan[], sent: boolean) =>
    counters.add('spans', `${sent ? 'sent' : 'lost'}_${to}`, spans.length);
  if (otlp.endpoint !== undefined) {
    const headers = await headersOf(otlp.headersFile, log);
    const at = (signal: string) => ({ url: signalUrl(otlp.endpoint!, signal), headers, timeoutMillis: TIMEOUT_MS });
    if (traces.otlp) {
      const exporter = watched(new OTLPTraceExporter(at('traces')), { what: 'spans', to: 'otlp', log }, count('otlp'));
      out.processors.push(
        new BatchSpanProcessor({ exporter, scheduledDelayMillis: BATCH_MS, exportTimeoutMillis: 2 * TIMEOUT_MS }),
      );
    }
    if (otlp.metricsSeconds > 0) {
      const exporter = watched(new OTLPMetricExporter(at('metrics')), { what: 'metrics', to: 'otlp', log });
      out.readers.push(
        new PeriodicExportingMetricReader({
          ...{ exporter, exportIntervalMillis: otlp.metricsSeconds * 1000 },
          exportTimeoutMillis: Math.min(2 * TIMEOUT_MS, otlp.metricsSeconds * 1000),
        }),
      );
    }
  }
  if (traces.file !== undefined) {
    const file = await SpanFile.open(traces.file).catch((cause: Error) => {
      throw new HayateError('invalid_argument', `telemetry.traces.file: ${cause.message}`, { cause });
    });
    const exporter = watched(file, { what: 'spans', to: 'file', log }, count('file'));
    out.processors.push(new SimpleSpanProcessor({ exporter }));
  }
  return out;
}

/** A query stays where it is: it may hold a key. */
function signalUrl(endpoint: string, signal: string): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/${signal}`;
  return url.href;
}
