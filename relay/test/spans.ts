import { readFileSync } from 'node:fs';

type Value = string | number | boolean;

/** A span as a collector gets it. */
export interface SeenSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  /** OTLP's number: 1 internal, 2 server, 3 client. */
  kind: number;
  /** ns since 1970. */
  start: bigint;
  end: bigint;
  attributes: Record<string, Value>;
  /** Trace ids. */
  links: string[];
  failed: boolean;
  /** Of the resource. */
  by: Record<string, Value>;
}

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: number | string; doubleValue?: number; boolValue?: boolean };
}

interface ExportRequest {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: {
      spans: {
        name: string;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        kind: number;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes?: Attribute[];
        links?: { traceId: string }[];
        status: { code?: number };
      }[];
    }[];
  }[];
}

/** Spans of an OTLP request in JSON: a line of a file, or a body. */
export function spansOf(json: string): SeenSpan[] {
  const { resourceSpans } = JSON.parse(json) as ExportRequest;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...{ name: span.name, traceId: span.traceId, spanId: span.spanId, kind: span.kind },
        parentSpanId: span.parentSpanId || undefined,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        attributes: valuesOf(span.attributes),
        links: (span.links ?? []).map(({ traceId }) => traceId),
        failed: span.status.code === 2,
        by: valuesOf(resource.attributes),
      })),
    ),
  );
}

/** Of a file with an OTLP request a line; a line that is not whole yet is left out. */
export function spansIn(file: string): SeenSpan[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.flatMap(spansOf);
}

/**
 * What is wrong with a trace that should be whole: one trace id, one first span, every other one's parent there, none before
 * its parent. Spans of two processes may be off by what their clocks are.
 * @param clocksMs how far
 */
export function traceFaults(spans: readonly SeenSpan[], clocksMs = 2): string[] {
  const faults: string[] = [];
  const traces = new Set(spans.map(({ traceId }) => traceId));
  if (traces.size !== 1) faults.push(`${traces.size} traces`);
  const byId = new Map<string, SeenSpan>();
  for (const span of spans) {
    if (byId.has(span.spanId)) faults.push(`two spans ${span.spanId}`);
    byId.set(span.spanId, span);
  }
  const first = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  if (first.length !== 1) faults.push(`${first.length} first spans`);
  for (const span of spans) {
    if (span.end < span.start) faults.push(`${span.name} ends before it begins`);
    if (span.parentSpanId === undefined) continue;
    const parent = byId.get(span.parentSpanId);
    if (!parent) faults.push(`${span.name} without its parent`);
    else if (span.start + BigInt(clocksMs * 1e6) < parent.start) faults.push(`${span.name} before ${parent.name}`);
  }
  return faults;
}

/** A trace as text: what hangs on what, who made it, when it began after the first and how long it took. */
export function drawTrace(spans: readonly SeenSpan[], notes: (span: SeenSpan) => string = () => ''): string {
  const sorted = [...spans].sort((a, b) => Number(a.start - b.start));
  const zero = sorted[0]?.start ?? 0n;
  const known = new Set(sorted.map(({ spanId }) => spanId));
  const rows: [left: string, by: string, at: string, took: string, note: string][] = [];
  const put = (span: SeenSpan, indent: string, mark: string) => {
    const { name, by, start, end } = span;
    rows.push([
      indent + mark + name,
      String(by['service.instance.id']),
      ms(start - zero),
      ms(end - start),
      notes(span),
    ]);
    const children = sorted.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    const within = indent + (mark === '' ? '' : mark === '└─ ' ? '   ' : '│  ');
    for (const [at, child] of children.entries()) put(child, within, at === children.length - 1 ? '└─ ' : '├─ ');
  };
  for (const span of sorted) if (span.parentSpanId === undefined || !known.has(span.parentSpanId)) put(span, '', '');
  const wide = (at: 0 | 1 | 2 | 3) => Math.max(...rows.map((row) => row[at].length));
  return rows
    .map(([left, by, at, took, note]) =>
      `${left.padEnd(wide(0))}  ${by.padEnd(wide(1))}  ${at.padStart(wide(2))} ms  ${took.padStart(wide(3))} ms  ${note}`.trimEnd(),
    )
    .join('\n');
}

function ms(ns: bigint): string {
  return (Number(ns) / 1e6).toFixed(1);
}

function valuesOf(attributes: Attribute[] = []): Record<string, Value> {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ?? boolValue ?? Number(intValue ?? doubleValue),
    ]),
  );
}
