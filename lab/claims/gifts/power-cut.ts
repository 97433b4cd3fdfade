import { powerCut } from '../../faults/power.ts';
import { haveStrace } from '../../faults/trace.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const CUTS = 2000;

async function run(context: ClaimContext) {
  const checks = new Checks();
  if (!haveStrace()) {
    checks.skip('no strace that may trace: nothing was recorded');
    return checks.outcome();
  }
  const {
    passed,
    disk,
    bit_flips,
    control_synchronous_off: control,
    ...cuts
  } = await powerCut({ cuts: CUTS, seed: 1 }, context.log);
  for (const [name, value] of Object.entries(cuts)) checks.figure(name, value);
  checks.figure('control with synchronous=OFF', control);
  for (const [name, { passed, ...values }] of Object.entries(disk)) {
    checks.figure(name, values);
    checks.check(passed, `${name}: not as it should be`);
  }
  checks.figure('bit flips after a kill', bit_flips.after_a_kill);
  checks.figure('bit flips, half delivered', bit_flips.half_delivered);
  for (const name of ['lost', 'doubled', 'gaps'] as const) checks.check(cuts[name] === 0, `${cuts[name]} ${name}`);
  checks.check(Object.keys(cuts.refused).length === 0, 'a ledger did not open after a power cut');
  checks.check(control.lost > 0, 'the control lost nothing: the experiment sees nothing');
  const unnoticed = bit_flips.after_a_kill.unnoticed + bit_flips.half_delivered.unnoticed;
  checks.check(unnoticed === 0, `${unnoticed} flipped bits changed something in silence`);
  checks.check(passed, 'the run says that it failed');
  return checks.outcome();
}

export const ledgerPowerCut: Claim = {
  id: 'gifts.2',
  title:
    'Recorded writes of the ledger that the relay runs, cut at 2000 random points, unsynced ones dropped or torn: nothing acked is lost or doubled, with synchronous=OFF it is; full, failing and read-only disks answer with their code and flipped bits are refused or harmless',
  seconds: 240,
  run,
};
