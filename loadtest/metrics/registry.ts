import { ConfigError } from '../errors.ts';
import { type Contains, createSink, type MetricType, type Sink } from './sinks.ts';
import { checkThreshold, type Threshold } from './threshold.ts';

export type Tags = Readonly<Record<string, string>>;

/** A sample as an output sees it. */
export interface Point {
  metric: Metric;
  /** ms since 1970. */
  timeMs: number;
  value: number;
  tags: Tags;
}

/** Called with each sample; nobody pays for it while there is no output. */
export type Output = (point: Point) => void;

/** The part of a metric whose samples carry certain tags; made by a threshold or an option. */
interface SubMetric {
  /** As written: `motion_lag{scenario:peak}`. */
  name: string;
  tags: Tags;
  sink: Sink;
  thresholds: Threshold[];
}

export interface Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly contains: Contains;
  readonly sink: Sink;
  readonly thresholds: Threshold[];
  readonly submetrics: SubMetric[];
}

/** Samples of one metric with the same tags: found once, added to often. */
export interface Series {
  add(value: number): void;
}

/** Where else samples of a metric with these tags go. */
export type Split = (metric: Metric, tags: Tags) => readonly Series[];

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/;

/** All metrics of one test. */
export class Registry {
  readonly #metrics = new Map<string, Metric>();
  readonly #nowMs: () => number;
  #outputs: Output[] = [];
  readonly #splits: Split[] = [];
  /** Asked for before the metric was made: by name of the metric. */
  readonly #wanted = new Map<string, { submetric: string; tags: Tags | undefined; thresholds: Threshold[] }[]>();

  /** @param nowMs since 1970, for outputs */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Metrics in the order they were made. */
  all(): Metric[] {
    return [...this.#metrics.values()];
  }

  get(name: string): Metric | undefined {
    return this.#metrics.get(name);
  }

  onSample(output: Output): void {
    this.#outputs = [...this.#outputs, output];
  }

  /** Samples go there too, of series that are made from now on. */
  split(split: Split): void {
    this.#splits.push(split);
  }

  /** The metric of this name; the same one when asked again. Throws ConfigError for another type or a wrong name. */
  create(name: string, type: MetricType, contains: Contains = 'default'): Metric {
    const known = this.#metrics.get(name);
    if (known) {
      if (known.type !== type || known.contains !== contains) {
        throw new ConfigError(`the metric ${name} is there already, as a ${known.type} of ${known.contains} values`);
      }
      return known;
    }
    if (!NAME.test(name)) {
      throw new ConfigError(`"${name}" is no name of a metric: letters, digits and _, at most 128, no digit first`);
    }
    const metric: Metric = { name, type, contains, sink: createSink(type), thresholds: [], submetrics: [] };
    this.#metrics.set(name, metric);
    for (const wanted of this.#wanted.get(name) ?? []) this.#attach(metric, wanted);
    this.#wanted.delete(name);
    return metric;
  }

  /**
   * Puts thresholds (or none, to have the figures) on `name` or `name{tag:value}`, now or once the metric is made.
   * @throws ConfigError
   */
  watch(name: string, thresholds: Threshold[]): void {
    const { metric: base, tags } = parseSubMetric(name);
    const wanted = { submetric: name, tags, thresholds };
    const metric = this.#metrics.get(base);
    if (metric) this.#attach(metric, wanted);
    else this.#wanted.set(base, [...(this.#wanted.get(base) ?? []), wanted]);
  }

  /** Names that `watch` was given and nobody has made. */
  unknown(): string[] {
    return [...this.#wanted.values()].flat().map(({ submetric }) => submetric);
  }

  /** Where samples with these tags go. Keep it: finding it costs, adding does not. */
  series(metric: Metric, tags: Tags): Series {
    const sinks: Series[] = [metric.sink];
    for (const { sink, tags: wanted } of metric.submetrics) if (matches(tags, wanted)) sinks.push(sink);
    for (const split of this.#splits) sinks.push(...split(metric, tags));
    return {
      add: (value) => {
        for (const sink of sinks) sink.add(value);
        if (this.#outputs.length > 0) this.#tell({ metric, timeMs: this.#nowMs(), value, tags });
      },
    };
  }

  #tell(point: Point): void {
    for (const output of this.#outputs) output(point);
  }

  #attach(metric: Metric, wanted: { submetric: string; tags: Tags | undefined; thresholds: Threshold[] }): void {
    const { submetric, tags, thresholds } = wanted;
    for (const threshold of thresholds) checkThreshold(threshold, submetric, metric.type);
    if (!tags) {
      metric.thresholds.push(...thresholds);
      return;
    }
    metric.submetrics.push({ name: submetric, tags, sink: createSink(metric.type), thresholds });
  }
}

function matches(tags: Tags, wanted: Tags): boolean {
  for (const [key, value] of Object.entries(wanted)) if (tags[key] !== value) return false;
  return true;
}

/** `name{a:b,c:"d"}` in its parts. Throws ConfigError. */
export function parseSubMetric(text: string): { metric: string; tags: Tags | undefined } {
  const found = /^([^{}]+?)\s*(?:\{(.*)\})?$/s.exec(text);
  if (!found) throw new ConfigError(`"${text}" names no metric; write metric or metric{tag:value}`);
  const inner = found[2];
  if (inner === undefined) return { metric: found[1]!, tags: undefined };
  const tags: Record<string, string> = {};
  for (const part of inner.split(',')) {
    if (part.trim() === '') continue;
    const colon = part.indexOf(':');
    if (colon < 1) throw new ConfigError(`"${part.trim()}" in "${text}" is no tag; write tag:value`);
    tags[unquoted(part.slice(0, colon))] = unquoted(part.slice(colon + 1));
  }
  return { metric: found[1]!, tags };
}

function unquoted(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/s, '$2');
}
