import type { Metric, Series, Tags } from '../metrics/registry.ts';
import type { MetricType } from '../metrics/sinks.ts';
import { currentScope, loadingRun, type Scope } from '../runner/vu.ts';

/** Scripts import this as 'k6/metrics'. */

abstract class ScriptMetric {
  readonly name: string;
  readonly #metric: Metric;
  /** Scenarios and groups have few tags, and each has one object for them: the series is found by it. */
  readonly #series = new WeakMap<Tags, Series>();

  constructor(name: string, type: MetricType, isTime = false) {
    const run = loadingRun();
    if (!run) throw new Error(`the metric ${name} must be made where the script loads, not in a function of it`);
    this.name = name;
    this.#metric = run.registry.create(name, type, isTime ? 'time' : 'default');
  }

  /** @param tags of this sample, beside those of scenario and group */
  add(value: number | boolean, tags?: Record<string, string>): void {
    const scope = currentScope();
    if (!scope) throw new Error(`${this.name}.add() has no place where the script loads`);
    const number = Number(value);
    if (!Number.isFinite(number)) {
      scope.run.log.warn(
        `'${String(value)}' is an invalid value for metric '${this.name}', a number or a boolean is expected`,
      );
      return;
    }
    this.#of(scope, tags).add(number);
  }

  #of(scope: Scope, tags: Record<string, string> | undefined): Series {
    if (tags) return scope.run.series(this.#metric, { ...scope.tags, ...tags });
    let series = this.#series.get(scope.tags);
    if (!series) {
      series = scope.run.series(this.#metric, scope.tags);
      this.#series.set(scope.tags, series);
    }
    return series;
  }
}

/** A sum. */
export class Counter extends ScriptMetric {
  constructor(name: string, isTime?: boolean) {
    super(name, 'counter', isTime);
  }
}

/** The last value, with the least and the greatest. */
export class Gauge extends ScriptMetric {
  constructor(name: string, isTime?: boolean) {
    super(name, 'gauge', isTime);
  }
}

/** The share of values that are not zero. */
export class Rate extends ScriptMetric {
  constructor(name: string, isTime?: boolean) {
    super(name, 'rate', isTime);
  }
}

/** Mean, least, greatest and percentiles. `isTime`: values are ms. */
export class Trend extends ScriptMetric {
  constructor(name: string, isTime?: boolean) {
    super(name, 'trend', isTime);
  }
}

export default { Counter, Gauge, Rate, Trend };
