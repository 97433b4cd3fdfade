// A birthday: gifts from all sides at a rate that does not wait. RATE a second, SECONDS long. None may be lost or doubled.
import { type Options, publish, sleep, watch } from '@hayate/loadtest';

const RATE = Number(__ENV['RATE'] ?? 30);
const SECONDS = Number(__ENV['SECONDS'] ?? 20);
const GIVERS = Number(__ENV['GIVERS'] ?? 40);

export const options: Options = {
  scenarios: {
    liver: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'liver', maxDuration: `${SECONDS + 30}s` },
    gifts: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      duration: `${SECONDS}s`,
      preAllocatedVUs: GIVERS,
      maxVUs: 4 * GIVERS,
      exec: 'give',
      startTime: '3s',
    },
  },
  thresholds: { gift_lost: ['rate==0'], gift_doubled: ['rate==0'], gift_lag: ['p(99)<=150'] },
};

export async function liver() {
  await publish({ room: 'load-gifts', sub: 'liver' });
  await sleep(SECONDS + 5);
}

export async function give() {
  const room = await watch({ room: 'load-gifts', decode: 'all', sub: `fan-${__VU}` });
  await room.gift({ liver: 'liver', amount: 100 + (__ITER % 9) });
  // Whoever stays for a moment would see a second one.
  await sleep(0.5);
  room.close();
}
