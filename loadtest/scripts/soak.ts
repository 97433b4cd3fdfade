// Hours of ordinary life (HOURS): does anything grow, drift or wear out?
import { type Options, publish, sleep, watch } from '@hayate/loadtest';

const SECONDS = Number(__ENV['HOURS'] ?? 0.01) * 3600;
const ROOMS = Number(__ENV['ROOMS'] ?? 5);
const VIEWERS = Number(__ENV['VIEWERS'] ?? 50);

export const options: Options = {
  scenarios: {
    livers: { executor: 'constant-vus', vus: ROOMS, duration: `${SECONDS}s`, exec: 'liver', gracefulStop: '2s' },
    viewers: { executor: 'constant-vus', vus: VIEWERS, duration: `${SECONDS}s`, exec: 'viewer', gracefulStop: '2s' },
  },
  thresholds: {
    motion_lag: ['p(99)<=105'],
    voice_gap: ['rate<0.01'],
    gift_lost: ['rate==0'],
    gift_doubled: ['rate==0'],
  },
};

export async function liver() {
  const room = await publish({ room: `load-soak-${__VU % ROOMS}`, sub: 'liver' });
  await sleep(600);
  await room.close();
}

export async function viewer() {
  await sleep(Math.random() * 3);
  const room = await watch({ room: `load-soak-${__VU % ROOMS}`, decode: __VU % 10 === 0 ? 'all' : 'sampled' });
  await sleep(10 + Math.random() * 60);
  if (__VU % 10 === 0) await room.gift({ liver: 'liver' });
  room.close();
}
