import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { isTrendStat } from '../metrics/sinks.ts';
import { parseThreshold, type Threshold } from '../metrics/threshold.ts';
import { parseDuration } from './duration.ts';

/** k6's defaults. */
const GRACEFUL_STOP_MS = 30_000;
const MAX_DURATION_MS = 600_000;
const SETUP_TIMEOUT_MS = 60_000;
const DEFAULT_TREND_STATS = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)'];

const duration = z.union([z.string(), z.number().nonnegative()]);
const count = z.int().nonnegative();
const stage = z.strictObject({ duration, target: count });
const shared = {
  startTime: duration.optional(),
  gracefulStop: duration.optional(),
  exec: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  tags: z.record(z.string(), z.string()).optional(),
};
const scenario = z.discriminatedUnion('executor', [
  z.strictObject({
    executor: z.literal('shared-iterations'),
    vus: count.min(1).default(1),
    iterations: count.min(1).default(1),
    maxDuration: duration.optional(),
    ...shared,
  }),
  z.strictObject({
    executor: z.literal('per-vu-iterations'),
    vus: count.min(1).default(1),
    iterations: count.min(1).default(1),
    maxDuration: duration.optional(),
    ...shared,
  }),
  z.strictObject({ executor: z.literal('constant-vus'), vus: count.min(1).default(1), duration, ...shared }),
  z.strictObject({
    executor: z.literal('ramping-vus'),
    startVUs: count.default(1),
    stages: z.array(stage).min(1),
    gracefulRampDown: duration.optional(),
    ...shared,
  }),
  z.strictObject({
    executor: z.literal('constant-arrival-rate'),
    rate: z.number().positive(),
    timeUnit: duration.optional(),
    duration,
    preAllocatedVUs: count,
    maxVUs: count.optional(),
    ...shared,
  }),
  z.strictObject({
    executor: z.literal('ramping-arrival-rate'),
    startRate: z.number().nonnegative().default(0),
    timeUnit: duration.optional(),
    stages: z.array(stage).min(1),
    preAllocatedVUs: count,
    maxVUs: count.optional(),
    ...shared,
  }),
]);

const threshold = z.union([
  z.string(),
  z.strictObject({
    threshold: z.string(),
    abortOnFail: z.boolean().optional(),
    delayAbortEval: duration.optional(),
  }),
]);

const schema = z.strictObject({
  vus: count.optional(),
  duration: duration.optional(),
  iterations: count.optional(),
  stages: z.array(stage).optional(),
  scenarios: z.record(z.string().regex(/^[\w-]+$/), scenario).optional(),
  thresholds: z.record(z.string(), z.union([threshold, z.array(threshold)])).optional(),
  tags: z.record(z.string(), z.string()).optional(),
  setupTimeout: duration.optional(),
  teardownTimeout: duration.optional(),
  summaryTrendStats: z.array(z.string()).optional(),
  summaryTimeUnit: z.enum(['s', 'ms', 'us']).optional(),
});

/** `export const options` of a script, as k6 reads it. */
export type ScriptOptions = z.input<typeof schema>;
type ScenarioOptions = z.output<typeof scenario>;

/** One scenario with every default filled in; times in ms. */
export interface Scenario {
  name: string;
  executor: ScenarioOptions['executor'];
  startMs: number;
  /** When it starts nothing more: the run itself, after `startMs`. */
  durationMs: number;
  gracefulStopMs: number;
  gracefulRampDownMs: number;
  exec: string;
  env: Record<string, string>;
  tags: Record<string, string>;
  vus: number;
  maxVus: number;
  iterations: number;
  /** VUs or iterations a second over the run: from a value at one time to the next, linearly. */
  ramp: { atMs: number; value: number }[];
}

export interface Options {
  scenarios: Scenario[];
  thresholds: { metric: string; thresholds: Threshold[] }[];
  tags: Record<string, string>;
  setupTimeoutMs: number;
  teardownTimeoutMs: number;
  trendStats: string[];
  timeUnit: 's' | 'ms' | 'us' | undefined;
}

/**
 * What a script exports with the flags over it: a flag that says how the load goes (`vus`, `duration`, `iterations`,
 * `stages`) takes the place of the script's scenarios, as in k6.
 * @throws ConfigError
 */
export function readOptions(script: unknown, flags: ScriptOptions = {}): Options {
  const own = parse(script ?? {});
  const given = parse(flags);
  const merged = { ...own, ...given, tags: { ...own.tags, ...given.tags } };
  const shaped = given.duration !== undefined || given.iterations !== undefined || given.stages !== undefined;
  if (shaped || given.vus !== undefined) delete merged.scenarios;
  if (shaped) {
    // One shape at a time: the flag's ends the script's.
    for (const key of ['duration', 'iterations', 'stages'] as const) if (given[key] === undefined) delete merged[key];
  }
  const trendStats = merged.summaryTrendStats ?? DEFAULT_TREND_STATS;
  for (const stat of trendStats) {
    if (!isTrendStat(stat)) throw new ConfigError(`"${stat}" is no figure of a trend: avg, min, med, max, count, p(N)`);
  }
  return {
    scenarios: scenariosOf(merged),
    thresholds: Object.entries(merged.thresholds ?? {}).map(([metric, list]) => ({
      metric,
      thresholds: (Array.isArray(list) ? list : [list]).map((each) => readThreshold(metric, each)),
    })),
    tags: merged.tags,
    setupTimeoutMs: ms(merged.setupTimeout, 'setupTimeout', SETUP_TIMEOUT_MS),
    teardownTimeoutMs: ms(merged.teardownTimeout, 'teardownTimeout', SETUP_TIMEOUT_MS),
    trendStats,
    timeUnit: merged.summaryTimeUnit,
  };
}

