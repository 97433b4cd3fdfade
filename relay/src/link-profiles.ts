import type { LinkProfile } from '@hayate/engine';

export interface NamedLink {
  id: string;
  /** For people; the field's own notation, the same in any language. */
  label: string;
  /** Client to relay, and back. One way. */
  up: LinkProfile;
  down: LinkProfile;
}

/** All is lost for `badMs` on average, `loss` of the time. */
const burst = (badMs: number, loss: number) => ({ badMs, goodMs: Math.round((badMs * (1 - loss)) / loss) });

const both = (id: string, label: string, link: LinkProfile): NamedLink => ({ id, label, up: link, down: link });
const down = (id: string, label: string, up: LinkProfile, link: LinkProfile): NamedLink => ({
  id,
  label,
  up,
  down: link,
});

const NEAR: LinkProfile = { delayMs: 5, jitterMs: 2 };
const LTE: LinkProfile = { delayMs: 35, jitterMs: 10 };

/** What an emulated link of a development relay can be; the first is how it begins. As in docs/lag.md where they are there. */
export const LINK_PROFILES: readonly NamedLink[] = [
  both('lan', 'LAN', {}),
  both('5', '5 ± 2 ms', NEAR),
  down('5-loss-3', '5 ± 2 ms, 3 % loss ↓', NEAR, { ...NEAR, loss: 0.03 }),
  both('20', '20 ± 5 ms', { delayMs: 20, jitterMs: 5 }),
  both('lte', 'LTE 35 ± 10 ms', LTE),
  both('lte-loss-3', 'LTE 35 ± 10 ms, 3 % loss', { ...LTE, loss: 0.03 }),
  both('lte-burst-100', 'LTE, bursts of 100 ms, 3 %', { ...LTE, burst: burst(100, 0.03) }),
  down(
    '64k',
    '20 ± 5 ms, 64 kbit/s ↓',
    { delayMs: 20, jitterMs: 5 },
    { delayMs: 20, jitterMs: 5, rateKbps: 64, queueMs: 200 },
  ),
  both('satellite', '300 ms (geostationary)', { delayMs: 300, jitterMs: 5 }),
];
