import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEngine } from '@hayate/engine';
import { readMetrics, total } from '../lib/metrics.ts';
import { Cluster, type ClusterRelay } from '../regions/cluster.ts';
import type { OceanPlan, Region } from '../regions/plan.ts';
import { LightCrowd } from './light-crowd.ts';
import { type Frozen, MediaCrowd, type Stage } from './media-crowd.ts';
import { Livers } from './media-livers.ts';
import { pathOf, type Roles, rolesOf, untilAllLive } from './media-roles.ts';
import { Random } from './random.ts';
import { Witness } from './witness.ts';

const OCEAN: OceanPlan = { outMs: 65, backMs: 65, jitterMs: 2.5, loss: 0.005, burstMs: 15, seed: 1 };
/** The ocean's calendar: away for the first of it. */
const OUTAGE = { everyMs: 80_000, forMs: 30_000 };
/** What a death and a drain may cost. */
const DEATH_MS = 2000;
const DRAIN_MS = 200;
const FLOW_MS = 2000;
const LIMIT_MS = 20_000;
/** A stream that had a unit within so long flows. */
const FLOWING_MS = 400;
const NATS_DOWN_MS = 5000;
const VIEWERS = 4;
const FAILOVER_ROOMS = 20;
/** Viewers by the SDK, of those who fail over in each room and of those who are drained: more are more than one process can draw. */
const DRAWN = { failover: 2, drain: 40 };
const CALM_FOR_MS = 5000;
const WITNESS_TRIES = 8;

export const MEDIA_FAULTS = [
  'edge',
  'parent',
  'origin',
  'drain',
  'nats',
  'region',
  'failover',
  'ocean',
  'control',
] as const;
export type MediaFault = (typeof MEDIA_FAULTS)[number];
type CalmFault = Exclude<MediaFault, 'ocean'>;
/** Those of which a room of few viewers tells all. */
type SmallFault = Exclude<CalmFault, 'drain' | 'failover'>;

export interface ClusterMediaOptions {
  /** Of each fault but `control`. */
  times: number;
  only: readonly MediaFault[];
  /** How long all NATS servers of a region stay down. */
  regionDownMs: number;
  drainViewers: number;
  failoverViewers: number;
  seed: number;
}

interface FaultResult {
  runs: number;
  /** Longest time without a new frame or voice packet over all viewers and livers, of each run, ms. */
  frozen_max_ms: number[];
  frozen_p50_ms: number[];
  pairs: number;
  /** Viewers without a relay at the end. */
  lost: number;
  /** What only this fault has, of each run. */
  more: Record<string, number[]>;
}

/** Two regions of two relays and their NATS servers, while machines die, drain and lose sight of each other: how long media stands still. */
export async function clusterMedia(options: ClusterMediaOptions, log: (text: string) => void) {
  const faults: Partial<Record<MediaFault, FaultResult>> = {};
  const note = (fault: MediaFault, frozen: Frozen, lost: number, more: Record<string, number> = {}) => {
    faults[fault] ??= { runs: 0, frozen_max_ms: [], frozen_p50_ms: [], pairs: frozen.pairs, lost: 0, more: {} };
    const result = faults[fault];
    result.runs += 1;
    result.frozen_max_ms.push(frozen.max);
    result.frozen_p50_ms.push(frozen.p50);
    result.lost += lost;
    for (const [name, value] of Object.entries(more)) result.more[name] = [...(result.more[name] ?? []), value];
    log(`${fault} ${result.runs}: ${JSON.stringify({ ...frozen, lost, ...more })}`);
  };
  const wanted = (fault: MediaFault) => options.only.includes(fault);
  const calm = MEDIA_FAULTS.filter((fault): fault is CalmFault => fault !== 'ocean' && wanted(fault));
  if (calm.length > 0) {
    await withTheatre(options, OCEAN, log, async (theatre) => {
      for (const fault of calm) {
        for (let run = 0; run < (fault === 'control' ? 1 : options.times); run += 1) await theatre.suffer(fault, note);
      }
    });
  }
  if (wanted('ocean')) {
    await withTheatre(options, { ...OCEAN, outage: OUTAGE }, log, async (theatre) => {
      for (let run = 0; run < options.times; run += 1) await theatre.cutOcean(note);
    });
  }
  const worst = (fault: MediaFault) => Math.max(0, ...(faults[fault]?.frozen_max_ms ?? []));
  const limits: Partial<Record<MediaFault, number>> = {
    ...{ edge: DEATH_MS, parent: DEATH_MS, origin: DEATH_MS, failover: DEATH_MS, ocean: DEATH_MS },
    ...{ drain: DRAIN_MS, nats: DRAIN_MS, region: DRAIN_MS },
  };
  const over = Object.entries(limits)
    .filter(([fault, ms]) => worst(fault as MediaFault) > ms || (faults[fault as MediaFault]?.lost ?? 0) > 0)
    .map(
      ([fault, ms]) =>
        `${fault}: ${worst(fault as MediaFault)} ms (limit ${ms}), lost ${faults[fault as MediaFault]?.lost}`,
    );
  // Who knows one relay must stand still for longer: else this measures nothing.
  if (wanted('control') && worst('control') <= DEATH_MS) over.push('the negative control did not stand still');
  return { ...options, ocean: OCEAN, limits_ms: limits, faults, over, passed: over.length === 0 };
}

