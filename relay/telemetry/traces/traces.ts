import {
  type Attributes,
  type HrTime,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import { type IdGenerator, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Counters } from '../counters.ts';
import { wallMs } from './clock.ts';
import { randomIds, type SpanIds } from './ids.ts';

const KINDS = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT };

/** A span that has ended. */
export interface SpanData {
  name: string;
  ids: SpanIds;
  /** Undefined: the first of its trace. */
  parent?: SpanIds | undefined;
  /** A span of another trace that has to do with it. */
  link?: SpanIds | undefined;
  /** `server` and `client`: the other half of the call is in another process. */
  kind?: keyof typeof KINDS;
  /** ms since 1970, with fractions, by `wallMs`. */
  startMs: number;
  /** Default: now. */
  endMs?: number;
  attributes?: Attributes;
  /** The code of what went wrong. */
  fault?: string | undefined;
}

/** Takes spans. Undefined in the places that have one: nobody wants any, and nothing is done for them. */
export interface Traces {
  span(data: SpanData): void;
}

/** Gives out ids that are known before the span is made. */
class GivenIds implements IdGenerator {
  next: SpanIds = randomIds();
  generateTraceId = (): string => this.next.traceId;
  generateSpanId = (): string => this.next.spanId;
}

/**
 * Spans by OpenTelemetry's SDK, whole when they are made. Contexts are passed by hand: a context manager (AsyncLocalStorage)
 * costs every promise of the process something.
 */
export class SdkTraces implements Traces {
  readonly #ids = new GivenIds();
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #counters: Counters;

  constructor(resource: Resource, spanProcessors: SpanProcessor[], counters: Counters) {
    this.#provider = new TracerProvider({ resource, spanProcessors, idGenerator: this.#ids });
    this.#tracer = this.#provider.getTracer('hayate');
    this.#counters = counters;
  }

  span({ name, ids, parent, link, kind = 'internal', startMs, endMs, attributes = {}, fault }: SpanData): void {
    this.#ids.next = ids;
    const options = {
      ...{ kind: KINDS[kind], startTime: hrTime(startMs), attributes },
      links: link ? [{ context: contextOf(link) }] : [],
    };
    const within = parent ? trace.setSpanContext(ROOT_CONTEXT, contextOf(parent)) : ROOT_CONTEXT;
    const span = this.#tracer.startSpan(name, options, within);
    if (fault !== undefined) span.setAttribute('hayate.code', fault).setStatus({ code: SpanStatusCode.ERROR });
    this.#counters.add('spans', 'made');
    span.end(hrTime(Math.max(startMs, endMs ?? wallMs())));
  }

  /** Sends what waits, for as long as an export may take. */
  close(): Promise<void> {
    return this.#provider.shutdown();
  }
}

function contextOf(ids: SpanIds): SpanContext {
  return { ...ids, traceFlags: TraceFlags.SAMPLED, isRemote: true };
}

/** The SDK takes small numbers for moments of `performance.now`; this form has one meaning. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
