// So many rooms with a liver and viewers, all at once and steady: how does the relay stand it? ROOMS, VIEWERS (a room), SECONDS.
import { type Options, publish, sleep, watch } from '@hayate/loadtest';

const ROOMS = Number(__ENV['ROOMS'] ?? 10);
const VIEWERS = Number(__ENV['VIEWERS'] ?? 20);
const SECONDS = Number(__ENV['SECONDS'] ?? 30);
/** Viewers of a room join over so long. */
const JOIN_SECONDS = Number(__ENV['JOIN_SECONDS'] ?? 10);
const maxDuration = `${SECONDS + JOIN_SECONDS + 60}s`;

export const options: Options = {
  scenarios: {
    livers: { executor: 'per-vu-iterations', vus: ROOMS, iterations: 1, exec: 'liver', maxDuration },
    viewers: {
      executor: 'per-vu-iterations',
      vus: ROOMS * VIEWERS,
      iterations: 1,
      exec: 'viewer',
      startTime: '5s',
      maxDuration,
    },
  },
  thresholds: {
    motion_lag: ['p(99)<=100'],
    voice_lag: ['p(99)<=105'],
    motion_exact: ['rate>0.98'],
    voice_gap: ['rate<0.01'],
  },
};

const roomOf = (vu: number) => `load-steady-${vu % ROOMS}`;

export async function liver() {
  await sleep((__VU / ROOMS) * 3);
  await publish({ room: roomOf(__VU), sub: 'liver' });
  await sleep(SECONDS + JOIN_SECONDS + 4);
}

export async function viewer() {
  await sleep(Math.random() * JOIN_SECONDS);
  await watch({ room: roomOf(__VU) });
  await sleep(SECONDS);
}
