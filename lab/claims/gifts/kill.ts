import { killLedger } from '../../faults/kill.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const OPTIONS = { kills: 50, perSecond: 100, rooms: 50, seed: 1 };

async function run(context: ClaimContext) {
  const checks = new Checks();
  const { passed, ...result } = await killLedger(OPTIONS, context.log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  for (const name of ['lost', 'doubled', 'reordered', 'gaps'] as const) {
    checks.check(result[name] === 0, `${result[name]} ${name}`);
  }
  checks.check(result.acked === result.sent, `${result.sent - result.acked} never got an answer`);
  checks.check(result.resent > 0, 'no kill met a gift on its way: nothing was tried');
  checks.check(passed, 'the run says that it failed');
  return checks.outcome();
}

export const ledgerKilled: Claim = {
  id: 'gifts.1',
  title:
    'Ledger alone, not yet over the network: 100 gifts a second over 50 rooms, 50 SIGKILLs at random instants, what has no answer sent again: none lost, doubled or out of order',
  seconds: 60,
  run,
};
