// So many rooms with a liver and viewers, all at once and steady: how does the relay stand it? ROOMS, VIEWERS (a room),
// SECONDS (with all there), LINK (everybody's: a name of `links`), DTX=1 (livers leave silence out).
import { links, type Options, publish, sleep, watch } from '@hayate/loadtest';

const ROOMS = Number(__ENV['ROOMS'] ?? 10);
const VIEWERS = Number(__ENV['VIEWERS'] ?? 20);
const SECONDS = Number(__ENV['SECONDS'] ?? 30);
/** Viewers of a room join over so long. */
const JOIN_SECONDS = Number(__ENV['JOIN_SECONDS'] ?? 10);
const link = links[__ENV['LINK'] as keyof typeof links];
const dtx = __ENV['DTX'] === '1';
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
  // At the start and at the end a liver is there before and after the viewers.
  await sleep((__VU / ROOMS) * 3);
  await publish({ room: roomOf(__VU), sub: 'liver', dtx, ...(link && { link }) });
  await sleep(5 + JOIN_SECONDS + SECONDS + 1);
}

export async function viewer() {
  const joins = Math.random() * JOIN_SECONDS;
  await sleep(joins);
  await watch({ room: roomOf(__VU), ...(link && { link }) });
  await sleep(JOIN_SECONDS - joins + SECONDS);
}