/** Seconds so far, of all its threads. */
const cpuOf = async ({ process }: ClusterRelay): Promise<number> =>
  total(await readMetrics(process.metrics), 'hayate_process_cpu_seconds_total');

type Note = (fault: MediaFault, frozen: Frozen, lost: number, more?: Record<string, number>) => void;

async function withTheatre(
  options: ClusterMediaOptions,
  ocean: OceanPlan,
  log: (text: string) => void,
  use: (theatre: Theatre) => Promise<void>,
): Promise<void> {
  const cluster = await Cluster.start(
    { relaysPerRegion: 2, natsServers: 3, ocean, flags: ['--drain-ms', '10000'] },
    log,
  );
  // Viewers in one process stand still together when memory is collected: what came meanwhile waits for them.
  const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 3000 });
  const livers = new Livers();
  try {
    const keyFile = join(cluster.relays[0]!.process.stateDir, 'token.key');
    await use(new Theatre(cluster, { engine, livers, relays: cluster.relays, keyFile }, options));
  } finally {
    livers.end();
    await engine.close();
    await cluster.close();
  }
}

/** A cluster to which things are done, a fresh room each time. */
class Theatre {
  readonly #cluster: Cluster;
  readonly #stage: Stage;
  readonly #options: ClusterMediaOptions;
  readonly #random: Random;
  #rooms = 0;

