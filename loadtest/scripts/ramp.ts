// More and more viewers until the lag or the runner gives in: where is the knee? MAX viewers, STEP_SECONDS a step of a tenth.
import { type Options, publish, sleep, watch } from '@hayate/loadtest';

const MAX = Number(__ENV['MAX'] ?? 400);
const ROOMS = Math.max(1, Math.ceil(MAX / 20));
const STEP_SECONDS = Number(__ENV['STEP_SECONDS'] ?? 3);
const STEPS = 10;
const stages = Array.from({ length: STEPS }, (_, n) => ({
  duration: `${STEP_SECONDS}s`,
  target: Math.round((MAX * (n + 1)) / STEPS),
}));
const seconds = STEPS * STEP_SECONDS;

export const options: Options = {
  scenarios: {
    livers: {
      executor: 'per-vu-iterations',
      vus: ROOMS,
      iterations: 1,
      exec: 'liver',
      maxDuration: `${seconds + 30}s`,
    },
    viewers: {
      executor: 'ramping-vus',
      startVUs: 0,
      stages,
      exec: 'viewer',
      startTime: '5s',
      gracefulStop: '1s',
      gracefulRampDown: '1s',
    },
  },
  thresholds: {
    // The knee: the test ends where the promise does.
    motion_lag: [{ threshold: 'p(99)<=110', abortOnFail: true, delayAbortEval: '10s' }],
    voice_gap: [{ threshold: 'rate<0.02', abortOnFail: true, delayAbortEval: '10s' }],
  },
};

export async function liver() {
  await sleep((__VU / ROOMS) * 3);
  await publish({ room: `load-ramp-${__VU % ROOMS}`, sub: 'liver' });
  await sleep(seconds + 4);
}

export async function viewer() {
  await watch({ room: `load-ramp-${__VU % ROOMS}` });
  await sleep(3600);
}
