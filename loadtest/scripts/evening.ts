// An evening of a community service, made short: rooms open and close, viewers come and go, talk and give. HOUR_SECONDS an hour.
import { type Options, publish, sleep, watch } from '@hayate/loadtest';

const HOUR = Number(__ENV['HOUR_SECONDS'] ?? 8);
const ROOMS = Number(__ENV['ROOMS'] ?? 8);
const PEAK = Number(__ENV['PEAK'] ?? 80);
/** Share of the peak from 18 to 24 o'clock. */
const SHARES = [0.3, 0.5, 0.8, 1, 0.7, 0.2];
const stages = SHARES.map((share) => ({ duration: `${HOUR}s`, target: Math.max(1, Math.round(PEAK * share)) }));
const seconds = SHARES.length * HOUR;

export const options: Options = {
  scenarios: {
    livers: { executor: 'constant-vus', vus: ROOMS, duration: `${seconds}s`, exec: 'liver', gracefulStop: '2s' },
    viewers: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages,
      exec: 'viewer',
      startTime: '2s',
      gracefulStop: '2s',
      gracefulRampDown: '5s',
    },
  },
  thresholds: {
    motion_lag: ['p(95)<=100'],
    voice_lag: ['p(95)<=105'],
    gift_lost: ['rate==0'],
    gift_doubled: ['rate==0'],
    comment_lag: ['p(95)<=200'],
  },
};

const roomOf = (n: number) => `load-evening-${n % ROOMS}`;

/** A stream of half an hour to two, then a break. */
export async function liver() {
  const room = await publish({ room: roomOf(__VU), sub: 'liver', dtx: true });
  await sleep(HOUR * (0.5 + 1.5 * Math.random()));
  await room.close();
  await sleep(HOUR * 0.1);
}

export async function viewer() {
  const talks = Math.random() < 0.2;
  const room = await watch({ room: roomOf(Math.floor(Math.random() * ROOMS)), decode: talks ? 'all' : 'sampled' });
  const stays = HOUR * (0.2 + Math.random());
  await sleep(stays / 2);
  if (talks) await room.comment('good evening');
  if (talks && Math.random() < 0.3) await room.gift({ liver: 'liver', amount: 120 });
  await sleep(stays / 2);
  room.close();
}
