import {
  type ForecastMemory,
  Linode,
  linodeProvider,
  MemoryStore,
  type Provider,
  type TransferMemory,
} from '@hayate/fleet/internal';
import { FakeLinode } from '@hayate/fleet/testing/linode';
import { Random } from '../faults/random.ts';
import { DayClock } from './clock.ts';
import { forgetful } from './forgetful.ts';
import { Instances } from './instances.ts';
import { type TracedRoom, viewersAt } from './load.ts';
import { clairvoyantHours } from './optimum.ts';
import {
  BOOT_MS,
  DAY_MS,
  FAULTS,
  FLEET,
  LIMITS,
  LOAD,
  REGIONS,
  RELAYS,
  START_MS,
  STEP_MS,
  TICK_MS,
  VIEWER,
  WARM_MS,
} from './plan.ts';
import { DayWorld, type WorldCounts } from './world.ts';

export interface DayInput {
  /** Of the day and the hours before. */
  rooms: readonly TracedRoom[];
  /** What a fleet that ran before would remember. */
  forecasts: Record<string, ForecastMemory>;
  transfer: TransferMemory;
}

export interface DayOptions {
  seed: number;
  /** The leader is killed at these ms and another process comes 15 s later. */
  restarts?: readonly number[];
  /** All instances are dead. */
  dead?: { fromMs: number; forMs: number };
  /** Negative control: a drained machine goes without a look at its rooms and gifts. */
  careless?: boolean;
  /** Negative control: the fleet goes by what calls answered, not by the provider's list. */
  forgetful?: boolean;
  /** Negative control: relays place nothing by themselves. */
  alone?: boolean;
  /** Clients that lost their relay do not ask the fleet: `relays` they ask; `least` is the negative control. */
  unasked?: 'relays' | 'least';
  /** Default: all of the day. After it no room opens and no relay dies, until all rooms have ended. */
  untilMs?: number;
}

export interface Sample {
  /** Hours of the day. */
  hour: number;
  /** By region: offered load in full relays, machines that are paid for, relays that serve, and what the fleet believed to need. */
  regions: Record<string, { load: number; machines: number; serving: number; least: number; most: number }>;
}

export interface DayResult {
  counts: WorldCounts;
  /** Openings refused while no instance was there. */
  refused_while_dead: number;
  /** More machines than one for an intent, over the day. */
  doubled: number;
  vm_hours: number;
  clairvoyant_vm_hours: number;
  /** Viewer-time on relays over their limit, as a share of all. */
  over_limit: number;
  /** And on relays whose forwarding would need more than the one core it has. */
  beyond: number;
  highest: number;
  ratio_of_load: Record<string, number>;
  api: { creates: number; machines: number; faults: Record<string, number> };
  fleet: { placed: number; stretched: number; elsewhere: number; replaced: number; refused: number };
  alarms: Record<string, number>;
  transfer: { used_gb: number; forecast: { hour: number; used_gb: number; quota_gb: number }[]; quota_gb: number };
  end: EndState;
  samples: Sample[];
}

/** What the fleet is at the end. */
interface EndState {
  serving: Record<string, number>;
  /** Machines in any other phase. */
  others: Record<string, number>;
  /** In the account and not in the fleet's state, or the other way round. */
  astray: number;
}

const RESTART_MS = 15_000;
const GET_MS = 200;
const CREATE_MS = 3000;
const TIMEOUT_MS = 30_000;
const DEATH_MS = 3_600_000;
const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** One day of the real fleet code on the fake API. */
export async function day(input: DayInput, options: DayOptions): Promise<DayResult> {
  return new Day(input, options).run();
}

class Day {
  readonly #input: DayInput;
  readonly #options: DayOptions;
  readonly #clock = new DayClock(START_MS - WARM_MS);
  readonly #chance: Random;
  readonly #fake: FakeLinode;
  readonly #world: DayWorld;
  readonly #instances: Instances;
  readonly #samples: Sample[] = [];
  readonly #alarms = new Map<string, number>();
  readonly #forecasts: DayResult['transfer']['forecast'] = [];
  readonly #placed = { placed: 0, stretched: 0, elsewhere: 0, replaced: 0, refused: 0 };
  #deaths = 0;
  #before = 0;
  #refusedMeanwhile = 0;
  #over = 0;
  #beyond = 0;
  #all = 0;
  #highest = 0;

