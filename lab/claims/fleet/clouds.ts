import { shifts } from '../../fleet/shifts.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { haveNats } from '../nats.ts';

const FROZEN_MS = 200;
const BACK_S = 60;

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  if (!(await haveNats(checks))) return checks.outcome();
  const result = await shifts(log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  const { relays, dark, gifts, control, dry_run: dry } = result;
  const { first, peak, shifted, back, half, last } = relays;
  const sum = ({ a, b }: { a: number; b: number }) => a + b;
  checks.check(sum(peak) > sum(first), `no relay more at the peak: ${JSON.stringify(peak)}`);
  checks.check(sum(last) < sum(peak), `no relay fewer at the end: ${JSON.stringify(last)}`);
  checks.check(shifted.a === 0 && shifted.b >= sum(peak), `not all went over: ${JSON.stringify(shifted)}`);
  checks.check(back.b === 0 && back.a >= sum(peak), `not all came back: ${JSON.stringify(back)}`);
  checks.check(half.a > 0 && half.b > 0, `not half of them: ${JSON.stringify(half)}`);
  checks.check(dry.relays_to_move >= sum(peak) && !dry.changed, `the dry run: ${JSON.stringify(dry)}`);
  for (const name of ['shift_to_100', 'shift_to_0', 'shift_to_50', 'scale_in'] as const) {
    const { frozen_ms: frozen, moved } = result[name];
    // Of a region that shrinks those with fewest viewers go.
    checks.check(moved > 0 || name === 'scale_in', `${name}: no viewer was moved`);
    checks.check(
      frozen.pairs > 0 && frozen.max <= FROZEN_MS,
      `${name}: media stood still for ${frozen.max} ms (at most ${FROZEN_MS})`,
    );
  }
  checks.check(dark.viewers_there > 0, 'nobody was at the cloud that went dark');
  checks.check(dark.rooms_back_s <= BACK_S, `rooms of the dark cloud were back after ${dark.rooms_back_s} s`);
  checks.check(dark.capacity_back_s <= BACK_S, `its relays were made elsewhere after ${dark.capacity_back_s} s`);
  checks.check(
    dark.machines_before > 0 && dark.machines_kept === dark.machines_before && dark.phases.length > 0,
    `machines of the dark cloud: ${dark.machines_kept} of ${dark.machines_before}, ${dark.phases.join(' ')}`,
  );
  checks.check(gifts.sent > 0 && gifts.acked === gifts.sent, `${gifts.refused} gifts refused`);
  checks.check(gifts.lost === 0 && gifts.doubled === 0, `${gifts.lost} gifts lost, ${gifts.doubled} doubled`);
  checks.check(control.frozen_ms.max > FROZEN_MS, 'control: a relay that goes without a drain is not seen');
  checks.check(control.gifts_never_given === 1, 'control: a gift that nobody gave is not missed');
  return checks.outcome();
}

export const shiftedClouds: Claim = {
  id: 'fleet.3',
  title:
    'The fleet with real relay processes in two clouds on a real NATS, under rooms, viewers and gifts: out and in, all of it shifted to the other cloud and back, one cloud dark at the peak: media stands still for at most 0.2 s where a move was planned, rooms of the dark cloud are back within 60 s, no gift is lost or doubled',
  seconds: 230,
  run,
};
