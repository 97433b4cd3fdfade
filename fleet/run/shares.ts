import { HayateError } from '@hayate/codec/errors';
import { type ShiftWish, shifted, spreadOf } from '../scale/shares.ts';
import { emptyState, type FleetState, type ScaleRules, type Shares } from '../scale/types.ts';
import type { Store } from '../store/store.ts';

/** Of the store: what shifts made of the configured shares. */
const NAME = 'shares';
const TRIES = 5;

interface About {
  store: Store;
  providers: Readonly<Record<string, { share: number }>>;
  rules: { scale: ScaleRules };
}

/** Shares that hold now: a region that was shifted keeps to that whatever the configuration says. Rejects while the store is away. */
export async function readShares(
  store: Store,
  providers: About['providers'],
  regions: ScaleRules['regions'],
): Promise<{ shares: Shares; changed: Shares; sequence: number }> {
  const { value, sequence } = await store.read<Shares>(NAME);
  const configured = (region: string) =>
    Object.fromEntries(Object.keys(regions[region]!.zones).map((name) => [name, providers[name]?.share ?? 0]));
  const shares = Object.fromEntries(
    Object.keys(regions).map((region) => [region, value?.[region] ?? configured(region)]),
  );
  return { shares, changed: value ?? {}, sequence };
}

export interface Shifted {
  dryRun: boolean;
  /** By region that changes: percent by provider, and how many relays stand elsewhere than they then should. */
  regions: Record<string, { before: Record<string, number>; after: Record<string, number>; relays: number }>;
}

/** Changes shares for whoever leads. @throws HayateError `invalid_argument`; `unavailable` where the store does not take it */
export async function shiftShares(
  { store, providers, rules: { scale } }: About,
  { dryRun = false, ...wish }: ShiftWish & { dryRun?: boolean | undefined },
): Promise<Shifted> {
  const unavailable = (cause?: unknown) =>
    new HayateError('unavailable', 'the store of the fleet does not answer', { retryable: true, cause });
  const up = <T>(call: Promise<T>): Promise<T> =>
    call.catch((cause: unknown) => {
      throw unavailable(cause);
    });
  for (let n = 0; n < TRIES; n += 1) {
    const { shares, changed, sequence } = await up(readShares(store, providers, scale.regions));
    const after = shifted(shares, wish, scale.regions);
    const state = (await up(store.read<FleetState>('fleet'))).value ?? emptyState();
    const regions: Shifted['regions'] = {};
    for (const region of Object.keys(scale.regions).filter((code) => after[code] !== shares[code])) {
      const spread = spreadOf(state, region, after, scale);
      regions[region] = { before: shares[region]!, after: after[region]!, relays: spread.movesLeft(spread.total) };
    }
    // Regions that nobody shifted go on by the configuration.
    const next = { ...changed, ...Object.fromEntries(Object.keys(regions).map((region) => [region, after[region]!])) };
    if (dryRun || (await up(store.write(NAME, next, sequence))) !== undefined) {
      return { dryRun, regions };
    }
  }
  throw unavailable();
}
