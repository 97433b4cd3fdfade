import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RelayCandidate } from '@hayate/client';
import { type Engine, openEngine } from '@hayate/engine';
import { openOffice, openWebhookReceiver, type WebhookReceiver } from '../lib/app-backend.ts';
import { Cluster, type ClusterRelay } from '../regions/cluster.ts';
import { type OceanPlan, REGIONS, type Region } from '../regions/plan.ts';
import { auditDelivered, Givers } from './givers.ts';
import { type Frozen, MediaCrowd, type RelayPlace, type Stage, worstOf } from './media-crowd.ts';
import { Livers } from './media-livers.ts';
import { untilAllLive } from './media-roles.ts';

const OCEAN: OceanPlan = { outMs: 65, backMs: 65, jitterMs: 2.5, loss: 0.005, burstMs: 15, seed: 1 };
const PER_REGION = 2;
/** What the old relays wait for clients that do not go by themselves. */
const DRAIN_MS = 5000;
/** Who has just joined gets every packet at once; a room is calm after that. */
const CALM_MS = 12_000;
const FLOWING_MS = 400;
const LIMIT_MS = 20_000;
const GIFTS_PER_SECOND = 8;
const BEFORE_MS = 3000;
const AFTER_MS = 5000;
/** As long as a drain takes. */
const CALM_FOR_MS = 8000;

export interface RollOptions {
  rooms: number;
  /** At each of the four old relays, of each room. */
  viewers: number;
  /** Old relays drain all at the same time, not one after the other. */
  atOnce: boolean;
}

export interface RollResult extends RollOptions {
  relays: { old: string[]; new: string[] };
  all_viewers: number;
  /** Longest time without a new frame or voice packet, over all viewers and livers. */
  frozen_ms: Frozen;
  /** The same in the seconds before anything drains: what this machine does by itself with so many processes. */
  calm_frozen_ms: Frozen;
  /** Clients that know one relay only: the negative control. */
  control_frozen_ms: Frozen;
  /** Viewers by where they are at the end; `none`: nowhere. */
  places: Record<string, number>;
  /** From the signal to the end of each old relay's process. */
  drained_after_ms: number[];
  gifts: { sent: number; acked: number; refused: number; lost: number; doubled: number };
}

