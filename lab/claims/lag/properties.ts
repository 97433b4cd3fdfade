import { budget, liars, recovery, steadiness, voiceHour } from '../../lag/simulated.ts';
import { viewers } from '../../lag/viewers.ts';
import { vitestResults } from '../../lib/vitest.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

/** Where the properties live; their controls are tests beside them. */
const TEST_FILES = [
  'relay/policy/delivery.test.ts',
  'relay/policy/congestion.test.ts',
  'relay/policy/uplink.test.ts',
  'relay/test/recovery.test.ts',
  'test/holding.test.ts',
  'client/watch/schedule.test.ts',
  'client/watch/voice-buffer.test.ts',
  'client/watch/voice-hour.test.ts',
];
const GAPS = 0.001;
/** Changes of the class in 570 s that are no oscillation; without the band there are more than a hundred. */
const CHANGES = 20;
const BUDGET_MS = 100;
/** With more of it any browser would do. */
const MOST_NOISE = { ms: 15, ratio: 0.05 };

function simulated(checks: Checks): void {
  const kept = budget();
  checks.figure('simulated: budget', kept);
  checks.check(kept.kept === kept.paths, `budget kept on ${kept.kept} of ${kept.paths} paths`);
  checks.check(
    kept.control.p99_ms > kept.control.budget_ms,
    'control: a policy that believes in more time kept the budget',
  );

  const steady = steadiness();
  checks.figure('simulated: no oscillation', steady);
  checks.check(steady.most_changes_in_570_s <= CHANGES, `${steady.most_changes_in_570_s} changes of a class in 570 s`);
  checks.check(steady.control.most_changes_in_570_s > 5 * CHANGES, 'control: without a band nothing swings');

  const back = recovery();
  checks.figure('simulated: recovery after bursts', back);
  checks.check(
    back.seconds_to_the_old_class !== null,
    'a hundred seconds after the bursts the class is not the old one',
  );
  checks.check(back.p99_ms_after <= BUDGET_MS, `p99 ${back.p99_ms_after} ms after the bursts`);
  checks.check(back.units_missing_after === 0, `${back.units_missing_after} units missing after the bursts`);
  checks.check(back.control.seconds_to_the_old_class === null, 'control: a policy that never gives up repair did');

  const lied = liars();
  checks.figure('simulated: report liars', lied);
  checks.check(lied.lies_that_changed_anything_for_others === 0, 'a lie changed something for others');
  checks.check(lied.lies_that_gained_repair === 0, 'a lie gained repair');
  checks.check(lied.bytes_to_sending_at_once <= 1, 'a lie gained bytes');
  checks.check(lied.control.n_at_60_ms < lied.control.n_at_5_ms, 'control: a report does not count for who sends it');

  const { control, ...hours } = voiceHour();
  checks.figure('simulated: an hour of voice', { ...hours, control });
  for (const [name, heard] of Object.entries(hours)) {
    checks.check(heard.gap_ratio <= GAPS, `${name}: gaps ${heard.gap_ratio} (target ${GAPS})`);
    checks.check(heard.missed_ratio <= GAPS, `${name}: missed ${heard.missed_ratio} (target ${GAPS})`);
  }
  checks.check(control.gap_ratio > GAPS, 'control: a player that does not follow the microphone has no gaps');
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  context.log('property tests');
  const tests = await vitestResults(TEST_FILES);
  for (const [file, { passed, failed }] of Object.entries(tests)) {
    checks.figure(`tests of ${file}`, { passed: passed.length, failed });
    checks.check(failed.length === 0 && passed.length > 0, `${file}: ${failed.length} failed, ${passed.length} passed`);
  }
  const ran = Object.keys(tests).length;
  checks.check(ran === TEST_FILES.length, `${ran} of ${TEST_FILES.length} files of tests ran`);
  context.log('the same properties as figures');
  simulated(checks);
  const { rows, skipped, ...about } = await viewers({ runs: 3, seconds: 12 }, context.log);
  for (const [name, value] of Object.entries(about)) checks.figure(`browsers: ${name}`, value);
  for (const reason of skipped) checks.skip(reason);
  for (const { browser, ...row } of rows) {
    checks.figure(browser, row);
    for (const [name, { browser: here, node, noise }] of Object.entries(row.compared)) {
      checks.check(Math.abs(here - node) <= noise, `${browser}: ${name} ${here}, Node ${node}, noise ${noise}`);
      const most = name.endsWith('_ms') ? MOST_NOISE.ms : MOST_NOISE.ratio;
      checks.check(noise <= most, `${browser}: ${name} has so much noise, ${noise}, that it compares nothing`);
    }
  }
  return checks.outcome();
}

export const properties: Claim = {
  id: 'lag.5',
  title:
    'In simulated time: budget kept, no oscillation, recovery after bursts, report liars gain nothing, an hour of voice with crystals ± 200 ppm has at most 0.1 % of gaps; each with a control. Chromium and Firefox show the Node client’s figures within noise',
  seconds: 260,
  run,
};
