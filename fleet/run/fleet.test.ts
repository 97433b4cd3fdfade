import type { KnownRelay } from '@hayate/relay/directory';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeLinode } from '../linode/fake/index.ts';
import { Linode } from '../linode/index.ts';
import { linodeProvider } from '../provider/linode.ts';
import { staticProvider } from '../provider/static.ts';
import { MemoryStore } from '../store/store.ts';
import { Fleet, type FleetOptions } from './fleet.ts';

const LIMITS = { cpu: 0.6, egressBps: 75e6, stretch: 1.5 };
const RULES = {
  scale: {
    regions: { jp: { zones: { linode: ['jp-tyo-3'] }, min: 2, max: 5 } },
    ...{ labelPrefix: 'hayate-', tag: 'hayate-fleet', createRetryMs: 15_000, createMaxRetryMs: 60_000 },
    ...{ bootLimitMs: 300_000, lostMs: 20_000, darkMs: 10_000, drainMs: 600_000, drainShare: 0.5 },
  },
  need: { leadMs: 150_000, keepMs: 300_000, sigmas: 0, fill: 1, fallMs: 60_000 },
  place: { limits: LIMITS, viewer: { cpu: 0.0005, egressBps: 5000 }, viewers: 20, growMs: 600_000 },
};

/** A clock that the test moves, with promises in between. */
class Clock {
  now = Date.UTC(2026, 0, 5);
  #timers: { atMs: number; run: () => void }[] = [];

  nowMs = () => this.now;