function parse(value: unknown): z.output<typeof schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  const at = first!.path.length === 0 ? 'options' : `options.${first!.path.join('.')}`;
  throw new ConfigError(`${at}: ${first!.message}`, parsed.error);
}

function readThreshold(metric: string, value: z.output<typeof threshold>): Threshold {
  if (typeof value === 'string') return parseThreshold(value);
  const delay = ms(value.delayAbortEval, `delayAbortEval of ${metric}`, 0);
  return parseThreshold(value.threshold, value.abortOnFail === true, delay);
}

function ms(value: string | number | undefined, what: string, otherwise: number): number {
  return value === undefined ? otherwise : parseDuration(value, what);
}

function scenariosOf(options: z.output<typeof schema>): Scenario[] {
  if (options.scenarios && Object.keys(options.scenarios).length > 0) {
    if (options.vus !== undefined || options.duration !== undefined || options.stages || options.iterations) {
      throw new ConfigError('options.scenarios stands beside vus, duration, iterations or stages: use one of the two');
    }
    return Object.entries(options.scenarios).map(([name, each]) => readScenario(name, each));
  }
  return [readScenario('default', shortcut(options))];
}

/** The scenario that `vus`, `duration`, `iterations` and `stages` stand for. */
function shortcut({ vus = 1, duration: time, iterations, stages }: z.output<typeof schema>): ScenarioOptions {
  if (stages) {
    if (iterations !== undefined) throw new ConfigError('options.iterations and options.stages: use one of the two');
    return { executor: 'ramping-vus', startVUs: vus, stages };
  }
  if (iterations !== undefined) {
    return { executor: 'shared-iterations', vus, iterations, ...(time !== undefined && { maxDuration: time }) };
  }
  if (time !== undefined) return { executor: 'constant-vus', vus, duration: time };
  return { executor: 'per-vu-iterations', vus, iterations: 1 };
}

function readScenario(name: string, given: ScenarioOptions): Scenario {
  const in_ = (key: string) => `${key} of scenario ${name}`;
  const base = {
    name,
    executor: given.executor,
    startMs: ms(given.startTime, in_('startTime'), 0),
    gracefulStopMs: ms(given.gracefulStop, in_('gracefulStop'), GRACEFUL_STOP_MS),
    gracefulRampDownMs: 0,
    exec: given.exec ?? 'default',
    env: given.env ?? {},
    tags: given.tags ?? {},
    iterations: 0,
    ramp: [] as { atMs: number; value: number }[],
  };
  switch (given.executor) {
    case 'shared-iterations':
    case 'per-vu-iterations': {
      if (given.executor === 'shared-iterations' && given.iterations < given.vus) {
        throw new ConfigError(
          `scenario ${name}: ${given.iterations} shared iterations for ${given.vus} VUs leave some without any`,
        );
      }
      const durationMs = ms(given.maxDuration, in_('maxDuration'), MAX_DURATION_MS);
      return { ...base, durationMs, vus: given.vus, maxVus: given.vus, iterations: given.iterations };
    }
    case 'constant-vus': {
      const durationMs = parseDuration(given.duration, in_('duration'));
      if (durationMs < 1000) throw new ConfigError(`duration of scenario ${name} is under 1s`);
      return { ...base, durationMs, vus: given.vus, maxVus: given.vus };
    }
    case 'ramping-vus': {
      const ramp = readRamp(given.stages, given.startVUs, 1, in_('stages'));
      const most = Math.max(...ramp.map(({ value }) => value));
      if (most === 0) throw new ConfigError(`scenario ${name} has no VU in any stage`);
      return {
        ...base,
        durationMs: ramp.at(-1)!.atMs,
        gracefulRampDownMs: ms(given.gracefulRampDown, in_('gracefulRampDown'), GRACEFUL_STOP_MS),
        vus: given.startVUs,
        maxVus: most,
        ramp,
      };
    }
    case 'constant-arrival-rate':
    case 'ramping-arrival-rate': {
      const unitMs = ms(given.timeUnit, in_('timeUnit'), 1000);
      if (unitMs <= 0) throw new ConfigError(`timeUnit of scenario ${name} is nothing`);
      const a_second = 1000 / unitMs;
      const ramp =
        given.executor === 'constant-arrival-rate'
          ? readRamp([{ duration: given.duration, target: given.rate }], given.rate, a_second, in_('duration'))
          : readRamp(given.stages, given.startRate, a_second, in_('stages'));
      const maxVus = Math.max(given.maxVUs ?? given.preAllocatedVUs, given.preAllocatedVUs);
      if (given.maxVUs !== undefined && given.maxVUs < given.preAllocatedVUs) {
        throw new ConfigError(`scenario ${name}: maxVUs ${given.maxVUs} is under its preAllocatedVUs`);
      }
      if (maxVus === 0) throw new ConfigError(`scenario ${name} has no VU`);
      return { ...base, durationMs: ramp.at(-1)!.atMs, vus: given.preAllocatedVUs, maxVus, ramp };
    }
  }
}

function readRamp(
  stages: { duration: string | number; target: number }[],
  start: number,
  factor: number,
  what: string,
): { atMs: number; value: number }[] {
  const ramp = [{ atMs: 0, value: start * factor }];
  let atMs = 0;
  for (const { duration: time, target } of stages) {
    atMs += parseDuration(time, what);
    ramp.push({ atMs, value: target * factor });
  }
  return ramp;
}
