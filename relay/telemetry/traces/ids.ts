import { hash, randomBytes } from 'node:crypto';

/** Names one span: W3C Trace Context. */
export interface SpanIds {
  /** 16 bytes, hex. */
  traceId: string;
  /** 8 bytes, hex. */
  spanId: string;
}

export const randomIds = (traceId = randomBytes(16).toString('hex')): SpanIds => ({
  traceId,
  spanId: randomBytes(8).toString('hex'),
});

/**
 * The trace of a thing that has a name, and the trace's first span. Every process that knows the name knows its trace: no
 * message and no record has to carry it, and what is sent again or delivered years later is in the same trace.
 */
export function idsOf(...name: readonly (string | number)[]): SpanIds {
  const digest = hash('sha256', JSON.stringify(name), 'hex');
  return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48) };
}

/** https://www.w3.org/TR/trace-context/#traceparent-header, sampled. */
export function traceparentOf({ traceId, spanId }: SpanIds): string {
  return `00-${traceId}-${spanId}-01`;
}

/** For a line of the log. */
export function logged(ids: SpanIds | undefined): { trace_id?: string; span_id?: string } {
  return ids ? { trace_id: ids.traceId, span_id: ids.spanId } : {};
}
