import { Histogram } from '../metrics/histogram.ts';
import type { Metric, Point, Registry } from '../metrics/registry.ts';
import type { Environment } from '../runner/environment.ts';

const PERIOD_MS = 1000;
/** Then two and two become one, and each stands for twice as long: a soak of days keeps a report of this size. */
const MAX_POINTS = 1800;

/** What one metric was in each period; `undefined` where it had no sample. */
export interface Track {
  metric: string;
  /** `p50`, `p95`, `p99`, `rate` (a second), `value`, `share` */
  figure: string;
  values: (number | undefined)[];
}

interface Interval {
  histogram: Histogram | undefined;
  sum: number;
  hits: number;
  count: number;
  last: number;
}

/** Figures of each second, for the plots of a report: percentiles are those of the samples of that second alone. */
export class Series {
  /** End of each period, ms since the beginning. */
  timesMs: number[] = [];
  #periodMs = PERIOD_MS;
  readonly #environment: Environment;
  readonly #tracks = new Map<string, Track>();
  readonly #open = new Map<Metric, Interval>();
  readonly #beganMs: number;
  #timer: unknown;

  constructor(registry: Registry, environment: Environment) {
    this.#environment = environment;
    this.#beganMs = environment.nowMs();
    registry.onSample((point) => this.#add(point));
    this.#arm();
  }

  tracks(): Track[] {
    return [...this.#tracks.values()];
  }

  /** A value from elsewhere (the relay's own metrics) for the period that is open. */
  note(metric: string, figure: string, value: number): void {
    this.#put(metric, figure, value, this.timesMs.length);
  }

  close(): void {
    this.#environment.clearTimer(this.#timer);
    this.#end();
  }

  #arm(): void {
    this.#timer = this.#environment.setTimer(() => {
      this.#end();
      this.#arm();
    }, this.#periodMs);
  }

  #add({ metric, value }: Point): void {
    let interval = this.#open.get(metric);
    if (!interval) {
      const histogram = metric.type === 'trend' ? new Histogram() : undefined;
      interval = { histogram, sum: 0, hits: 0, count: 0, last: 0 };
      this.#open.set(metric, interval);
    }
    interval.histogram?.add(value);
    interval.sum += value;
    interval.count += 1;
    interval.last = value;
    if (value !== 0) interval.hits += 1;
  }

  #end(): void {
    const at = this.timesMs.length;
    const nowMs = this.#environment.nowMs() - this.#beganMs;
    const seconds = Math.max(0.001, (nowMs - (this.timesMs.at(-1) ?? 0)) / 1000);
    for (const [{ name, type }, interval] of this.#open) {
      const { histogram, sum, hits, count, last } = interval;
      if (histogram) {
        for (const percent of [50, 95, 99]) this.#put(name, `p${percent}`, histogram.quantile(percent / 100), at);
      } else if (type === 'counter') this.#put(name, 'rate', sum / seconds, at);
      else if (type === 'rate') this.#put(name, 'share', hits / count, at);
      else this.#put(name, 'value', last, at);
    }
    this.#open.clear();
    this.timesMs.push(nowMs);
    if (this.timesMs.length >= MAX_POINTS) this.#halve();
  }

  #put(metric: string, figure: string, value: number, at: number): void {
    const key = `${metric} ${figure}`;
    let track = this.#tracks.get(key);
    if (!track) {
      track = { metric, figure, values: [] };
      this.#tracks.set(key, track);
    }
    track.values[at] = Number(value.toPrecision(5));
  }

  /** Of two periods the worse value stays: a peak must not vanish because the test was long. */
  #halve(): void {
    this.#periodMs *= 2;
    this.timesMs = this.timesMs.filter((_, at) => at % 2 === 1);
    for (const track of this.#tracks.values()) {
      const { values } = track;
      track.values = this.timesMs.map((_, at) => {
        const [a, b] = [values[2 * at], values[2 * at + 1]];
        if (a === undefined || b === undefined) return a ?? b;
        return track.metric === 'motion_exact' ? Math.min(a, b) : Math.max(a, b);
      });
    }
  }
}
