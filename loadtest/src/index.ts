import { registerDomain } from '../domain/rig.ts';
import { loadingRun } from '../runner/vu.ts';

// Here and not at first use: a threshold on motion_lag is checked before anything runs.
const run = loadingRun();
if (run) registerDomain(run);

/** What scripts import as '@hayate/loadtest': k6's calls and, beside them, rooms and sessions. */

export { delayed, links } from '../domain/links.ts';
export { type LoadLiver, type PublishOptions, publish } from '../domain/liver.ts';
export { type ConnectOptions, connect, type LoadSession } from '../domain/session.ts';
export { type LoadViewer, type WatchOptions, watch } from '../domain/viewer.ts';
export { default as exec } from '../k6/execution.ts';
export { check, fail, group, randomSeed, sleep } from '../k6/index.ts';
export { Counter, Gauge, Rate, Trend } from '../k6/metrics.ts';
export type { SummaryData } from '../report/data.ts';
export type { ScriptOptions as Options } from '../runner/options.ts';
