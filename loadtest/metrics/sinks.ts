import { Histogram } from './histogram.ts';

/** `default`: a number; `time`: ms; `data`: bytes. */
export type Contains = 'default' | 'time' | 'data';
export type MetricType = 'counter' | 'gauge' | 'rate' | 'trend';

/** Sums or counts of one metric. `values` names them as k6 does. */
export interface Sink {
  readonly empty: boolean;
  add(value: number): void;
  /** @param durationMs of the test, for rates a second */
  values(durationMs: number, trendStats: readonly string[]): Record<string, number>;
  /** One figure by its name in a threshold; undefined when this type has none such. */
  figure(name: string, durationMs: number): number | undefined;
}

class CounterSink implements Sink {
  #count = 0;
  empty = true;

  add(value: number): void {
    this.empty = false;
    this.#count += value;
  }

  values(durationMs: number): Record<string, number> {
    return { count: this.#count, rate: this.#rate(durationMs) };
  }

  figure(name: string, durationMs: number): number | undefined {
    if (name === 'count') return this.#count;
    return name === 'rate' ? this.#rate(durationMs) : undefined;
  }

  #rate(durationMs: number): number {
    return durationMs > 0 ? (this.#count * 1000) / durationMs : 0;
  }
}

class GaugeSink implements Sink {
  #value = 0;
  #min = 0;
  #max = 0;
  empty = true;

  add(value: number): void {
    this.#min = this.empty ? value : Math.min(this.#min, value);
    this.#max = this.empty ? value : Math.max(this.#max, value);
    this.#value = value;
    this.empty = false;
  }

  values(): Record<string, number> {
    return { value: this.#value, min: this.#min, max: this.#max };
  }

  figure(name: string): number | undefined {
    return name === 'value' ? this.#value : undefined;
  }
}

class RateSink implements Sink {
  #passes = 0;
  #total = 0;

  get empty(): boolean {
    return this.#total === 0;
  }

  /** Any value but 0 is a hit. */
  add(value: number): void {
    this.#total += 1;
    if (value !== 0) this.#passes += 1;
  }

  values(): Record<string, number> {
    return { rate: this.#rate(), passes: this.#passes, fails: this.#total - this.#passes };
  }

  figure(name: string): number | undefined {
    return name === 'rate' ? this.#rate() : undefined;
  }

  #rate(): number {
    return this.#total === 0 ? 0 : this.#passes / this.#total;
  }
}

class TrendSink implements Sink {
  readonly histogram = new Histogram();

  get empty(): boolean {
    return this.histogram.count === 0;
  }

  add(value: number): void {
    this.histogram.add(value);
  }

  values(_durationMs: number, trendStats: readonly string[]): Record<string, number> {
    return Object.fromEntries(trendStats.map((stat) => [stat, this.figure(stat) ?? 0]));
  }

  figure(name: string): number | undefined {
    const { histogram } = this;
    switch (name) {
      case 'avg':
        return histogram.mean;
      case 'min':
        return histogram.min;
      case 'max':
        return histogram.max;
      case 'med':
        return histogram.quantile(0.5);
      case 'count':
        return histogram.count;
      default: {
        const percent = percentileOf(name);
        return percent === undefined ? undefined : histogram.quantile(percent / 100);
      }
    }
  }
}

/** 99.9 of `p(99.9)`; undefined for what is no percentile from 0 to 100. */
export function percentileOf(name: string): number | undefined {
  const found = /^p\((\d+(?:\.\d+)?)\)$/.exec(name);
  const percent = found ? Number(found[1]) : Number.NaN;
  return percent >= 0 && percent <= 100 ? percent : undefined;
}

/** Whether `name` can be asked of a trend: avg, min, med, max, count or p(N). */
export function isTrendStat(name: string): boolean {
  return ['avg', 'min', 'med', 'max', 'count'].includes(name) || percentileOf(name) !== undefined;
}

export function createSink(type: MetricType): Sink {
  switch (type) {
    case 'counter':
      return new CounterSink();
    case 'gauge':
      return new GaugeSink();
    case 'rate':
      return new RateSink();
    case 'trend':
      return new TrendSink();
  }
}
