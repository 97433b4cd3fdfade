// A minute of a small evening: two rooms with a liver and viewers who comment, give, speak and change networks. Does everything work?
import { check, links, type Options, publish, sleep, watch } from '@hayate/loadtest';

const SECONDS = Number(__ENV['SECONDS'] ?? 20);
const ROOMS = 2;
const VIEWERS = 10;

export const options: Options = {
  scenarios: {
    livers: {
      executor: 'per-vu-iterations',
      vus: ROOMS,
      iterations: 1,
      exec: 'liver',
      maxDuration: `${SECONDS + 30}s`,
    },
    viewers: {
      executor: 'per-vu-iterations',
      vus: VIEWERS,
      iterations: 1,
      exec: 'viewer',
      startTime: '2s',
      maxDuration: `${SECONDS + 30}s`,
    },
  },
  thresholds: {
    motion_lag: ['p(99)<=100'],
    voice_lag: ['p(99)<=105'],
    motion_exact: ['rate>0.99'],
    voice_gap: ['rate<0.01'],
    gift_lost: ['rate==0'],
    gift_doubled: ['rate==0'],
    checks: ['rate==1'],
  },
};

const roomOf = (vu: number) => `load-smoke-${vu % ROOMS}`;

export async function liver() {
  const { publisher } = await publish({ room: roomOf(__VU), sub: 'liver', grants: true });
  check(publisher, { 'the liver has a slot': ({ slot }) => slot !== undefined });
  await sleep(SECONDS);
}

export async function viewer() {
  const room = await watch({ room: roomOf(__VU), decode: 'all' });
  const beganMs = Date.now();
  await sleep(1);
  await room.comment('hello');
  if (__VU % 4 === 0) await room.gift({ liver: 'liver' });
  if (__VU % 5 === 0) {
    const speech = await room.speak();
    await sleep(2);
    await speech.close();
  }
  if (__VU % 5 === 1) await room.switchNetwork(links.lte);
  // The liver stays two seconds longer.
  await sleep(SECONDS - 4 - (Date.now() - beganMs) / 1000);
  check(room.watcher!.stats(), {
    'media came': ({ slots }) => [...slots.values()].some(({ motion }) => motion.received > 30),
  });
}
