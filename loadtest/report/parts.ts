import type { Metric, Registry, Tags } from '../metrics/registry.ts';
import { createSink, type Sink } from '../metrics/sinks.ts';
import type { CheckCounts } from '../runner/checks.ts';
import type { MetricData } from './data.ts';

/** k6 shows the groups of a test without scenarios beside its total, not under a scenario of that name. */
const NO_SCENARIO = 'default';
/** A name made at run time must not grow the tree for ever. */
const MAX_PARTS = 1000;

/** What a scenario or a group of a test came to; its groups in the order they were met. */
export interface PartResults {
  metrics: Record<string, MetricData>;
  checks: CheckCounts[];
  groups: Map<string, PartResults>;
}

/** Figures of scenarios and groups on their own, for the full summary. */
export class Parts {
  readonly #root = new Part();
  readonly #scenarios = new Map<string, Part>();
  #count = 0;

  /** Collects from now on; series that were made before are not seen. */
  constructor(registry: Registry) {
    registry.split((metric, tags) => this.#partsOf(tags).map((part) => part.sampler(metric, tags)));
  }

  /** Groups outside of scenarios, and scenarios by name. */
  results(
    durationMs: number,
    trendStats: readonly string[],
  ): Pick<PartResults, 'groups'> & { scenarios: Map<string, PartResults> } {
    const results = (parts: Map<string, Part>) =>
      new Map([...parts].map(([name, part]) => [name, part.results(durationMs, trendStats)]));
    return { groups: results(this.#root.groups), scenarios: results(this.#scenarios) };
  }

  /** A sample belongs to its scenario and to its innermost group; what setup and teardown do belongs to none. */
  #partsOf({ scenario = NO_SCENARIO, group = '' }: Tags): Part[] {
    const parts: Part[] = [];
    let inner: Part | undefined = this.#root;
    if (scenario !== NO_SCENARIO) {
      inner = this.#find(this.#scenarios, scenario);
      if (inner) parts.push(inner);
    }
    if (group === '' || group === '::setup' || group === '::teardown') return parts;
    for (const name of group.slice(2).split('::')) inner = inner && this.#find(inner.groups, name);
    if (inner) parts.push(inner);
    return parts;
  }

  #find(among: Map<string, Part>, name: string): Part | undefined {
    const found = among.get(name);
    if (found || this.#count >= MAX_PARTS) return found;
    const made = new Part();
    among.set(name, made);
    this.#count += 1;
    return made;
  }
}

class Part {
  readonly groups = new Map<string, Part>();
  readonly #metrics = new Map<Metric, Sink>();
  readonly #checks = new Map<string, CheckCounts>();

  /** Where samples of the metric with these tags go. */
  sampler(metric: Metric, { check }: Tags): { add(value: number): void } {
    if (metric.name === 'checks' && check !== undefined) return this.#check(check);
    const sink = this.#metrics.get(metric) ?? createSink(metric.type);
    this.#metrics.set(metric, sink);
    return sink;
  }

  results(durationMs: number, trendStats: readonly string[]): PartResults {
    const used = [...this.#metrics].filter(([, sink]) => !sink.empty);
    const metrics = used.map(([{ name, type, contains }, sink]): [string, MetricData] => {
      return [name, { type, contains, values: sink.values(durationMs, trendStats) }];
    });
    return {
      metrics: Object.fromEntries(metrics),
      checks: [...this.#checks.values()],
      groups: new Map([...this.groups].map(([name, group]) => [name, group.results(durationMs, trendStats)])),
    };
  }

  #check(name: string) {
    const counts = this.#checks.get(name) ?? { name, passes: 0, fails: 0 };
    this.#checks.set(name, counts);
    return {
      add: (value: number) => {
        if (value === 0) counts.fails += 1;
        else counts.passes += 1;
      },
    };
  }
}
