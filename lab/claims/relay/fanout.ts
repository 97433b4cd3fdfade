import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fanout } from '../../bench/fanout.ts';
import { root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const TARGET = { us: 9, timesFloor: 2.8, kbSession: 45 };

async function run(context: ClaimContext) {
  const checks = new Checks();
  const result = await fanout({ viewers: 800, hz: 60, bytes: 120, seconds: 10 }, context.log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  checks.check(
    result.cpu_us_per_datagram <= TARGET.us || result.ratio_to_floor <= TARGET.timesFloor,
    `${result.cpu_us_per_datagram} us a datagram, ${result.ratio_to_floor} times the floor (target ${TARGET.us} us or ${TARGET.timesFloor} times)`,
  );
  checks.check(result.delivered_ratio === 1, `delivered ${result.delivered_ratio} of all datagrams`);
  checks.check(
    result.rss_kb_per_session <= TARGET.kbSession,
    `${result.rss_kb_per_session} kB a session (target ${TARGET.kbSession})`,
  );
  checks.check(
    result.timer_entries_per_session <= 3,
    `${result.timer_entries_per_session} timer entries a session: they multiply`,
  );
  context.log('congestion window under both polling patterns (cargo test)');
  const out = execFileSync(
    'cargo',
    ['test', '--manifest-path', join(root, 'engine', 'Cargo.toml'), '-p', 'hayate-core', '--lib', '-q', 'congestion'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const passed = Number(/(\d+) passed/.exec(out)?.[1] ?? 0);
  checks.figure('congestion_tests_passed', passed);
  checks.check(passed >= 2, 'the tests of the two polling patterns did not run');
  return checks.outcome();
}

export const fanoutCost: Claim = {
  id: 'relay.5',
  title:
    'Fan-out to 800 viewers at 60 Hz, 120 B: at most 9 us of CPU a datagram or 2.8 times raw sendmmsg, all delivered, at most 45 KB a session; the congestion window neither grows without bound nor starves',
  seconds: 60,
  run,
};
