import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Machine } from '../provider/types.ts';
import { type Deletable, decide, isDeletable, resumed } from './decide.ts';
import { settle } from './outcome.ts';
import { shifted, spreadOf } from './shares.ts';
import { type Action, emptyState, type FleetState, type Observation, type ScaleRules, type Shares } from './types.ts';

const LOOK_MS = 10_000;
const RULES: ScaleRules = {
  regions: { jp: { zones: { a: ['tyo', 'osa'], b: ['tyo'], c: ['nrt'] }, min: 1, max: 6 } },
  ...{ labelPrefix: 'hayate-', tag: 'fleet', createRetryMs: 10_000, createMaxRetryMs: 80_000 },
  ...{ bootLimitMs: 300_000, lostMs: 20_000, darkMs: 10_000, drainMs: 600_000, drainShare: 0.25 },
};
const BOOT_LOOKS = 3;

/** A machine with a relay on it, and what the relay has, whether it is heard or not. */
interface Disk extends Machine {
  provider: string;
  bootsAt: number;
  up: boolean;
  draining: boolean;
  rooms: number;
  gifts: number;
}

/** Three providers whose machines do as they are told, look by look. */
class World {
  look = 0;
  state: FleetState = emptyState();
  shares: Shares = { jp: { a: 100, b: 0, c: 0 } };
  disks: Disk[] = [];
  need = 4;
  /** That answer nothing, and whose relays are silent. */
  readonly silent = new Set<string>();
  readonly dark = new Set<string>();
  alarms: string[] = [];
  /** Machines removed with rooms or gifts on them. */
  removed = 0;
  /** Looks at which a drain left fewer relays than were needed. */
  short = 0;
  readonly deletable: Deletable;

  constructor(deletable = isDeletable) {
    this.deletable = deletable;
  }

  get nowMs(): number {
    return 1_000_000 + this.look * LOOK_MS;
  }

  heard(disk: Disk): boolean {
    return disk.up && !this.dark.has(disk.provider);
  }

  /** Of relays that are heard and do not drain. */
  at(provider: string): number {
    return this.disks.filter((disk) => disk.provider === provider && this.heard(disk) && !disk.draining).length;
  }

  phases(provider: string): string[] {
    return Object.values(this.state.machines).flatMap((each) => (each.provider === provider ? [each.phase] : []));
  }

  step(looks = 1): Action[] {
    const all: Action[] = [];
    for (let n = 0; n < looks; n += 1) all.push(...this.#step());
    return all;
  }

  shift(from: string, to: string, percent: number): void {
    this.shares = shifted(this.shares, { from, to, percent }, RULES.regions);
  }

  #step(): Action[] {
    this.look += 1;
    for (const disk of this.disks) {
      if (disk.bootsAt === this.look) disk.up = true;
      // Clients go; a gift may stay.
      if (disk.draining && disk.up) disk.rooms = 0;
    }
    const lists = Object.keys(RULES.regions['jp']!.zones).map((name) => {
      const answers = !this.silent.has(name) && !this.dark.has(name);
      const list = this.disks.filter(({ provider }) => provider === name);
      return [name, answers ? { atMs: this.nowMs, list } : undefined] as const;
    });
    const seen: Observation = {
      machines: Object.fromEntries(lists),
      relays: this.disks
        .filter((disk) => this.heard(disk))
        .map(({ label, draining, rooms, gifts }) => ({
          ...{ id: label.slice(RULES.labelPrefix.length), region: 'jp', draining, rooms, viewers: 10 * rooms },
          giftsHeld: gifts,
        })),
      ...{ directory: true, need: { jp: { least: this.need, most: this.need } }, shares: this.shares },
    };
    const { state, actions, alarms } = decide(this.state, seen, this.nowMs, RULES, this.deletable);
    const newly = Object.values(state.machines).filter(
      ({ id, phase }) => phase === 'draining' && this.state.machines[id]?.phase === 'serving',
    );
    const left = Object.values(state.machines).filter(({ phase }) => phase === 'serving').length;
    if (newly.length > 0 && left < Math.min(RULES.regions['jp']!.max, this.need)) this.short += 1;
    this.state = state;
    this.alarms = alarms.map(({ code, of }) => `${code} ${of}`);
    for (const action of actions) this.#carryOut(action);
    return actions;
  }

  #carryOut(action: Action): void {
    const of = (id: string) => this.disks.find(({ label }) => label === `${RULES.labelPrefix}${id}`);
    if (action.do === 'drain') {
      const disk = of(action.id);
      if (disk) disk.draining = true;
    } else if (action.do === 'remove') {
      const disk = of(action.id)!;
      if (disk.rooms > 0 || disk.gifts > 0) this.removed += 1;
      this.disks = this.disks.filter((each) => each !== disk);
    } else {
      const { id, label, zone, tags, provider } = action;
      this.disks.push({
        ...{ id: label, label, zone, type: 't', status: 'running', tags, createdMs: this.nowMs, provider },
        ...{ bootsAt: this.look + BOOT_LOOKS, up: false, draining: false, rooms: 1, gifts: 0 },
      });
      this.state = settle(this.state, { of: 'create', id, ok: true }, this.nowMs, RULES);
    }
  }
}

