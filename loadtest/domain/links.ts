import type { LinkOptions, LinkProfile } from '@hayate/engine';

/** The same way there and back, with losses of their own. */
function both(profile: LinkProfile): LinkOptions {
  return { tx: { ...profile, seed: 1 }, rx: { ...profile, seed: 2 } };
}

/** Emulated networks of one virtual user, each way. A scenario may give its own. */
export const links = {
  lan: both({ delayMs: 1 }),
  fibre: both({ delayMs: 5, jitterMs: 2 }),
  cable: both({ delayMs: 20, jitterMs: 5 }),
  lte: both({ delayMs: 35, jitterMs: 10 }),
  lteLossy: both({ delayMs: 35, jitterMs: 10, loss: 0.03 }),
  lteBursts: both({ delayMs: 35, jitterMs: 10, burst: { goodMs: 5000, badMs: 200 } }),
  rural: both({ delayMs: 60, jitterMs: 25, loss: 0.02 }),
  slow: both({ delayMs: 30, rateKbps: 256, queueMs: 200 }),
  satellite: both({ delayMs: 280, jitterMs: 10 }),
  ocean: both({ delayMs: 70, jitterMs: 8 }),
} as const satisfies Record<string, LinkOptions>;

/** The link with `ms` more each way. */
export function delayed(link: LinkOptions, ms: number): LinkOptions {
  const more = (profile: LinkProfile = {}): LinkProfile => ({ ...profile, delayMs: (profile.delayMs ?? 0) + ms });
  return { ...link, tx: more(link.tx), rx: more(link.rx) };
}
