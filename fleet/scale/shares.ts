import { HayateError } from '@hayate/codec/errors';
import type { FleetState, ScaleRules, Shares } from './types.ts';

/** Floating point: deviations that are equal differ by less. */
const EPSILON = 1e-9;

/** A region's relays by provider, and how far each provider is from its share of them. */
export class Spread {
  readonly #shares: ReadonlyMap<string, number>;
  readonly #counts = new Map<string, number>();

  /**
   * @param shares percent, by those providers that count
   * @param of where each relay stands
   */
  constructor(shares: ReadonlyMap<string, number>, of: Iterable<string>) {
    this.#shares = shares;
    for (const name of of) this.add(name, 1);
  }

  add(provider: string, count: number): void {
    this.#counts.set(provider, (this.#counts.get(provider) ?? 0) + count);
  }

  copy(): Spread {
    const copy = new Spread(this.#shares, []);
    for (const [name, count] of this.#counts) copy.add(name, count);
    return copy;
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  /** Those that have relays. */
  providers(): string[] {
    return [...this.#counts].flatMap(([name, count]) => (count > 0 ? [name] : []));
  }

  /** Of so many relays, how many are this provider's; not whole. */
  due(provider: string, total: number): number {
    let sum = 0;
    for (const share of this.#shares.values()) sum += share;
    return sum > 0 ? ((this.#shares.get(provider) ?? 0) / sum) * total : 0;
  }

  /** Relays that it has beyond its share of so many. */
  beyond(provider: string, total: number): number {
    return (this.#counts.get(provider) ?? 0) - this.due(provider, total);
  }

  /** Who lacks most of its share; the first of equals. */
  behind(among: readonly string[], total: number): string | undefined {
    return least(among, (name) => this.beyond(name, total));
  }

  /** Who is most beyond its share. */
  ahead(among: readonly string[], total: number): string | undefined {
    return least(among, (name) => -this.beyond(name, total));
  }

  /**
   * One relay of another provider instead, which brings both nearer to their shares; undefined: nearer than that whole relays
   * cannot be. @param to who may have more
   */
  move(to: readonly string[], total: number): { from: string; to: string } | undefined {
    const wanted = to.filter((name) => (this.#shares.get(name) ?? 0) > 0);
    const [from, behind] = [this.ahead(this.providers(), total), this.behind(wanted, total)];
    if (from === undefined || behind === undefined) return undefined;
    const nearer = this.beyond(from, total) - this.beyond(behind, total) > 1 + EPSILON;
    return nearer ? { from, to: behind } : undefined;
  }

  /** Moves until that is reached, wherever there is room. */
  movesLeft(total: number): number {
    const after = this.copy();
    for (let count = 0; ; count += 1) {
      const move = after.move([...this.#shares.keys()], total);
      if (!move) return count;
      after.add(move.from, -1);
      after.add(move.to, 1);
    }
  }
}

function least(among: readonly string[], of: (name: string) => number): string | undefined {
  let found: { name: string; value: number } | undefined;
  for (const name of among) {
    const value = of(name);
    if (!found || value < found.value - EPSILON) found = { name, value };
  }
  return found?.name;
}

export const isDark = (state: FleetState, provider: string): boolean => state.providers[provider]?.darkMs !== undefined;

/** What counts of a region: relays that serve or come, at providers that are not dark. */
export function spreadOf(state: FleetState, region: string, shares: Shares, rules: ScaleRules): Spread {
  const names = Object.keys(rules.regions[region]?.zones ?? {}).filter((name) => !isDark(state, name));
  const of = Object.values(state.machines).filter(
    (each) => each.region === region && (each.phase === 'serving' || isComing(state, each)),
  );
  return new Spread(
    new Map(names.map((name) => [name, shares[region]?.[name] ?? 0])),
    of.map(({ provider }) => provider),
  );
}

/** What a dark provider was to make is made elsewhere. */
export function isComing(state: FleetState, { phase, provider }: FleetState['machines'][string]): boolean {
  return (phase === 'wanted' || phase === 'starting') && !isDark(state, provider);
}

export interface ShiftWish {
  from: string;
  to: string;
  /** Of what both have together, that `to` has then. 0 takes it all back. */
  percent: number;
  /** Without: each one where `to` has zones. */
  region?: string | undefined;
}

/** Shares after a shift. @throws HayateError `invalid_argument` for what is not there */
export function shifted(
  shares: Shares,
  { from, to, percent, region }: ShiftWish,
  regions: ScaleRules['regions'],
): Shares {
  const refuse = (why: string): never => {
    throw new HayateError('invalid_argument', why);
  };
  if (from === to) refuse(`from and to are both ${from}`);
  const known = new Set(Object.values(regions).flatMap(({ zones }) => Object.keys(zones)));
  for (const name of [from, to]) if (!known.has(name)) refuse(`no provider ${name} with zones`);
  if (region !== undefined && !regions[region]) refuse(`no region ${region}`);
  const both = Object.keys(regions).filter((code) => regions[code]!.zones[to] && regions[code]!.zones[from]);
  const which = region === undefined ? both : both.filter((code) => code === region);
  if (which.length === 0) refuse(`${from} and ${to} have no zones in ${region ?? 'one region'}`);
  const after = { ...shares };
  for (const code of which) {
    const of = shares[code] ?? {};
    const sum = (of[from] ?? 0) + (of[to] ?? 0);
    if (sum === 0) refuse(`neither ${from} nor ${to} has a share of ${code}`);
    after[code] = { ...of, [from]: (sum * (100 - percent)) / 100, [to]: (sum * percent) / 100 };
  }
  return after;
}
