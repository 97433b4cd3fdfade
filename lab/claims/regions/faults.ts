import { clusterGifts } from '../../faults/cluster-gifts.ts';
import { clusterMedia, MEDIA_FAULTS } from '../../faults/cluster-media.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { haveNats } from '../nats.ts';

const TIMES = 10;
const SEED = 1;
/** Of ten minutes: nothing depends on how long, once all of the region's servers are away. */
const REGION_DOWN_MS = 12_000;
/** What another room may feel of a thousand viewers that come at once. */
const OTHERS_MS = 10;
const BACK_MS = 2000;

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  if (!(await haveNats(checks))) return checks.outcome();
  const common = { times: TIMES, seed: SEED, regionDownMs: REGION_DOWN_MS };
  const crowds = { drainViewers: 200, failoverViewers: 1000 };
  const { faults, over, ...about } = await clusterMedia({ ...common, ...crowds, only: MEDIA_FAULTS }, log);
  checks.figure('media', about);
  for (const [fault, result] of Object.entries(faults)) checks.figure(`media: ${fault}`, result);
  for (const reason of over) checks.check(false, reason);
  const many = faults.failover?.more ?? {};
  const [before, after] = [many['other_lag_p99_before_ms'] ?? [], many['other_lag_p99_ms'] ?? []];
  const worse = after.map((ms, n) => ms - before[n]!);
  checks.check(
    worse.length === TIMES && worse.every((ms) => ms <= OTHERS_MS),
    `another room's lag p99 grew by ${worse.map((ms) => ms.toFixed(1))} ms (limit ${OTHERS_MS}) while viewers came over`,
  );
  const back = many['back_last_ms'] ?? [];
  checks.check(
    back.length === TIMES && Math.max(...back) <= BACK_MS,
    `the last viewer was back after ${back} ms (limit ${BACK_MS})`,
  );
  const gifts = await clusterGifts({ ...common, perSecond: 40, rooms: 20, servers: 3, patient: true }, log);
  checks.figure('gifts', gifts);
  checks.check(gifts.passed, 'gifts were lost, doubled or not delivered');
  return checks.outcome();
}

export const clusterFaults: Claim = {
  id: 'regions.3',
  title:
    'Two regions of two relays and three NATS servers each: relays die and drain, servers and a whole region of them die, the ocean is cut: media stands still for at most 2 s at a death and 0.2 s at a drain, no acked gift is lost or doubled; 1000 viewers are back within 2 s',
  seconds: 4200,
  run,
};
