import { gifts } from '../../bench/gifts.ts';
import { ledger } from '../../bench/ledger.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const SHOWN_MS = 100;
const BLOCKED_MS = 20;

async function run(context: ClaimContext) {
  const checks = new Checks();
  const result = await gifts({ giftsPerSecond: 100, commentsPerSecond: 500, seconds: 15 }, context.log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  const p99 = result.submit_to_shown_ms.p99 ?? Number.NaN;
  checks.check(p99 <= SHOWN_MS, `submit to shown p99 ${p99} ms (target ${SHOWN_MS})`);
  checks.check(result.shown === result.submitted, `${result.submitted - result.shown} never shown`);
  const { comments_alone: alone, comments_and_gifts: both } = result.relay_event_loop_ms;
  checks.check(
    both.max <= BLOCKED_MS,
    `the relay's JavaScript thread stood still for ${both.max} ms with gifts, ${alone.max} ms without (target ${BLOCKED_MS})`,
  );
  const bench = await ledger({ together: 512, rooms: 50, seconds: 5 }, context.log);
  checks.figure('durable gifts', bench.saturated);
  checks.figure('at 100 gifts a second', bench.at_100_per_s);
  checks.figure('one sync', bench.sync_floor_ms);
  checks.figure('timers alone', bench.timers_alone);
  const { cpu } = bench.at_100_per_s.event_loop_stall_ms;
  checks.check(cpu <= BLOCKED_MS, `the ledger's caller computed for ${cpu} ms in one turn (target ${BLOCKED_MS})`);
  return checks.outcome();
}

export const giftSpeed: Claim = {
  id: 'gifts.3',
  title:
    'Submit to shown p99 at most 100 ms on links of 20 ± 5 ms with 1 % loss while the room gets 500 comments a second; durable gifts a second and the cost of one; the JavaScript thread never blocked over 20 ms by the ledger',
  seconds: 90,
  run,
};