  constructor(cluster: Cluster, stage: Stage, options: ClusterMediaOptions) {
    this.#cluster = cluster;
    this.#stage = stage;
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  async suffer(fault: CalmFault, note: Note): Promise<void> {
    if (fault === 'failover') return this.#failover(note);
    if (fault === 'drain') return this.#drain(note);
    const stage = fault === 'control' ? { ...this.#stage, alone: true } : this.#stage;
    const crowd = new MediaCrowd(`fault-${this.#rooms++}`, stage);
    try {
      const roles = await this.#fill(crowd);
      crowd.begin();
      const undo = await this.#does(fault, roles);
      // What came just before counts as flowing.
      await sleep(FLOWING_MS);
      await this.#untilFlows(crowd);
      await sleep(FLOW_MS);
      note(fault, crowd.frozen(), crowd.places()['none'] ?? 0);
      await undo();
    } finally {
      await crowd.close();
    }
    await untilAllLive(this.#cluster);
  }

  /** Livers and viewers at all relays, and what each relay is for the room. */
  async #fill(crowd: MediaCrowd, { livers = 2 } = {}): Promise<Roles> {
    const of = (region: Region) => this.#random.pick(this.#cluster.relays.filter((relay) => relay.region === region));
    await crowd.live(of('jp'), 'mio');
    if (livers > 1) await crowd.live(of('us'), 'joe');
    for (const relay of this.#cluster.relays) await crowd.watch(relay, VIEWERS);
    const roles = await rolesOf(this.#cluster, crowd.room);
    await this.#untilFlows(crowd, 'before anything was done');
    await sleep(FLOW_MS);
    return roles;
  }

  async #does(fault: SmallFault, roles: Roles): Promise<() => Promise<void>> {
    const regions = this.#cluster.nats.regions;
    const region = this.#random.pick(regions);
    switch (fault) {
      case 'nats': {
        const server = this.#random.pick(region.servers);
        await server.kill();
        await sleep(NATS_DOWN_MS);
        return async () => {
          await server.start();
          await region.ready();
        };
      }
      case 'region':
        await region.kill();
        await sleep(this.#options.regionDownMs);
        return async () => {
          await Promise.all(region.servers.map((server) => server.start()));
          await region.ready();
        };
      default: {
        const victim = roles[fault === 'control' ? 'edge' : fault];
        await victim.process.kill();
        return () => this.#cluster.restart(victim.id);
      }
    }
  }

  /** The edge of a room goes as on SIGTERM, with most of the room's viewers, one liver's: until it has gone. */
  async #drain(note: Note): Promise<void> {
    const crowd = new MediaCrowd(`fault-${this.#rooms++}`, this.#stage);
    const light = new LightCrowd();
    try {
      const { edge } = await this.#fill(crowd, { livers: 1 });
      const others = this.#cluster.relays.filter(({ region, id }) => region === edge.region && id !== edge.id);
      await crowd.watch(edge, DRAWN.drain - VIEWERS);
      const { keyFile } = this.#stage;
      await light.watch(crowd.room, this.#options.drainViewers - DRAWN.drain, { relays: [edge, ...others], keyFile });
      await this.#untilFlows(crowd, 'before anything was done');
      await sleep(FLOW_MS);
      const drained = crowd.viewersAt(edge).length;
      crowd.begin();
      light.begin();
      const begunMs = performance.now();
      await edge.process.stop();
      const tookMs = performance.now() - begunMs;
      await this.#untilFlows(crowd);
      await sleep(FLOW_MS);
      const without = await light.without(FLOWING_MS);
      const frozen = crowd.frozen();
      const gapMs = Math.max(...light.gapsMs());
      // Who has no session sees nothing; of the light ones no more than that is known.
      const max = Math.max(frozen.max, Math.round(gapMs));
      note('drain', { ...frozen, max }, (crowd.places()['none'] ?? 0) + without, {
        viewers: drained + light.size,
        of_them_by_the_sdk: drained,
        moved: crowd.moved + light.movedMs().filter(Number.isFinite).length,
        without_session_max_ms: Math.round(gapMs),
        gone_after_ms: Math.round(tookMs),
      });
      await this.#cluster.restart(edge.id);
    } finally {
      await Promise.all([light, crowd].map((each) => each.close()));
    }
    await untilAllLive(this.#cluster);
  }

  /** A relay with all viewers of many rooms dies; another room must not notice. */
  async #failover(note: Note): Promise<void> {
    const name = `crowd-${this.#rooms++}`;
    const { other, home, full } = await this.#enterWitness(name);
    const crowds = Array.from({ length: FAILOVER_ROOMS }, (_, n) => new MediaCrowd(`${name}-${n}`, this.#stage));
    const light = new LightCrowd();
    const { keyFile } = this.#stage;
    try {
      for (const crowd of crowds) {
        await crowd.live(home, 'mio', { voice: false });
        await crowd.watch(full, DRAWN.failover);
        const more = this.#options.failoverViewers / FAILOVER_ROOMS - DRAWN.failover;
        await light.watch(crowd.room, more, { relays: [full, home], keyFile });
      }
      for (const crowd of crowds) await this.#untilFlows(crowd, 'before anything was done');
      // Who has just joined gets every packet at once.
      await sleep(12_000);
      await other.begin();
      const calmCpu = await cpuOf(home);
      await sleep(CALM_FOR_MS);
      const { lagMs: calmMs } = await other.seen();
      const beforeCpu = await cpuOf(home);
      await other.begin();
      for (const crowd of crowds) crowd.begin();
      // Not all came where they were sent: the load of a relay is only advice.
      const viewers = crowds.flatMap((crowd) => crowd.viewersAt(full));
      const killedMs = performance.now();
      await full.process.kill();
      await sleep(FLOWING_MS);
      await Promise.all(crowds.map((crowd) => this.#untilFlows(crowd)));
      for (const until = killedMs + LIMIT_MS; !light.movedMs().every(Number.isFinite); await sleep(20)) {
        if (performance.now() > until) break;
      }
      const tookMs = performance.now() - killedMs;
      const cameCpu = (await cpuOf(home)) - beforeCpu - ((beforeCpu - calmCpu) * tookMs) / CALM_FOR_MS;
      await sleep(Math.max(0, CALM_FOR_MS - (performance.now() - killedMs)));
      const backOf = (movedMs: number[]) => Math.round(Math.max(...movedMs) - killedMs);
      const seen = await other.seen();
      const without = await light.without(FLOWING_MS);
      const frozen = crowds.map((crowd) => crowd.frozen());
      const worst = frozen.reduce((a, b) => (a.max >= b.max ? a : b));
      const lost = crowds.reduce((sum, crowd) => sum + (crowd.places()['none'] ?? 0), without);
      note('failover', worst, lost, {
        viewers: viewers.length + light.size,
        of_them_by_the_sdk: viewers.length,
        back_last_ms: backOf([...light.movedMs(), ...viewers.map(({ movedMs = Number.POSITIVE_INFINITY }) => movedMs)]),
        back_last_by_the_sdk_ms: backOf(viewers.map(({ movedMs = Number.POSITIVE_INFINITY }) => movedMs)),
        relay_cpu_ms_a_viewer: Number(((cameCpu * 1000) / (viewers.length + light.size)).toFixed(2)),
        other_lag_p99_before_ms: calmMs,
        other_lag_p99_ms: seen.lagMs,
        other_frozen_ms: seen.max,
        other_viewers_held_ms: seen.viewers_held_ms,
      });
      await this.#cluster.restart(full.id);
    } finally {
      other.end();
      await Promise.all([light, ...crowds].map((crowd) => crowd.close()));
    }
    await untilAllLive(this.#cluster);
  }

  /** A room of both regions that has nothing from the relay that is to die, `full`: it would have to find another way first. */
  async #enterWitness(name: string): Promise<{ other: Witness; home: ClusterRelay; full: ClusterRelay }> {
    const [a, b] = this.#cluster.relays.filter(({ region }) => region === 'jp') as [ClusterRelay, ClusterRelay];
    const far = this.#cluster.relays.find(({ region }) => region === 'us')!;
    const { keyFile } = this.#stage;
    for (let n = 0; n < WITNESS_TRIES; n += 1) {
      const [home, full] = n % 2 === 0 ? [a, b] : [b, a];
      const room = `${name}-other-${n}`;
      const at = [home, far];
      const relays = at.map(({ id, region, process: { url, hashes } }) => ({ id, region, process: { url, hashes } }));
      const viewersAt = at.map(({ id }) => id);
      const other = await Witness.enter({ room, relays, keyFile, liverAt: home.id, viewersAt, viewers: VIEWERS });
      const paths = await Promise.all(at.map((relay) => pathOf(relay, room)));
      if (paths.every((path) => path.at(-1) === home.id && !path.includes(full.id))) return { other, home, full };
      other.end();
    }
    throw new Error(`of ${WITNESS_TRIES} rooms each had its media from a relay that it does not enter`);
  }

  /** The regions do not see each other, and a relay of each dies and comes back meanwhile. */
  async cutOcean(note: Note): Promise<void> {
    const intoMs = () => (Number(process.hrtime.bigint()) / 1e6) % OUTAGE.everyMs;
    const untilMs = (at: number) => sleep((at - intoMs() + OUTAGE.everyMs) % OUTAGE.everyMs);
    await untilMs(OUTAGE.forMs + 1000);
    await untilAllLive(this.#cluster);
    const crowd = new MediaCrowd(`fault-${this.#rooms++}`, this.#stage);
    try {
      const roles = await this.#fill(crowd);
      if (intoMs() < OUTAGE.forMs) throw new Error('the room was not up before the ocean went');
      await untilMs(0);
      for (const line of this.#cluster.oceans) line.cut();
      await sleep(3000);
      crowd.begin();
      const edges = [roles.edge, roles.farEdge];
      await Promise.all(edges.map(({ process }) => process.kill()));
      await sleep(2000);
      await Promise.all(edges.map(({ id }) => this.#cluster.restart(id)));
      await untilMs(OUTAGE.forMs - 1000);
      const regionOf = (id: string) => this.#cluster.relays.find((relay) => relay.id === id)!.region;
      const frozen = crowd.frozen(({ viewerAt, liver }) => regionOf(viewerAt) === (liver === 'mio' ? 'jp' : 'us'));
      const across = crowd.frozen(({ viewerAt, liver }) => regionOf(viewerAt) !== (liver === 'mio' ? 'jp' : 'us'));
      await untilMs(OUTAGE.forMs);
      for (const line of this.#cluster.oceans) line.heal();
      const healedMs = performance.now();
      await this.#untilFlows(crowd);
      note('ocean', frozen, crowd.places()['none'] ?? 0, {
        across_frozen_ms: across.max,
        whole_again_ms: Math.round(performance.now() - healedMs),
      });
    } finally {
      await crowd.close();
    }
  }

  /** @param when a room that does not come up at all is no measurement */
  async #untilFlows(crowd: MediaCrowd, when?: string): Promise<void> {
    for (const until = performance.now() + LIMIT_MS; performance.now() < until; ) {
      if (crowd.flows(FLOWING_MS)) return;
      await sleep(20);
    }
    if (when)
      throw new Error(`media of ${crowd.room} does not reach everybody ${when}: ${JSON.stringify(crowd.places())}`);
  }
}