  constructor(input: DayInput, options: DayOptions) {
    this.#input = input;
    this.#options = options;
    const { nowMs } = this.#clock;
    const [ofApi, ofWorld, ofFleet] = [1, 2, 3].map((n) => new Random(options.seed * 10 + n));
    this.#chance = new Random(options.seed * 10 + 4);
    this.#fake = new FakeLinode({ nowMs, random: () => ofApi!.next() });
    const create = 'POST /linode/instances';
    this.#fake.faults.often(create, FAULTS.failing, { kind: 'status', status: 500 });
    this.#fake.faults.often(create, FAULTS.timeouts, { kind: 'status', status: 408, made: 0.5 });
    const { labelPrefix } = FLEET.scale;
    this.#world = new DayWorld({
      ...{ plan: RELAYS, labelPrefix, random: ofWorld!, nowMs },
      place: (wish) => this.#place(wish),
      replace: (wish) => this.#replace(wish),
      unasked: options.unasked,
    });
    const store = new MemoryStore();
    void store.write('forecast', input.forecasts, 0);
    void store.write('transfer linode', input.transfer, 0);
    this.#instances = new Instances(['a', 'b'], {
      ...{ rules: FLEET, store, clock: this.#clock, nowMs, tickMs: TICK_MS, log: silent },
      providers: { linode: { share: 100, api: this.#provider() } },
      view: { relays: () => this.#world.known(), settled: () => this.#clock.nowMs() > START_MS - WARM_MS + STEP_MS },
      drain: async (id) => this.#world.order(id),
      random: () => ofFleet!.next(),
      ...(options.careless && { deletable: () => true }),
    });
  }

  async run(): Promise<DayResult> {
    const endMs = this.#options.untilMs ?? START_MS + DAY_MS;
    const rooms = [...this.#input.rooms].sort((a, b) => a.fromMs - b.fromMs);
    let next = 0;
    for (let nowMs = START_MS - WARM_MS; nowMs < endMs; nowMs += STEP_MS) {
      await this.#clock.advanceTo(nowMs);
      // A list settles what the fake had to do by now.
      this.#world.machines(this.#fake.machines());
      this.#events(nowMs);
      if (nowMs === START_MS) this.#begin();
      for (; next < rooms.length && rooms[next]!.fromMs <= nowMs; next += 1) {
        if (rooms[next]!.toMs > nowMs) this.#world.open(rooms[next]!);
      }
      await this.#world.step(STEP_MS);
      if (nowMs >= START_MS) this.#measure(nowMs);
      this.#traffic();
    }
    return this.#result(endMs);
  }

  /** The hours before do not count. */
  #begin(): void {
    for (const key of Object.keys(this.#world.counts) as (keyof WorldCounts)[]) this.#world.counts[key] = 0;
    for (const key of Object.keys(this.#placed) as (keyof DayResult['fleet'])[]) this.#placed[key] = 0;
  }

  #place(wish: { room: string; region: string; viewers: number }) {
    const answer = this.#instances.place(wish);
    if (!answer && this.#options.alone) return Promise.reject(new Error('nobody answers'));
    return answer?.then(
      (placed) => {
        this.#placed.placed += 1;
        if (placed.placement?.stretched) this.#placed.stretched += 1;
        if (placed.placement?.region !== wish.region) this.#placed.elsewhere += 1;
        return placed;
      },
      (error: unknown) => {
        this.#placed.refused += 1;
        throw error;
      },
    );
  }

  #replace(wish: { room: string; region: string; left: string }) {
    const answer = this.#instances.replace(wish);
    if (!answer && this.#options.alone) return Promise.reject(new Error('nobody answers'));
    this.#placed.replaced += answer ? 1 : 0;
    return answer;
  }

  #provider(): Provider {
    const { nowMs } = this.#clock;
    const linode = new Linode({
      token: () => 'of-the-fake',
      fetch: async (url, request) => {
        await this.#clock.sleep(request.method === 'POST' ? CREATE_MS : GET_MS);
        const answer = await this.#fake.fetch(url, request);
        if (answer.status === 408) await this.#clock.sleep(TIMEOUT_MS);
        return answer;
      },
      clock: { nowMs, sleep: (ms) => this.#clock.sleep(ms), timeout: () => undefined },
      random: () => this.#chance.next(),
    });
    const provider = linodeProvider({ linode, type: 'g6-standard-2', image: 'linode/debian12' });
    return this.#options.forgetful ? forgetful(provider) : provider;
  }

  #events(nowMs: number): void {
    const { restarts = [], dead } = this.#options;
    const { outage, bootAgainMs, neverAgain } = FAULTS;
    if (restarts.some((ms) => ms >= nowMs && ms < nowMs + STEP_MS)) {
      // Anywhere within the step, so that calls are cut in their middle.
      this.#clock.after(this.#chance.next() * STEP_MS, () => {
        const leader = this.#instances.leader;
        if (!leader) return;
        this.#instances.kill(leader.owner);
        this.#clock.after(RESTART_MS, () => this.#instances.start(leader.owner));
      });
    }
    if (dead && nowMs === dead.fromMs) {
      for (const owner of ['a', 'b']) this.#instances.kill(owner);
      this.#before = this.#world.counts.refused;
    }
    if (dead && nowMs === dead.fromMs + dead.forMs) {
      for (const owner of this.#instances.dead) this.#instances.start(owner);
      this.#refusedMeanwhile = this.#world.counts.refused - this.#before;
    }
    if (nowMs === outage.fromMs) this.#fake.outage(outage.zone);
    if (nowMs === outage.fromMs + outage.forMs) this.#fake.endOutage(outage.zone);
    if (nowMs >= START_MS && nowMs < START_MS + DAY_MS && (nowMs - START_MS) % DEATH_MS === DEATH_MS / 2) {
      const up = [...this.#world.relays.values()].filter((relay) => relay.up && !relay.draining);
      const { machine } = this.#chance.pick(up);
      this.#fake.crash(machine);
      this.#world.counts.deaths += 1;
      this.#deaths += 1;
      if (this.#deaths !== neverAgain) {
        this.#clock.after(bootAgainMs, () => this.#fake.crash(machine, { restarts: true }));
      }
    }
  }

  #measure(nowMs: number): void {
    for (const relay of this.#world.relays.values()) {
      if (!relay.up) continue;
      const full = (relay.viewers * VIEWER.cpu) / LIMITS.cpu;
      this.#all += relay.viewers;
      if (full > 1) this.#over += relay.viewers;
      if (full > 1 / LIMITS.cpu) this.#beyond += relay.viewers;
      this.#highest = Math.max(this.#highest, full);
    }
    const status = this.#instances.leader?.fleet.status();
    for (const code of new Set(status?.alarms.map((alarm) => alarm.code))) {
      this.#alarms.set(code, (this.#alarms.get(code) ?? 0) + STEP_MS / 60_000);
    }
    const sinceMs = nowMs - START_MS;
    const transfer = status?.transfer['linode'];
    if (sinceMs % 3_600_000 === 1_200_000 && transfer) {
      const { usedGb, quotaGb } = transfer;
      this.#forecasts.push({ hour: sinceMs / 3_600_000, used_gb: usedGb, quota_gb: quotaGb });
    }
    if (sinceMs % 60_000 !== 0) return;
    const machines = this.#fake.machines();
    const regions = Object.fromEntries(
      REGIONS.map(({ region, zones }) => {
        const there = machines.filter((machine) => (zones as readonly string[]).includes(machine.region)).length;
        const up = [...this.#world.relays.values()].filter((relay) => relay.region === region && relay.up);
        const load = (this.#world.viewers(region) * VIEWER.cpu) / LIMITS.cpu;
        const needs = status?.need[region] ?? { least: 0, most: 0 };
        const serving = up.filter((relay) => !relay.draining).length;
        return [region, { load, machines: there, serving, least: needs.least, most: needs.most }];
      }),
    );
    this.#samples.push({ hour: sinceMs / 3_600_000, regions });
  }

  /** What relays send, into the account's transfer. */
  #traffic(): void {
    for (const { machine, viewers, up } of this.#world.relays.values()) {
      if (up) this.#fake.addTraffic(machine, (viewers * VIEWER.egressBps * (STEP_MS / 1000)) / 1e9);
    }
  }

  async #result(endMs: number): Promise<DayResult> {
    const all = [...this.#fake.machines(), ...this.#fake.deleted()];
    const hours = all.reduce((sum, { createdMs, deletedMs }) => {
      return sum + Math.max(0, Math.min(endMs, deletedMs ?? endMs) - Math.max(START_MS, createdMs)) / 3_600_000;
    }, 0);
    const intents = new Map<string, number>();
    for (const { label } of all) intents.set(intentOf(label), (intents.get(intentOf(label)) ?? 0) + 1);
    const offered = REGIONS.map(({ region }) => [region, this.#offered(region, endMs)] as const);
    const { min, max } = FLEET.scale.regions['jp']!;
    const bounds = { min, max, stepMs: STEP_MS, bootMs: BOOT_MS, drainMs: RELAYS.moveMs };
    const account = (await (await this.#ask('/v4/account/transfer')).json()) as { used: number; quota: number };
    const posts = this.#fake.calls.get('POST /linode/instances') ?? 0;
    return {
      counts: { ...this.#world.counts },
      refused_while_dead: this.#refusedMeanwhile,
      doubled: [...intents.values()].filter((count) => count > 1).length,
      vm_hours: hours,
      clairvoyant_vm_hours: offered.reduce((sum, [, load]) => sum + clairvoyantHours(load, bounds), 0),
      over_limit: this.#over / this.#all,
      beyond: this.#beyond / this.#all,
      highest: this.#highest,
      ratio_of_load: Object.fromEntries(offered.map(([region, load]) => [region, ratioOf(load)])),
      api: {
        ...{ creates: posts, machines: all.length },
        faults: Object.fromEntries(this.#fake.faults.counts),
      },
      fleet: { ...this.#placed },
      alarms: Object.fromEntries(this.#alarms),
      transfer: { used_gb: account.used, forecast: this.#forecasts, quota_gb: account.quota },
      end: this.#end(),
      samples: this.#samples,
    };
  }

  #end(): EndState {
    const state = this.#instances.leader?.fleet.status().state;
    const machines = Object.values(state?.machines ?? {});
    const serving: Record<string, number> = Object.fromEntries(REGIONS.map(({ region }) => [region, 0]));
    const others: Record<string, number> = {};
    for (const { region, phase } of machines) {
      if (phase === 'serving') serving[region] = (serving[region] ?? 0) + 1;
      else others[phase] = (others[phase] ?? 0) + 1;
    }
    const known = new Set(
      machines.filter(({ phase }) => phase !== 'wanted').map(({ id }) => FLEET.scale.labelPrefix + id),
    );
    const there = new Set(this.#fake.machines().map(({ label }) => label));
    const astray =
      [...known].filter((label) => !there.has(label)).length + [...there].filter((label) => !known.has(label)).length;
    return { serving, others, astray };
  }

  async #ask(path: string) {
    const answer = await this.#fake.fetch(`https://api.example.com${path}`, {
      method: 'GET',
      headers: { authorization: 'Bearer of-the-fake' },
    });
    return { json: async () => JSON.parse(await answer.text()) as unknown };
  }

  /** By step, in full relays: all rooms that are meant to be there. */
  #offered(region: string, endMs: number): number[] {
    const steps = new Float64Array((endMs - START_MS) / STEP_MS);
    for (const room of this.#input.rooms) {
      if (room.region !== region) continue;
      const first = Math.max(0, Math.ceil((room.fromMs - START_MS) / STEP_MS));
      const last = Math.min(steps.length - 1, Math.floor((room.toMs - START_MS) / STEP_MS));
      for (let step = first; step <= last; step += 1) {
        steps[step]! += viewersAt(room.viewers, START_MS + step * STEP_MS - room.fromMs, LOAD.growMs);
      }
    }
    return [...steps].map((viewers) => (viewers * VIEWER.cpu) / LIMITS.cpu);
  }
}

const intentOf = (label: string): string => label.replace(/\.try-\d+$/, '');

/** The highest five minutes by the lowest. */
function ratioOf(load: readonly number[]): number {
  const size = 300_000 / STEP_MS;
  const means: number[] = [];
  for (let at = 0; at + size <= load.length; at += size) {
    means.push(load.slice(at, at + size).reduce((sum, each) => sum + each, 0) / size);
  }
  return Math.max(...means) / Math.min(...means);
}
