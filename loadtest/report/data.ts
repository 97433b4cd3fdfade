import type { Contains, MetricType, Sink } from '../metrics/sinks.ts';
import type { Threshold } from '../metrics/threshold.ts';
import type { GroupNode } from '../runner/checks.ts';
import type { TestRun } from '../runner/run.ts';

/** One metric in what `handleSummary` gets. */
export interface MetricData {
  type: MetricType;
  contains: Contains;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

/** What `handleSummary` gets, in k6's shape. */
export interface SummaryData {
  metrics: Record<string, MetricData>;
  root_group: GroupNode;
  options: { summaryTrendStats: string[]; summaryTimeUnit: string; noColor: boolean };
  /** What setup returned; absent when it returned nothing. */
  setup_data?: unknown;
  state: { isStdOutTTY: boolean; isStdErrTTY: boolean; testRunDurationMs: number };
}

/** Metrics without a sample are left out, as in k6, but for those that a threshold asks for and the bytes. */
export function summaryData(run: TestRun, tty: { out: boolean; err: boolean }): SummaryData {
  const { options, durationMs } = run;
  const setup = run.setupData();
  const metrics: Record<string, MetricData> = {};
  for (const metric of run.registry.all()) {
    for (const part of [metric, ...metric.submetrics]) {
      const always =
        part.thresholds.length > 0 || metric === run.metrics.dataSent || metric === run.metrics.dataReceived;
      if (part.sink.empty && !always) continue;
      metrics[part.name] = {
        type: metric.type,
        contains: metric.contains,
        values: { ...part.sink.values(durationMs, options.trendStats), ...asked(part, durationMs) },
        ...(part.thresholds.length > 0 && { thresholds: resultsOf(part.thresholds) }),
      };
    }
  }
  return {
    metrics,
    root_group: run.checks.root,
    options: { summaryTrendStats: options.trendStats, summaryTimeUnit: options.timeUnit ?? '', noColor: !tty.out },
    state: { isStdOutTTY: tty.out, isStdErrTTY: tty.err, testRunDurationMs: durationMs },
    ...(setup !== undefined && { setup_data: setup }),
  };
}

/** Figures that thresholds look at, whether or not the summary has a column for them. */
function asked(part: { sink: Sink; thresholds: readonly Threshold[] }, durationMs: number): Record<string, number> {
  const figures = part.thresholds.map(({ figure }) => [figure, part.sink.figure(figure, durationMs) ?? 0]);
  return Object.fromEntries(figures);
}

function resultsOf(thresholds: readonly Threshold[]): Record<string, { ok: boolean }> {
  return Object.fromEntries(thresholds.map(({ source, ok }) => [source, { ok }]));
}

/** `--summary-export`: k6's older flat shape. There `true` of a threshold means that it was crossed. */
export function exportData({ metrics, root_group }: SummaryData): unknown {
  const flat = Object.entries(metrics).map(([name, { values, thresholds, type }]) => {
    const { rate, ...others } = values;
    const own = type === 'rate' ? { ...others, value: rate } : values;
    const crossed = Object.fromEntries(Object.entries(thresholds ?? {}).map(([source, { ok }]) => [source, !ok]));
    return [name, { ...own, ...(thresholds && { thresholds: crossed }) }];
  });
  return { metrics: Object.fromEntries(flat), root_group: flatGroup(root_group) };
}

function flatGroup({ groups, checks, ...own }: GroupNode): unknown {
  return {
    ...own,
    groups: Object.fromEntries(groups.map((group) => [group.name, flatGroup(group)])),
    checks: Object.fromEntries(checks.map((check) => [check.name, check])),
  };
}
