import { joins } from '../../bench/joins.ts';
import { vitestCounts } from '../../lib/vitest.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

async function run(context: ClaimContext) {
  const checks = new Checks();
  const result = await joins({ viewers: 500, joinsPerSecond: 500, seconds: 10 }, context.log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  const growth = Number((result.joining_lag_ms.p99 - result.calm_lag_ms.p99).toFixed(2));
  checks.figure('lag_p99_growth_ms', growth);
  checks.check(growth <= 10, `lag p99 grew by ${growth} ms`);
  checks.check(
    result.delivered_ratio.joining > 0.999,
    `viewers got ${result.delivered_ratio.joining} of the media while others joined`,
  );
  checks.check(
    result.joins.joined >= 0.98 * 500 * 10,
    `only ${result.joins.joined} of ${500 * 10} joins succeeded: the load was not the one claimed`,
  );
  context.log('refusals: each with its documented code, its counter, and a bystander who notices nothing');
  const counts = await vitestCounts(['relay/refusals']);
  checks.figure('refusal_tests', counts);
  checks.check(
    counts.failed === 0 && counts.passed > 0 && counts.skipped === 0,
    `refusal tests: ${JSON.stringify(counts)}`,
  );
  return checks.outcome();
}

export const intruders: Claim = {
  id: 'relay.6',
  title:
    '500 joins a second while 500 viewers watch: lag p99 grows at most 10 ms; wrong, expired or missing token, unknown path, foreign origin, oversized datagram, wrong capture time, garbage: a documented code, a counter, and nobody else notices',
  seconds: 60,
  run,
};