/** A roll as Terraform's three commands make it: a new generation comes beside the old one, which drains and goes, while rooms and gifts go on. */
export async function roll(options: RollOptions, log: (text: string) => void): Promise<RollResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-roll-'));
  const webhook = await openWebhookReceiver(folder);
  const engine = openEngine();
  const plan = { relaysPerRegion: PER_REGION, natsServers: 3, ocean: OCEAN } as const;
  const cluster = await Cluster.start({ ...plan, flags: ['--drain-ms', `${DRAIN_MS}`, ...webhook.flags] }, log);
  try {
    return await new Roll(cluster, engine, webhook, options, log).run();
  } finally {
    await engine.close();
    await cluster.close();
    await webhook.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Roll {
  readonly #cluster: Cluster;
  readonly #engine: Engine;
  readonly #webhook: WebhookReceiver;
  readonly #options: RollOptions;
  readonly #log: (text: string) => void;
  readonly #gone = new Set<ClusterRelay>();

  constructor(
    cluster: Cluster,
    engine: Engine,
    webhook: WebhookReceiver,
    options: RollOptions,
    log: (text: string) => void,
  ) {
    this.#cluster = cluster;
    this.#engine = engine;
    this.#webhook = webhook;
    this.#options = options;
    this.#log = log;
  }

  async run(): Promise<RollResult> {
    const old = [...this.#cluster.relays];
    const keyFile = join(old[0]!.process.stateDir, 'token.key');
    const livers = new Livers();
    const stage: Stage = {
      engine: this.#engine,
      livers,
      relays: old,
      keyFile,
      relaysOf: (room, near) => this.#ask(room, near),
    };
    const crowds = Array.from({ length: this.#options.rooms }, (_, n) => new MediaCrowd(`roll-${n}`, stage));
    const { relaysOf: _, ...known } = stage;
    const control = new MediaCrowd('roll-control', { ...known, alone: true });
    const office = await openOffice(old[0]!.process.stateDir);
    const givers = new Givers(this.#engine, office, (room, near) => this.#ask(room, near), GIFTS_PER_SECOND);
    const everybody = [...crowds, control];
    try {
      this.#log('rooms begin');
      for (const [n, crowd] of everybody.entries()) {
        for (const region of REGIONS) await crowd.live(this.#pick(old, region, n), `liver-${region}`);
        for (const relay of old) await crowd.watch(relay, crowd === control ? 1 : this.#options.viewers);
        if (crowd !== control) for (const relay of old) await givers.enter(crowd.room, relay);
      }
      await this.#untilFlow(everybody, 'before the roll');
      await sleep(CALM_MS);
      this.#log('1. a new generation beside the old one');
      for (const region of REGIONS) {
        for (let n = 1; n <= PER_REGION; n += 1) await this.#cluster.add(`${region}-b-${n}`, region);
      }
      await untilAllLive(this.#cluster);
      await sleep(BEFORE_MS);
      for (const crowd of everybody) crowd.begin();
      givers.begin();
      await sleep(CALM_FOR_MS);
      const calm = worstOf(crowds);
      for (const crowd of everybody) crowd.begin();
      this.#log('2. the old generation drains');
      const fromMs = performance.now();
      const drain = async (relay: ClusterRelay) => {
        this.#gone.add(relay);
        await relay.process.stop();
        return Math.round(performance.now() - fromMs);
      };
      const drained: number[] = [];
      if (this.#options.atOnce) drained.push(...(await Promise.all(old.map(drain))));
      else for (const relay of old) drained.push(await drain(relay));
      this.#log('3. it is gone');
      await sleep(AFTER_MS);
      const gifts = await givers.end();
      const places: Record<string, number> = {};
      for (const crowd of crowds) {
        for (const [where, count] of Object.entries(this.#places(crowd))) places[where] = (places[where] ?? 0) + count;
      }
      const fresh = this.#cluster.relays.filter((relay) => !old.includes(relay));
      return {
        ...this.#options,
        relays: { old: old.map(({ id }) => id), new: fresh.map(({ id }) => id) },
        all_viewers: this.#options.rooms * this.#options.viewers * old.length,
        frozen_ms: worstOf(crowds),
        calm_frozen_ms: calm,
        control_frozen_ms: control.frozen(),
        places,
        drained_after_ms: drained,
        gifts: { ...gifts, ...(await auditDelivered(givers.acked, this.#webhook)) },
      };
    } finally {
      givers.close();
      await Promise.all(everybody.map((crowd) => crowd.close()));
      livers.end();
    }
  }

  /** As an application's backend answers its clients: by any relay of their region that is there. */
  async #ask(room: string, near: RelayPlace): Promise<RelayCandidate[]> {
    const there = this.#cluster.relays.filter((relay) => !this.#gone.has(relay) && relay.region === near.region);
    const answer = await fetch(new URL(`/v1/rooms/${room}/relays`, there[0]!.process.http));
    return ((await answer.json()) as { relays: RelayCandidate[] }).relays;
  }

  #pick(relays: readonly ClusterRelay[], region: Region, n: number): ClusterRelay {
    const of = relays.filter((relay) => relay.region === region);
    return of[n % of.length]!;
  }

  #places(crowd: MediaCrowd): Record<string, number> {
    return crowd.places(this.#cluster.relays);
  }

  async #untilFlow(crowds: readonly MediaCrowd[], when: string): Promise<void> {
    for (const until = performance.now() + LIMIT_MS; !crowds.every((crowd) => crowd.flows(FLOWING_MS)); ) {
      if (performance.now() > until) throw new Error(`media does not reach everybody ${when}`);
      await sleep(20);
    }
  }
}
