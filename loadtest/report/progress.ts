import type { Scenario } from '../runner/options.ts';
import type { TestRun } from '../runner/run.ts';
import type { ScenarioRun } from '../runner/scenario-run.ts';
import { formatNumber, formatTime } from './format.ts';

const BAR = 40;

/** `00m01.5s` */
export function clockTime(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const rest = `${String(minutes % 60).padStart(2, '0')}m${(seconds % 60).toFixed(1).padStart(4, '0')}s`;
  return hours > 0 ? `${hours}h${rest}` : rest;
}

/** What is about to run. */
export function planText(run: TestRun, script: string, outputs: readonly string[]): string {
  const { scenarios } = run.options;
  const most = Math.max(...scenarios.map((each) => each.startMs + each.durationMs + each.gracefulStopMs));
  const vus = scenarios.reduce((sum, each) => sum + each.maxVus, 0);
  const count = scenarios.length === 1 ? '1 scenario' : `${scenarios.length} scenarios`;
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  return [
    '',
    '     execution: local',
    `        script: ${script}`,
    `        output: ${outputs.length === 0 ? '-' : outputs.join(', ')}`,
    '',
    `     scenarios: (100.00%) ${count}, ${vus} max VUs, ${formatTime(most)} max duration (incl. graceful stop):`,
    ...scenarios.map((each) => `              * ${each.name}:${' '.repeat(width - each.name.length)} ${wordsOf(each)}`),
    '',
    '',
  ].join('\n');
}

function wordsOf(scenario: Scenario): string {
  const { executor, vus, maxVus, iterations, durationMs, ramp, exec } = scenario;
  const more: string[] = [];
  const time = formatTime(durationMs);
  const stages = `over ${ramp.length - 1} stage${ramp.length === 2 ? '' : 's'}`;
  const rates = ramp.map(({ value }) => value);
  const pool = vus === maxVus ? `maxVUs: ${vus}` : `maxVUs: ${vus}-${maxVus}`;
  let what: string;
  switch (executor) {
    case 'shared-iterations':
      what = `${iterations} iterations shared among ${vus} VUs`;
      more.push(`maxDuration: ${time}`);
      break;
    case 'per-vu-iterations':
      what = `${iterations} iterations for each of ${vus} VUs`;
      more.push(`maxDuration: ${time}`);
      break;
    case 'constant-vus':
      what = `${vus} looping VUs for ${time}`;
      break;
    case 'ramping-vus':
      what = `Up to ${maxVus} looping VUs for ${time} ${stages}`;
      more.push(`gracefulRampDown: ${formatTime(scenario.gracefulRampDownMs)}`);
      break;
    case 'constant-arrival-rate':
      what = `${rates[0]!.toFixed(2)} iterations/s for ${time}`;
      more.push(pool);
      break;
    case 'ramping-arrival-rate':
      what = `Up to ${Math.max(...rates).toFixed(2)} iterations/s for ${time} ${stages}`;
      more.push(pool);
      break;
  }
  if (exec !== 'default') more.push(`exec: ${exec}`);
  if (scenario.startMs > 0) more.push(`startTime: ${formatTime(scenario.startMs)}`);
  more.push(`gracefulStop: ${formatTime(scenario.gracefulStopMs)}`);
  return `${what} (${more.join(', ')})`;
}

/** How far the test is: a line for it, a line a scenario. */
export function progressLines(run: TestRun, bar: boolean): string[] {
  const { interrupted, completed, activeVus, vuCount, durationMs } = run;
  const width = Math.max(...run.scenarios.map(({ scenario }) => scenario.name.length));
  return [
    `running (${clockTime(durationMs)}), ${activeVus}/${vuCount} VUs, ${completed} complete and ${interrupted} interrupted iterations`,
    ...run.scenarios.map((each) => scenarioLine(run, each, width, bar)),
  ];
}

function scenarioLine(run: TestRun, each: ScenarioRun, width: number, bar: boolean): string {
  const { scenario, progress, state, activeVus } = each;
  const passedMs =
    state === 'waiting' ? 0 : (state === 'ended' ? each.endedMs : run.environment.nowMs()) - each.startedMs;
  const byTime = scenario.durationMs > 0 ? Math.min(1, passedMs / scenario.durationMs) : 1;
  const share = progress.total !== undefined ? progress.done / progress.total : byTime;
  const done = state === 'ended' ? (share >= 1 || progress.total === undefined ? '✓' : '✗') : ' ';
  const percent = `${Math.floor(share * 100)}%`.padStart(5);
  const filled = Math.round(share * BAR);
  const meter = bar ? `[${'='.repeat(filled)}${'-'.repeat(BAR - filled)}]` : `[${percent} ]`;
  const of = `${activeVus}/${scenario.maxVus} VUs`;
  const time = `${clockTime(Math.min(passedMs, scenario.durationMs))}/${formatTime(scenario.durationMs)}`;
  const iterations = progress.total === undefined ? '' : `  ${progress.done}/${progress.total} iters`;
  const last = scenario.ramp.at(-1);
  const rate =
    scenario.executor.endsWith('arrival-rate') && last ? `  ${formatNumber(rateAt(scenario, passedMs))} iters/s` : '';
  return `${scenario.name.padEnd(width)} ${done} ${meter} ${of}  ${time}${iterations}${rate}`;
}

function rateAt({ ramp }: Scenario, ms: number): number {
  const next = ramp.findIndex(({ atMs }) => atMs > ms);
  if (next <= 0) return Math.round(ramp.at(-1)!.value * 100) / 100;
  const from = ramp[next - 1]!;
  const to = ramp[next]!;
  const value = from.value + ((to.value - from.value) * (ms - from.atMs)) / (to.atMs - from.atMs);
  return Math.round(value * 100) / 100;
}