/** So many relays that serve at provider a. */
function grown(): World {
  const world = new World();
  world.step(10);
  expect([world.at('a'), world.at('b'), world.at('c')]).toEqual([4, 0, 0]);
  return world;
}

describe('shares', () => {
  it('of relays that are made are kept as near as whole ones can be, whatever the size', () => {
    const world = new World();
    world.shares = { jp: { a: 50, b: 25, c: 25 } };
    for (const [need, at] of [
      [4, [2, 1, 1]],
      [6, [3, 2, 1]],
      [3, [1, 1, 1]],
    ] as const) {
      world.need = need;
      world.step(60);
      expect(['a', 'b', 'c'].map((name) => world.at(name))).toEqual(at);
    }
    expect(world.removed + world.short).toBe(0);
  });

  it('one relay that is as near here as there is not moved', () => {
    const world = grown();
    world.need = 3;
    world.shares = { jp: { a: 50, b: 50 } };
    world.step(60);
    expect([world.at('a'), world.at('b')].sort()).toEqual([1, 2]);
    expect(world.step(60)).toEqual([]);
  });

  it('wait for a list of every provider once: numbers of machines that nobody listed may be in use', () => {
    const world = new World();
    world.silent.add('b');
    expect(world.step(5)).toEqual([]);
    world.silent.clear();
    expect(world.step().map((action) => action.do)).toContain('create');
  });
});

describe('a shift', () => {
  it('makes those of the target first, drains then, and comes back the same way', () => {
    const world = grown();
    world.shift('a', 'b', 100);
    const first = world.step();
    expect(first.map((action) => action.do)).toEqual(['create']);
    expect(world.step(BOOT_LOOKS - 1)).toEqual([]);
    world.step(60);
    expect([world.at('a'), world.at('b')]).toEqual([0, 4]);
    world.shift('a', 'b', 50);
    world.step(60);
    expect([world.at('a'), world.at('b')]).toEqual([2, 2]);
    world.shift('b', 'a', 100);
    world.step(60);
    expect([world.at('a'), world.at('b'), world.disks.length]).toEqual([4, 0, 4]);
    expect([world.removed, world.short]).toEqual([0, 0]);
  });

  it('is taken back in its middle', () => {
    const world = grown();
    world.shift('a', 'b', 100);
    world.step(7);
    expect(world.at('b')).toBeGreaterThan(0);
    world.shift('a', 'b', 0);
    world.step(60);
    expect([world.at('a'), world.at('b'), world.disks.length]).toEqual([4, 0, 4]);
  });

  it('goes on at the maximum, with no more beside than drain at once', () => {
    const world = grown();
    world.need = 6;
    world.step(20);
    world.shift('a', 'b', 100);
    let most = 0;
    for (let n = 0; n < 100; n += 1) {
      world.step();
      const live = Object.values(world.state.machines).filter(
        ({ phase }) => phase === 'serving' || phase === 'starting',
      );
      most = Math.max(most, live.length);
    }
    expect([world.at('b'), most]).toEqual([6, 7]);
  });

  it('drains nobody while the target gives no machine', () => {
    const world = grown();
    world.silent.add('b');
    world.step(5);
    world.shift('a', 'b', 100);
    expect(world.step(60)).toEqual([]);
  });

  it('refuses what is not there', () => {
    const { regions } = RULES;
    const shares = { jp: { a: 100, b: 0, c: 0 } };
    const wish = { from: 'a', to: 'b', percent: 10 };
    expect(shifted(shares, wish, regions)).toEqual({ jp: { a: 90, b: 10, c: 0 } });
    for (const wrong of [{ to: 'a' }, { to: 'd' }, { region: 'us' }, { from: 'c' }]) {
      expect(() => shifted(shares, { ...wish, ...wrong }, regions)).toThrow();
    }
  });
});

