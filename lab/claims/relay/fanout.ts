import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type FanoutResult, fanout } from '../../bench/fanout.ts';
import { root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const TARGET = { us: 9, timesFloor: 2.8, kbSession: 45 };
/** A shared machine drifts by a tenth from one minute to the next: the run in the middle of so many counts. */
const RUNS = 5;

async function run(context: ClaimContext) {
  const checks = new Checks();
  const results: FanoutResult[] = [];
  for (let i = 1; i <= RUNS; i++) {
    context.log(`run ${i} of ${RUNS}`);
    const result = await fanout({ viewers: 800, hz: 60, bytes: 120, seconds: 10 }, context.log);
    context.log(`${result.cpu_us_per_datagram} us a datagram, ${result.ratio_to_floor} times the floor`);
    results.push(result);
  }
  const middle = results.toSorted((a, b) => a.ratio_to_floor - b.ratio_to_floor)[RUNS >> 1];
  for (const [name, value] of Object.entries(middle ?? {})) checks.figure(name, value);
  const all = (name: keyof FanoutResult) => results.map((result) => Number(result[name]));
  checks.figure('cpu_us_per_datagram_of_all_runs', all('cpu_us_per_datagram'));
  checks.figure('ratio_to_floor_of_all_runs', all('ratio_to_floor'));
  const us = middle?.cpu_us_per_datagram ?? Number.NaN;
  const ratio = middle?.ratio_to_floor ?? Number.NaN;
  checks.check(
    us <= TARGET.us || ratio <= TARGET.timesFloor,
    `${us} us a datagram, ${ratio} times the floor (target ${TARGET.us} us or ${TARGET.timesFloor} times)`,
  );
  const delivered = Math.min(...all('delivered_ratio'));
  checks.check(delivered === 1, `delivered ${delivered} of all datagrams`);
  const kb = Math.max(...all('rss_kb_per_session'));
  checks.check(kb <= TARGET.kbSession, `${kb} kB a session (target ${TARGET.kbSession})`);
  const timers = Math.max(...all('timer_entries_per_session'));
  checks.check(timers <= 3, `${timers} timer entries a session: they multiply`);
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
    'Fan-out to 800 viewers at 60 Hz, 120 B: at most 9 us of CPU a datagram or 2.8 times raw sendmmsg, all delivered, at most 45 KB a session, in the median of five runs; the congestion window neither grows without bound nor starves',
  seconds: 120,
  run,
};
