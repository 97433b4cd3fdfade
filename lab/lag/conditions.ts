import type { LinkProfile } from '@hayate/engine';

/** One row of the matrix. */
export interface Condition {
  name: string;
  /** Liver to relay. */
  up: LinkProfile;
  /** Relay to viewer. */
  down: LinkProfile;
}

const lan: LinkProfile = { delayMs: 0.3 };
const home: LinkProfile = { delayMs: 5, jitterMs: 2 };
const fibre: LinkProfile = { delayMs: 20, jitterMs: 5 };
const lte: LinkProfile = { delayMs: 35, jitterMs: 10 };

const burst = (badMs: number, share: number) => ({ goodMs: (badMs * (1 - share)) / share, badMs });

/** Loss on one hop or on both. */
function lossy(name: string, link: LinkProfile, loss: Partial<LinkProfile>): Condition[] {
  const hit = { ...link, ...loss };
  return [
    { name: `${name}, uplink`, up: hit, down: link },
    { name: `${name}, downlink`, up: link, down: hit },
    { name: `${name}, both`, up: hit, down: hit },
  ];
}

/** The other hop of a condition that is about one is an ordinary one: 5 +- 2 ms. */
export const CONDITIONS: readonly Condition[] = [
  { name: 'LAN', up: lan, down: lan },
  { name: '5 ± 2 ms', up: home, down: home },
  { name: '20 ± 5 ms', up: fibre, down: fibre },
  { name: 'LTE 35 ± 10 ms', up: lte, down: lte },
  ...[0.01, 0.03, 0.05].flatMap((loss) => lossy(`5 ± 2 ms, ${100 * loss} % loss`, home, { loss })),
  ...[0.01, 0.03, 0.05].flatMap((loss) => lossy(`LTE, ${100 * loss} % loss`, lte, { loss })),
  ...[100, 330].flatMap((ms) => lossy(`LTE, bursts of ${ms} ms, 3 %`, lte, { burst: burst(ms, 0.03) })),
  {
    name: 'cable: 100 kbit/s left, 200 ms queue',
    up: home,
    down: { delayMs: 10, jitterMs: 3, rateKbps: 100, queueMs: 200 },
  },
  {
    name: 'rural LTE',
    up: home,
    down: { delayMs: 60, jitterMs: 25, loss: 0.02, rateKbps: 1000, queueMs: 400, burst: burst(150, 0.01) },
  },
  {
    name: 'satellite (low orbit)',
    up: home,
    down: { delayMs: 25, jitterMs: 12, loss: 0.01, burst: burst(120, 0.008) },
  },
  { name: 'satellite (geostationary)', up: home, down: { delayMs: 280, jitterMs: 10, loss: 0.005 } },
  { name: 'ocean 70 ± 8 ms', up: home, down: { delayMs: 70, jitterMs: 8 } },
  ...[256, 64, 40].map((rateKbps) => ({
    name: `${rateKbps} kbit/s`,
    up: home,
    down: { delayMs: 20, jitterMs: 5, rateKbps, queueMs: 200 },
  })),
];