describe('a provider', () => {
  it('whose API alone is dark keeps its relays, and nothing is moved', () => {
    const world = grown();
    world.silent.add('a');
    expect(world.step(60)).toEqual([]);
    expect(world.alarms).toEqual(['provider_silent a']);
    // More is had where there is an answer.
    world.need = 5;
    world.step(5);
    expect([world.at('a'), world.at('b') + world.at('c')]).toEqual([4, 1]);
  });

  it('whose relays alone are silent is replaced relay by relay, where its shares are', () => {
    const world = grown();
    for (const disk of world.disks) disk.up = false;
    const made = world.step(4);
    expect(made.map((action) => action.do === 'create' && action.provider)).toEqual(['a', 'a', 'a', 'a']);
  });

  it('that is dark is replaced at once at others, loses no machine, and serves again when it is back', () => {
    const world = grown();
    world.shares = { jp: { a: 50, b: 50, c: 0 } };
    world.step(60);
    const kept = world.disks.filter(({ provider }) => provider === 'a').map(({ label }) => label);
    for (const disk of world.disks) if (disk.provider === 'a') disk.gifts = 1;
    world.dark.add('a');
    const made = world.step(2);
    expect(made.map((action) => action.do === 'create' && action.provider)).toEqual(['b', 'b']);
    expect(world.phases('a')).toEqual(['lost', 'lost']);
    expect(world.alarms).toContain('provider_dark a');
    expect(world.step(200).filter((action) => action.do === 'remove')).toEqual([]);
    expect(world.at('b')).toBe(4);
    world.dark.delete('a');
    world.step();
    expect(world.phases('a')).toEqual(['serving', 'serving']);
    world.step(60);
    expect([world.at('a'), world.at('b')]).toEqual([2, 2]);
    expect(world.disks.filter(({ provider }) => provider === 'a').map(({ label }) => label)).toEqual(kept);
  });

  it('without a share is taken when nobody else is there, and given back', () => {
    const world = grown();
    world.dark.add('a');
    world.step(20);
    expect(world.at('b') + world.at('c')).toBe(4);
    world.dark.delete('a');
    world.step(100);
    expect([world.at('a'), world.at('b') + world.at('c'), world.disks.length]).toEqual([4, 0, 4]);
  });

  it('whose zones all fail, or whose account is full, is not waited for', () => {
    for (const code of ['unavailable', 'account_limit'] as const) {
      const world = grown();
      world.need = 5;
      world.shift('a', 'b', 50);
      world.step(60);
      const { state } = world;
      state.machines['jp-f-90'] = {
        ...{ id: 'jp-f-90', region: 'jp', provider: 'b', zone: 'tyo', phase: 'wanted' },
        ...{ sinceMs: world.nowMs, attempts: 1, nextMs: world.nowMs },
      };
      for (let n = 0; n < 3; n += 1) {
        world.state = settle(world.state, { of: 'create', id: 'jp-f-90', ok: false, code }, world.nowMs, RULES);
      }
      world.need = 6;
      const [made] = world.step().filter((action) => action.do === 'create');
      expect(made).toMatchObject({ provider: 'a' });
    }
  });
});

describe('under any order of shifts, outages and deaths', () => {
  const step = fc.record({
    looks: fc.integer({ min: 1, max: 8 }),
    event: fc.constantFrom('need', 'shift', 'dark', 'silent', 'back', 'die', 'gift', 'deliver', 'restart', 'forget'),
    from: fc.constantFrom('a', 'b', 'c'),
    to: fc.constantFrom('a', 'b', 'c'),
    percent: fc.constantFrom(0, 10, 50, 90, 100),
    pick: fc.nat(),
  });
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  function apply(world: World, { event, from, to, percent, pick }: Step): void {
    const disk = world.disks[pick % Math.max(1, world.disks.length)];
    const shares = world.shares['jp']!;
    if (event === 'need') world.need = pick % 7;
    if (event === 'shift' && from !== to && shares[from]! + shares[to]! > 0) world.shift(from, to, percent);
    if (event === 'dark') world.dark.add(from);
    if (event === 'silent') world.silent.add(from);
    if (event === 'back') {
      world.dark.clear();
      world.silent.clear();
    }
    if (event === 'die' && disk) disk.up = false;
    // As of a room that came a moment before.
    if (event === 'gift' && disk?.up) Object.assign(disk, { gifts: disk.gifts + 1, rooms: disk.rooms + 1 });
    if (event === 'deliver') for (const each of world.disks) each.gifts = 0;
    if (event === 'restart') world.state = resumed(JSON.parse(JSON.stringify(world.state)) as FleetState, world.nowMs);
    if (event === 'forget') world.state = emptyState();
  }

  it('no machine goes with rooms or gifts, no drain leaves too few, and shares are reached once all is well', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const world = new World();
        for (const each of steps) {
          apply(world, each);
          world.step(each.looks);
        }
        expect([world.removed, world.short]).toEqual([0, 0]);
        world.dark.clear();
        world.silent.clear();
        for (const disk of world.disks) Object.assign(disk, { gifts: 0, up: true });
        world.step(150);
        const spread = spreadOf(world.state, 'jp', world.shares, RULES);
        const want = Math.min(6, Math.max(1, world.need));
        expect([spread.total, spread.movesLeft(want), world.disks.length]).toEqual([want, 0, want]);
        expect([world.removed, world.short]).toEqual([0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it('control: with a careless rule a shift removes machines with gifts', () => {
    const gone = (deletable: Deletable) => {
      const world = new World(deletable);
      world.step(10);
      for (const disk of world.disks) disk.gifts = 1;
      world.shift('a', 'b', 100);
      world.step(60);
      return world.removed;
    };
    expect(gone(isDeletable)).toBe(0);
    expect(gone(() => true)).toBeGreaterThan(0);
  });
});
