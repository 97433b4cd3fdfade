import { BUDGET_MS } from '../../bench/stream-present.ts';
import { crowd } from '../../lag/crowd.ts';
import { eight } from '../../lag/eight.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { needsRecordedFace } from '../recorded-face.ts';

const RSS_KB = 45;
const BUNDLE_BYTES = 1000;

/** Two thirds of it: shows where the machine, which bears livers and viewers too, is full. Judged by nothing. */
async function showLess(checks: Checks, context: ClaimContext): Promise<void> {
  const less = await crowd({ rooms: 100, viewers: 20, link: 0, seconds: 20 }, context.log);
  const { all_viewers, cpu_percent, units, dropped, presentation_lag_ms, exact_ratio, voice_gap_ratio } = less;
  const figures = { all_viewers, cpu_percent, units, dropped, presentation_lag_ms, exact_ratio, voice_gap_ratio };
  checks.figure('two thirds of the crowd', figures);
}

async function judgeCrowd(checks: Checks, context: ClaimContext): Promise<void> {
  const result = await crowd({ rooms: 150, viewers: 20, link: 0, seconds: 20 }, context.log);
  for (const [name, value] of Object.entries(result)) checks.figure(`crowd: ${name}`, value);
  needsRecordedFace(checks, result.motion);
  const { units, dropped, refused, gauges, presentation_lag_ms } = result;
  checks.check(
    units.sent > 0 && units.arrived === units.sent,
    `${units.sent - units.arrived} of ${units.sent} units lost`,
  );
  checks.check(Object.keys(dropped).length === 0, `the relay dropped: ${JSON.stringify(dropped)}`);
  checks.check(Object.keys(refused).length === 0, `the relay refused: ${JSON.stringify(refused)}`);
  for (const [kind, { p99 }] of Object.entries(presentation_lag_ms)) {
    checks.check((p99 ?? Number.NaN) <= BUDGET_MS, `${kind} p99 ${p99} ms (budget ${BUDGET_MS})`);
  }
  checks.check(
    result.rss_kb_per_viewer <= RSS_KB,
    `${result.rss_kb_per_viewer} KB of relay memory a viewer (target ${RSS_KB})`,
  );
  checks.check(gauges.during['viewers'] === result.all_viewers, `${gauges.during['viewers']} viewers were there`);
  const left = Object.entries(gauges.after).filter(([, value]) => value !== 0);
  checks.check(left.length === 0, `gauges after everybody left: ${JSON.stringify(left)}`);
}

async function judgeEight(checks: Checks, context: ClaimContext): Promise<void> {
  const { rows, ...about } = await eight({ viewers: 4, seconds: 20 }, context.log);
  for (const [name, value] of Object.entries(about)) checks.figure(`eight livers: ${name}`, value);
  for (const { name, ...figures } of rows) {
    checks.figure(`eight livers, ${name}`, figures);
    const { largest_bundle_bytes: largest } = figures;
    checks.check(
      largest > 0 && largest <= BUNDLE_BYTES,
      `eight livers, ${name}: a bundle of ${largest} bytes (at most ${BUNDLE_BYTES})`,
    );
  }
  const voices = rows[0]!;
  checks.check(
    voices.bytes_a_hold > BUNDLE_BYTES,
    `control: eight livers fill ${voices.bytes_a_hold} bytes a hold, and should fill more than one bundle`,
  );
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  await judgeCrowd(checks, context);
  await showLess(checks, context);
  await judgeEight(checks, context);
  return checks.outcome();
}

export const crowded: Claim = {
  id: 'lag.4',
  title:
    '3000 viewers in 150 rooms on one relay, the load on the same two cores: nothing lost by the relay, p99 within the budget, at most 45 KB a viewer, gauges at zero afterwards; bundles of eight livers stay under 1000 bytes',
  seconds: 330,
  run,
};
