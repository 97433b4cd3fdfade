import { roll } from '../../faults/roll.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { haveNats } from '../nats.ts';

const FROZEN_MS = 200;
/** Eight relays, six NATS servers and the load share this machine: what it carries with some room. */
const [ROOMS, VIEWERS] = [2, 2];

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  if (!(await haveNats(checks))) return checks.outcome();
  const result = await roll({ rooms: ROOMS, viewers: VIEWERS, atOnce: false }, log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  const { frozen_ms: frozen, control_frozen_ms: control, places, gifts, relays } = result;
  checks.check(
    frozen.pairs > 0 && frozen.max <= FROZEN_MS,
    `media stood still for ${frozen.max} ms (at most ${FROZEN_MS})`,
  );
  const elsewhere = Object.keys(places).filter((id) => !relays.new.includes(id));
  checks.check(elsewhere.length === 0, `viewers are not at the new relays: ${JSON.stringify(places)}`);
  checks.check(gifts.sent > 0 && gifts.acked === gifts.sent, `${gifts.refused} gifts refused`);
  checks.check(gifts.lost === 0 && gifts.doubled === 0, `${gifts.lost} gifts lost, ${gifts.doubled} doubled`);
  checks.check(control.max > FROZEN_MS, 'control: clients that know one relay did not stand still');
  return checks.outcome();
}

export const rolled: Claim = {
  id: 'deploy.4',
  title:
    'A roll with real relay processes: four new relays come beside four old ones in two regions, which drain and go one after the other, while rooms and gifts go on: media stands still for at most 0.2 s, no gift is lost or doubled',
  seconds: 150,
  run,
};
