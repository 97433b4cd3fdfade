// The same room over every kind of network: who still sees a living face?
import { links, type Options, publish, sleep, watch } from '@hayate/loadtest';

const SECONDS = Number(__ENV['SECONDS'] ?? 20);
const NETWORKS = ['fibre', 'cable', 'lte', 'lteLossy', 'lteBursts', 'rural'] as const;
const scenarios = Object.fromEntries(
  NETWORKS.map((network) => [
    network,
    {
      executor: 'per-vu-iterations' as const,
      vus: 2,
      iterations: 1,
      exec: 'viewer',
      startTime: '3s',
      env: { NETWORK: network },
      tags: { network },
      maxDuration: `${SECONDS + 30}s`,
    },
  ]),
);

export const options: Options = {
  scenarios: {
    liver: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'liver', maxDuration: `${SECONDS + 30}s` },
    ...scenarios,
    switching: {
      executor: 'per-vu-iterations',
      vus: 2,
      iterations: 1,
      exec: 'switching',
      startTime: '3s',
      tags: { network: 'switching' },
      maxDuration: `${SECONDS + 30}s`,
    },
  },
  thresholds: {
    'motion_lag{network:fibre}': ['p(99)<=100'],
    'motion_exact{network:fibre}': ['rate>0.98'],
    'motion_exact{network:lteLossy}': ['rate>0.9'],
    rejoin_time: ['max<2000'],
    // Nothing is shown later than the budget and 50 ms.
    motion_lag: ['max<=155'],
  },
};

export async function liver() {
  await publish({ room: 'load-networks', sub: 'liver' });
  await sleep(SECONDS + 8);
}

export async function viewer() {
  const network = __ENV['NETWORK'] as keyof typeof links;
  await watch({ room: 'load-networks', decode: 'all', link: links[network] });
  await sleep(SECONDS);
}

/** Out of the house and in again. */
export async function switching() {
  const room = await watch({ room: 'load-networks', decode: 'all', link: links.fibre });
  for (const link of [links.lte, links.fibre]) {
    await sleep(SECONDS / 3);
    await room.switchNetwork(link);
  }
  await sleep(SECONDS / 3);
}
