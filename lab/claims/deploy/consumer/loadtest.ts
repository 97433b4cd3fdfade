// A load test in a project of its own, for `npx hayate loadtest run`.
import { check, publish, watch } from '@hayate/loadtest';

// Types of k6 are @types/k6, which this project does not have.
const { sleep } = (await import('k6' as string)) as { sleep(seconds: number): Promise<void> };

export const options = {
  scenarios: {
    liver: { executor: 'per-vu-iterations', exec: 'liver', vus: 1, iterations: 1 },
    viewer: { executor: 'per-vu-iterations', exec: 'viewer', vus: 1, iterations: 1, startTime: '1s' },
  },
  thresholds: { checks: ['rate==1'], gift_lost: ['rate==0'] },
};

export async function liver() {
  await publish({ room: 'packed', sub: 'ann' });
  await sleep(6);
}

export async function viewer() {
  const room = await watch({ room: 'packed', decode: 'all' });
  await room.gift({ liver: 'ann' });
  await sleep(2);
  check(room.watcher!.stats(), {
    'media came': ({ slots }) => [...slots.values()].some(({ motion }) => motion.received > 30),
  });
}