  after = (ms: number, run: () => void) => {
    const timer = { atMs: this.now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  async advance(ms: number): Promise<void> {
    const untilMs = this.now + ms;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((each) => each !== due);
      this.now = Math.max(this.now, due.atMs);
      due.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.now = untilMs;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

class Stage {
  readonly clock = new Clock();
  readonly store = new MemoryStore();
  readonly fake = new FakeLinode({ nowMs: this.clock.nowMs, random: () => 0.5 });
  relays: KnownRelay[] = [];
  readonly drained: string[] = [];
  readonly fleets: Fleet[] = [];

  open(owner: string, more: Partial<FleetOptions> = {}, others: FleetOptions['providers'] = {}): Fleet {
    const sleep = (ms: number) => new Promise<void>((resolve) => this.clock.after(ms, resolve));
    const linode = new Linode({
      token: () => 'token',
      fetch: this.fake.fetch,
      clock: { nowMs: this.clock.nowMs, sleep, timeout: () => undefined },
      random: () => 0.5,
    });
    const fleet = new Fleet({
      ...{ rules: RULES, store: this.store, owner, clock: this.clock, nowMs: this.clock.nowMs, random: () => 0.3 },
      providers: {
        linode: { share: 100, api: linodeProvider({ linode, type: 'g6-standard-2', image: 'linode/debian12' }) },
        ...others,
      },
      view: { relays: () => this.relays, settled: () => true },
      drain: async (id) => void this.drained.push(id),
      log: { info: () => {}, warn: () => {}, error: () => {} },
      tickMs: 10_000,
      ...more,
    });
    this.fleets.push(fleet);
    return fleet;
  }

  /** Every machine that runs has its relay; one that was told to drain does. */
  join(others: readonly string[] = []): void {
    const running = this.fake.machines().filter(({ status }) => status === 'running');
    const ids = [...running.map(({ label }) => label.slice('hayate-'.length)), ...others];
    this.relays = ids.map((id) => ({ ...known(id), draining: this.drained.includes(id) }));
  }
}

const known = (id: string): KnownRelay => ({
  ...{ id, region: 'jp', url: `https://${id}.example.com/v1`, certificateHashes: [], draining: false, loadFresh: true },
  trunk: { host: '192.0.2.1', port: 1 },
  load: { viewers: 0, rooms: 0, cpu: 0, egressBps: 0, giftsHeld: 0 },
});

let stage: Stage;
afterEach(async () => {
  await Promise.all(stage.fleets.map((fleet) => fleet.close()));
});

describe('two instances', () => {
  it('one leads and makes the machines; when it is gone the other goes on where it was', async () => {
    stage = new Stage();
    const a = stage.open('a');
    await stage.clock.advance(1000);
    const b = stage.open('b');
    await stage.clock.advance(120_000);
    expect([a.leads, b.leads]).toEqual([true, false]);
    expect(stage.fake.machines().map(({ label }) => label)).toEqual(['hayate-jp-f-1', 'hayate-jp-f-2']);
    stage.join();
    await stage.clock.advance(20_000);
    await a.close();
    await stage.clock.advance(60_000);
    expect(b.leads).toBe(true);
    expect(Object.values(b.status().state.machines).map(({ phase }) => phase)).toEqual(['serving', 'serving']);
    expect(stage.fake.machines()).toHaveLength(2);
  });

  it('both place rooms', async () => {
    stage = new Stage();
    stage.relays = [known('jp-f-1'), known('jp-f-2')];
    const fleets = [stage.open('a'), stage.open('b')];
    for (const fleet of fleets) {
      const { relays, placement } = await fleet.place({ room: 'r', region: 'jp' });
      expect(relays).toHaveLength(2);
      expect(relays[0]!.id).toBe(placement!.relay);
    }
  });
});

describe('what goes out', () => {
  it('an intent is kept before its create: without a store nothing is made', async () => {
    stage = new Stage();
    const fleet = stage.open('a');
    await stage.clock.advance(0);
    stage.store.away = true;
    await stage.clock.advance(5000);
    expect(stage.fake.calls.get('POST /linode/instances')).toBeUndefined();
    stage.store.away = false;
    await stage.clock.advance(60_000);
    expect(fleet.leads).toBe(true);
    expect(stage.fake.machines()).toHaveLength(2);
  });

  it('a leader that was overtaken changes nothing', async () => {
    stage = new Stage();
    stage.open('a');
    await stage.clock.advance(30_000);
    const { value, sequence } = await stage.store.read<object>('fleet');
    // Another one wrote.
    await stage.store.write('fleet', { ...value, next: 40 }, sequence);
    stage.relays = [];
    await stage.clock.advance(400_000);
    const numbers = stage.fake.machines().map(({ label }) => Number(label.split('-').at(-1)));
    expect(numbers.filter((number) => number > 2).every((number) => number >= 40)).toBe(true);
  });

  it('a dry run says what it would do', async () => {
    stage = new Stage();
    const fleet = stage.open('a', { dryRun: true });
    await stage.clock.advance(60_000);
    expect(fleet.status().planned.map((action) => action.do)).toEqual(['create', 'create']);
    expect(stage.fake.calls.get('POST /linode/instances')).toBeUndefined();
    // It keeps nobody from doing it.
    const other = stage.open('b');
    await stage.clock.advance(60_000);
    expect(other.leads).toBe(true);
    expect(stage.fake.machines()).toHaveLength(2);
  });
});

describe('a relay that drains', () => {
  it('is removed by figures of after it began to, and not by those of one that is silent', async () => {
    stage = new Stage();
    stage.open('a');
    await stage.clock.advance(120_000);
    stage.join();
    await stage.clock.advance(30_000);
    const gone = stage.relays[0]!;
    const there = () => stage.fake.machines().some(({ label }) => label === `hayate-${gone.id}`);
    Object.assign(gone, { draining: true, loadFresh: false });
    await stage.clock.advance(15_000);
    expect(there()).toBe(true);
    Object.assign(gone, { loadFresh: true });
    await stage.clock.advance(15_000);
    expect(there()).toBe(false);
  });
});

describe('placement', () => {
  it('leaves a room where it is, and names no relay that drains', async () => {
    stage = new Stage();
    stage.relays = [known('jp-1'), known('jp-2'), { ...known('jp-3'), draining: true }];
    const entry = { room: 'r', home: 'jp', origin: 'jp-2', epoch: 1 };
    const fleet = stage.open('a', { lookup: async (room) => (room === 'r' ? entry : undefined) });
    const there = await fleet.place({ room: 'r' });
    expect(there.placement).toBeUndefined();
    expect(there.relays.map(({ id }) => id).sort()).toEqual(['jp-1', 'jp-2']);
    const fresh = await fleet.place({ room: 'other', region: 'jp' });
    expect(fresh.relays.map(({ id }) => id)).not.toContain('jp-3');
  });

  it('is refused where all are full', async () => {
    stage = new Stage();
    stage.relays = [{ ...known('jp-1'), load: { viewers: 0, rooms: 0, cpu: 1, egressBps: 0 } }];
    const fleet = stage.open('a');
    await expect(fleet.place({ room: 'r', region: 'jp' })).rejects.toMatchObject({
      code: 'overloaded',
      retryable: true,
    });
    expect(fleet.status().counts.refused).toBe(1);
  });
});

describe('a shift', () => {
  it('told to one instance is done by the other, which leads', async () => {
    stage = new Stage();
    const zones = { linode: ['jp-tyo-3'], rack: ['one'] };
    const rules = { ...RULES, scale: { ...RULES.scale, regions: { jp: { zones, min: 2, max: 5 } } } };
    const machines = [1, 2, 3].map((n) => ({ name: `m${n}`, zone: 'one', address: '' }));
    const rack = staticProvider({
      ...{ name: 'rack', machines, labelPrefix: 'hayate-', store: stage.store, nowMs: stage.clock.nowMs },
      ...{ take: ['true'], release: ['true'], run: async () => {} },
    });
    const [a, b] = ['a', 'b'].map((owner) => stage.open(owner, { rules }, { rack: { share: 0, api: rack } }));
    await stage.clock.advance(120_000);
    stage.join();
    await stage.clock.advance(20_000);
    const other = a!.leads ? b! : a!;
    const wish = { from: 'linode', to: 'rack', percent: 100 };
    const expected = { before: { linode: 100, rack: 0 }, after: { linode: 0, rack: 100 }, relays: 2 };
    expect(await other.shift({ ...wish, dryRun: true })).toEqual({ dryRun: true, regions: { jp: expected } });
    await stage.clock.advance(60_000);
    expect(await rack.machines('hayate-fleet')).toEqual([]);
    expect(await other.shift(wish)).toEqual({ dryRun: false, regions: { jp: expected } });
    for (let n = 0; n < 10; n += 1) {
      await stage.clock.advance(20_000);
      stage.join((await rack.machines('hayate-fleet')).map(({ label }) => label.slice('hayate-'.length)));
    }
    expect(await rack.machines('hayate-fleet')).toHaveLength(2);
    expect(stage.fake.machines()).toEqual([]);
    const status = (a!.leads ? a! : b!).status().shares['jp'];
    expect(status).toMatchObject({ rack: { share: 100, due: 2, relays: { serving: 2 } }, linode: { relays: {} } });
    await expect(other.shift({ ...wish, to: 'nobody' })).rejects.toMatchObject({ code: 'invalid_argument' });
    stage.store.away = true;
    await expect(other.shift(wish)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });
});

describe('a provider that does not answer', () => {
  it('holds up nobody else', async () => {
    stage = new Stage();
    const zones = { linode: ['jp-tyo-3'], rack: ['one'] };
    const rules = { ...RULES, scale: { ...RULES.scale, regions: { jp: { zones, min: 2, max: 5 } } } };
    let hangs = false;
    const api = {
      machines: () => (hangs ? new Promise<never>(() => {}) : Promise.resolve([])),
      create: () => Promise.reject(new Error('never asked')),
      remove: () => Promise.reject(new Error('never asked')),
    };
    stage.open('a', { rules }, { rack: { share: 0, api } });
    await stage.clock.advance(120_000);
    hangs = true;
    stage.join();
    await stage.clock.advance(20_000);
    // Both die, and are replaced while the rack says nothing.
    stage.relays = [];
    await stage.clock.advance(120_000);
    expect(stage.fake.machines()).toHaveLength(4);
  });
});

describe('a machine that died for good', () => {
  const lose = async () => {
    stage = new Stage();
    const lines: object[] = [];
    const log = { info: () => {}, warn: (line: object) => void lines.push(line), error: () => {} };
    const fleet = stage.open('a', { log });
    await stage.clock.advance(120_000);
    stage.join();
    await stage.clock.advance(20_000);
    const [dead] = stage.relays.splice(0, 1);
    await stage.clock.advance(60_000);
    const there = (id: string) => stage.fake.machines().some(({ label }) => label === `hayate-${id}`);
    return { fleet, lines, id: dead!.id, there };
  };

  it('is kept until somebody gives it up, by label or id; then it is removed, and the log has who and how', async () => {
    const { fleet, lines, id, there } = await lose();
    await stage.clock.advance(24 * 3_600_000);
    expect([fleet.status().state.machines[id]?.phase, there(id)]).toEqual(['lost', true]);
    const asked = { machine: `hayate-${id}`, gifts: 'abandoned', by: 'ann' } as const;
    expect(await fleet.release(asked)).toEqual({ label: `hayate-${id}` });
    await stage.clock.advance(30_000);
    expect(there(id)).toBe(false);
    expect(fleet.status().state.machines[id]).toBeUndefined();
    const audit = { audit: 'fleet_release', id, label: `hayate-${id}`, gifts: 'abandoned', by: 'ann' };
    expect(lines).toContainEqual(audit);
    await expect(fleet.release(asked)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('stays when its relay is heard again before it is gone', async () => {
    const { fleet, id, there } = await lose();
    await fleet.release({ machine: id, gifts: 'recovered', by: 'ann' });
    const back = known(id);
    stage.relays = [...stage.relays, { ...back, load: { ...back.load, giftsHeld: 3 } }];
    await stage.clock.advance(60_000);
    expect([fleet.status().state.machines[id], there(id)]).toEqual([
      expect.objectContaining({ phase: 'draining' }),
      true,
    ]);
    expect(fleet.status().state.machines[id]).not.toHaveProperty('gifts');
  });

  it('is nobody else: one that serves or is not known is refused, and so are a dry run and who does not lead', async () => {
    const { fleet, id, there } = await lose();
    const release = (of: Fleet, machine: string) => of.release({ machine, gifts: 'recovered', by: 'ann' });
    const serving = stage.relays[0]!.id;
    await expect(release(fleet, serving)).rejects.toThrow(`${serving} is serving, not lost`);
    await expect(release(fleet, 'jp-f-99')).rejects.toThrow('no machine jp-f-99');
    const other = stage.open('b');
    await expect(release(other, id)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    stage.store.away = true;
    await expect(release(fleet, id)).rejects.toThrow('not kept');
    stage.store.away = false;
    await fleet.close();
    const dry = stage.open('c', { dryRun: true });
    await stage.clock.advance(60_000);
    expect(dry.leads).toBe(true);
    await expect(release(dry, id)).rejects.toThrow('dry run');
    expect([there(serving), there(id)]).toEqual([true, true]);
  });
});

describe('rooms whose relay is gone', () => {
  const entry = { room: 'r', home: 'jp', origin: 'jp-1', epoch: 1 };
  const left = known('jp-1').url;
  const open = (lookup: FleetOptions['lookup'] = async () => entry) => {
    stage = new Stage();
    stage.relays = ['jp-1', 'jp-2', 'jp-3', 'jp-4'].map(known);
    let n = 0;
    return stage.open('a', { lookup, random: () => (n++ * 0.618_034) % 1 });
  };

  it('get one answer for all clients of a room, before the directory knows, and another one later', async () => {
    const fleet = open();
    const clients = await Promise.all(Array.from({ length: 20 }, () => fleet.replace({ room: 'r', left })));
    const [first] = clients;
    expect(first!.relays[0]!.id).toBe(first!.placement!.relay);
    expect(first!.relays.map(({ id }) => id).sort()).toEqual(['jp-2', 'jp-3', 'jp-4']);
    expect(new Set(clients.map(({ relays }) => relays[0]!.id)).size).toBe(1);
    expect(fleet.status().counts.replaced).toBe(1);
    await stage.clock.advance(10_000);
    await fleet.replace({ room: 'r', left });
    expect(fleet.status().counts.replaced).toBe(2);
  });

  it('get another one when the relay of the first is gone too', async () => {
    const fleet = open();
    const first = (await fleet.replace({ room: 'r', left })).relays[0]!;
    const second = (await fleet.replace({ room: 'r', left: first.url })).relays[0]!;
    // The directory still has the first one as its origin: who left another relay is sent among all.
    expect(second.id).not.toBe(first.id);
    stage.relays = stage.relays.filter(({ id }) => id !== 'jp-1');
    const third = await fleet.replace({ room: 'r', left: first.url });
    expect(third.relays.map(({ id }) => id)).not.toContain(first.id);
    expect(third.placement).toBeDefined();
  });

  it('count for those that come after', async () => {
    const fleet = open(async (room) => ({ ...entry, room }));
    // Each is a tenth of a relay by what is expected of it, and no load changes.
    const at = new Map<string, number>();
    for (let n = 0; n < 60; n += 1) {
      const { placement } = await fleet.replace({ room: `r${n}`, left });
      at.set(placement!.relay, (at.get(placement!.relay) ?? 0) + 1);
    }
    expect([...at.values()].every((rooms) => rooms > 15 && rooms < 25)).toBe(true);
  });

  it('are those of its origin only: who leaves another relay goes to one of those that there are', async () => {
    const fleet = open();
    const other = await fleet.replace({ room: 'r', left: known('jp-3').url });
    expect(other.placement).toBeUndefined();
    expect(other.relays.map(({ id }) => id).sort()).toEqual(['jp-1', 'jp-2', 'jp-4']);
    expect((await fleet.replace({ room: 'r' })).relays).toHaveLength(4);
    expect(fleet.status().counts.replaced).toBe(0);
  });

  it('are refused only where no relay is there', async () => {
    const fleet = open();
    stage.relays = [known('jp-1')];
    await expect(fleet.replace({ room: 'r', left })).rejects.toMatchObject({ code: 'overloaded', retryable: true });
    stage.relays.push({ ...known('jp-2'), load: { viewers: 0, rooms: 0, cpu: 1, egressBps: 0 } });
    expect((await fleet.replace({ room: 'r', left })).relays[0]!.id).toBe('jp-2');
  });
});
