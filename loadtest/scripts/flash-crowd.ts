// Somebody famous says "go and look": CROWD viewers into one room within SECONDS, while another room must not notice.
import { type Options, publish, sleep, watch } from '@hayate/loadtest';

const CROWD = Number(__ENV['CROWD'] ?? 300);
const SECONDS = Number(__ENV['SECONDS'] ?? 5);
const STAY = 15;

export const options: Options = {
  scenarios: {
    livers: { executor: 'per-vu-iterations', vus: 2, iterations: 1, exec: 'liver', maxDuration: '120s' },
    calm: { executor: 'per-vu-iterations', vus: 5, iterations: 1, exec: 'calm', startTime: '2s', maxDuration: '120s' },
    crowd: {
      executor: 'per-vu-iterations',
      vus: CROWD,
      iterations: 1,
      exec: 'crowd',
      startTime: '8s',
      maxDuration: '120s',
    },
  },
  thresholds: {
    'motion_lag{scenario:calm}': ['p(99)<=105'],
    join_time: ['p(95)<=2000'],
    'voice_gap{scenario:calm}': ['rate<0.01'],
  },
};

export async function liver() {
  await publish({ room: __VU % 2 === 0 ? 'load-flash' : 'load-calm', sub: 'liver' });
  await sleep(8 + SECONDS + STAY + 3);
}

export async function calm() {
  await watch({ room: 'load-calm', decode: 'all' });
  await sleep(6 + SECONDS + STAY);
}

export async function crowd() {
  await sleep(Math.random() * SECONDS);
  await watch({ room: 'load-flash' });
  await sleep(STAY);
}
