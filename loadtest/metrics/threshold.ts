import { ConfigError } from '../errors.ts';
import { isTrendStat, type MetricType, type Sink } from './sinks.ts';

const EXPRESSION = /^\s*([a-z]+(?:\(\s*[\d.]+\s*\))?)\s*(<=|>=|===|==|!=|<|>)\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*$/;

const FIGURES: Record<MetricType, (name: string) => boolean> = {
  counter: (name) => name === 'count' || name === 'rate',
  gauge: (name) => name === 'value',
  rate: (name) => name === 'rate',
  trend: (name) => name !== 'count' && isTrendStat(name),
};

/** One condition on a metric, as k6 writes it: `p(95)<100`. */
export interface Threshold {
  /** As written. */
  source: string;
  /** `count`, `rate`, `value`, `avg`, `p(95)`, ... */
  figure: string;
  holds(value: number): boolean;
  abortOnFail: boolean;
  /** No abort before so long after the start of the test, ms. */
  delayAbortMs: number;
  /** Of the last look; a threshold on a metric without samples holds. */
  ok: boolean;
}

/** @throws ConfigError for what is no expression */
export function parseThreshold(source: string, abortOnFail = false, delayAbortMs = 0): Threshold {
  const found = EXPRESSION.exec(source);
  if (!found) {
    throw new ConfigError(
      `threshold "${source}" is no expression; write a figure, a comparison and a number: "p(95)<100", "rate>0.99"`,
    );
  }
  const figure = found[1]!.replaceAll(' ', '');
  const limit = Number(found[3]);
  const compare = COMPARE[found[2]!]!;
  return { source, figure, holds: (value) => compare(value, limit), abortOnFail, delayAbortMs, ok: true };
}

/** @throws ConfigError when a metric of this type has no such figure */
export function checkThreshold(threshold: Threshold, metric: string, type: MetricType): void {
  if (FIGURES[type](threshold.figure)) return;
  const named = {
    counter: 'count and rate',
    gauge: 'value',
    rate: 'rate',
    trend: 'avg, min, max, med and p(N) with N from 0 to 100',
  };
  throw new ConfigError(
    `threshold "${threshold.source}" of ${metric}: ${threshold.figure} is no figure of a ${type}, which has ${named[type]}`,
  );
}

/** Looks again; true when it holds. An empty sink holds. */
export function evaluateThreshold(threshold: Threshold, sink: Sink, durationMs: number): boolean {
  threshold.ok = sink.empty || threshold.holds(sink.figure(threshold.figure, durationMs)!);
  return threshold.ok;
}

const COMPARE: Record<string, (value: number, limit: number) => boolean> = {
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
  '>': (value, limit) => value > limit,
  '>=': (value, limit) => value >= limit,
  '==': (value, limit) => value === limit,
  '===': (value, limit) => value === limit,
  '!=': (value, limit) => value !== limit,
};
