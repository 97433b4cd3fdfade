import { killRelay } from '../../faults/relay-kill.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const OPTIONS = { kills: 50, perSecond: 100, rooms: 50, seed: 1 };

async function run(context: ClaimContext) {
  const checks = new Checks();
  const { passed, ...result } = await killRelay(OPTIONS, context.log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  for (const name of ['lost', 'doubled', 'reordered', 'webhook_missing'] as const) {
    checks.check(result[name] === 0, `${result[name]} ${name}`);
  }
  checks.check(result.acked === result.sent, `${result.sent - result.acked} never got an answer`);
  const tried = result.written_before_and_answered_again;
  checks.check(tried > 0, 'no kill met a gift between its record and its answer: nothing was tried');
  checks.check(passed, 'the run says that it failed');
  return checks.outcome();
}

export const giftsKilled: Claim = {
  id: 'gifts.1',
  title:
    '100 gifts a second over 50 rooms by SDK clients, 50 SIGKILLs of the relay at random instants, clients reconnect and resend by themselves: none lost, doubled, out of order or missing at the webhook',
  seconds: 180,
  run,
};
