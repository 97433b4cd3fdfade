import { day } from '../../day/day.ts';
import { figuresOf } from '../../day/figures.ts';
import { dayInput } from '../../day/input.ts';
import { DAY_MS, PEAK_MS, START_MS } from '../../day/plan.ts';
import { Random } from '../../faults/random.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const SEED = 1;
const RESTARTS = 100;
/** At midnight a region grows, and one look more or less is a relay more or less. Five hours after its last room all is said. */
const CLOSED_MS = START_MS + DAY_MS + 5 * 3_600_000;
const DEAD = { fromMs: PEAK_MS - 5 * 60_000, forMs: 10 * 60_000 };

async function run(context: ClaimContext) {
  const checks = new Checks();
  const input = dayInput(SEED);
  context.log('the day without a restart');
  const plain = figuresOf(await day(input, { seed: SEED, untilMs: CLOSED_MS }));
  context.log(`the leader killed at ${RESTARTS} random moments`);
  const random = new Random(SEED);
  const restarts = Array.from({ length: RESTARTS }, () => START_MS + random.next() * DAY_MS);
  const restarted = figuresOf(await day(input, { seed: SEED, restarts, untilMs: CLOSED_MS }));
  for (const [name, { end_state, two_vms_for_one_intent, vm_hours, refused }] of [
    ['no restart', plain],
    [`${RESTARTS} restarts`, restarted],
  ] as const) {
    checks.figure(name, { end_state, two_vms_for_one_intent, vm_hours, refused });
  }
  const same = JSON.stringify(restarted.end_state) === JSON.stringify(plain.end_state);
  checks.check(
    same,
    `end state ${JSON.stringify(restarted.end_state)}, without restarts ${JSON.stringify(plain.end_state)}`,
  );
  checks.check(restarted.end_state.astray === 0, `${restarted.end_state.astray} machines astray`);
  checks.check(restarted.two_vms_for_one_intent === 0, `${restarted.two_vms_for_one_intent} intents have two VMs`);
  checks.check(restarted.rooms_cut_by_scale_in === 0, `${restarted.rooms_cut_by_scale_in} rooms cut`);
  checks.check(restarted.vms_deleted_with_unsent_gifts === 0, 'VMs deleted with unsent gifts');

  context.log('all instances dead for ten minutes at the peak');
  const dead = figuresOf(await day(input, { seed: SEED, dead: DEAD, untilMs: PEAK_MS + 3_600_000 }));
  checks.figure('dead for ten minutes at the peak', {
    placed_by_relays_themselves: dead.placed_by_relays_themselves,
    refused_meanwhile: dead.refused_while_the_fleet_was_dead,
  });
  checks.check(dead.placed_by_relays_themselves > 0, 'nobody opened a room meanwhile');
  const refused = dead.refused_while_the_fleet_was_dead;
  checks.check(refused === 0, `${refused} openings refused while the fleet was dead`);

  context.log('controls');
  const alone = figuresOf(await day(input, { seed: SEED, dead: DEAD, alone: true, untilMs: PEAK_MS + 3_600_000 }));
  const lost = alone.refused_while_the_fleet_was_dead;
  checks.figure('control: relays do not place', { refused_meanwhile: lost });
  checks.check(lost > 0, 'control: without the relays nothing is refused');
  const untilMs = START_MS + 8 * 3_600_000;
  const forgetful = figuresOf(await day(input, { seed: SEED, restarts, forgetful: true, untilMs }));
  checks.figure('control: restarts without reconciling', {
    ...{ astray: forgetful.end_state.astray, two_vms_for_one_intent: forgetful.two_vms_for_one_intent },
  });
  checks.check(forgetful.end_state.astray > 0, 'control: without reconciling no machine is astray');
  return checks.outcome();
}

export const fleetRestarts: Claim = {
  id: 'fleet.2',
  title:
    'The leader of the fleet killed at 100 random moments of that day: the same end state; the whole fleet dead for ten minutes at the peak: no room opening refused',
  seconds: 100,
  run,
};
