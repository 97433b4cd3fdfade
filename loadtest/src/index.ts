/** What scripts import as '@hayate/loadtest': k6's calls and, beside them, rooms and sessions. */

export { default as exec } from '../k6/execution.ts';
export { check, fail, group, randomSeed, sleep } from '../k6/index.ts';
export { Counter, Gauge, Rate, Trend } from '../k6/metrics.ts';
export type { SummaryData } from '../report/data.ts';
export type { ScriptOptions as Options } from '../runner/options.ts';
