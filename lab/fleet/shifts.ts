import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, openEngine } from '@hayate/engine';
import type { FleetStatus } from '@hayate/fleet';
import { auditDelivered, Givers } from '../faults/givers.ts';
import { type Frozen, MediaCrowd, type RelayPlace, type Stage, worstOf } from '../faults/media-crowd.ts';
import { Livers } from '../faults/media-livers.ts';
import { openOffice, openWebhookReceiver, type WebhookReceiver } from '../lib/app-backend.ts';
import { type CloudName, Clouds } from './clouds.ts';

/** Relays that serve. */
const [MIN, PEAK] = [2, 4];
const ROOMS = 6;
const VIEWERS = 4;
/** Of them to the end. */
const LASTING = 1;
const OPEN_EACH_MS = 2500;
const GIFTS_PER_SECOND = 4;
/** At the peak relays send 90 to 130 kB a second, at the end about 25. */
const FULL_BPS = 22_000;
const DRAIN_MS = 4000;
/** Who has just joined gets every packet at once; a room is calm after that. */
const CALM_MS = 12_000;
const CALM_FOR_MS = 5000;
const FLOWING_MS = 400;
/** What a hand-over still brings. */
const AFTER_MS = 2000;
const LIMIT_MS = 300_000;
const STOPS_MS = 10_000;
const CONTROL_MS = 4000;

const SCALE = {
  ...{ tickMs: 500, leadMs: 4000, keepMs: 4000, fallMs: 6000, trendMs: 1000, sigmas: 0, fill: 1 },
  ...{ createRetryMs: 2000, createMaxRetryMs: 8000, bootLimitMs: 120_000, lostMs: 10_000, darkMs: 5000 },
  ...{ drainMs: 60_000, drainShare: 0.5 },
};

/** A step of the run, with the longest time that any viewer had nothing new of any liver. */
interface Step {
  seconds: number;
  /** Viewers that went to another relay. */
  moved: number;
  frozen_ms: Frozen;
}

export interface ShiftsResult {
  rooms: number;
  viewers: number;
  /** Relays that serve, by cloud. */
  relays: {
    first: Places;
    peak: Places;
    shifted: Places;
    back: Places;
    half: Places;
    dark: Places;
    again: Places;
    last: Places;
  };
  dry_run: { relays_to_move: number; changed: boolean };
  scale_out_s: number;
  /** What this machine does by itself with so many processes. */
  calm: Step;
  shift_to_100: Step;
  shift_to_0: Step;
  shift_to_50: Step;
  dark: {
    /** Who was at its relays. */
    viewers_there: number;
    /** From the death of its processes until all viewers of all rooms see all livers again. */
    rooms_back_s: number;
    frozen_ms: Frozen;
    /** Until as many relays serve as before. */
    capacity_back_s: number;
    /** Of machines of the dark cloud. */
    phases: string[];
    machines_kept: number;
    machines_before: number;
    /** Until its relays serve again. */
    serves_again_s: number;
  };
  scale_in: Step;
  /** A relay that goes without a drain. */
  control: { frozen_ms: Frozen; gifts_never_given: number };
  gifts: { sent: number; acked: number; refused: number; lost: number; doubled: number };
}

type Places = Record<CloudName, number>;

/** Relays in two clouds under rooms, viewers and gifts: out, over, back, half of them dark, in. */
export async function shifts(log: (text: string) => void): Promise<ShiftsResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-shifts-'));
  const webhook = await openWebhookReceiver(folder);
  const engine = openEngine();
  const clouds = await Clouds.start({
    ...{ min: MIN, max: PEAK, egressBps: FULL_BPS, scale: SCALE, drainMs: DRAIN_MS, webhook: webhook.settings },
  });
  try {
    return await new Shifts(clouds, engine, webhook, log).run();
  } finally {
    await engine.close();
    await clouds.close();
    await webhook.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Shifts {
  readonly #clouds: Clouds;
  readonly #engine: Engine;
  readonly #webhook: WebhookReceiver;
  readonly #log: (text: string) => void;
  #crowds: MediaCrowd[] = [];

  constructor(clouds: Clouds, engine: Engine, webhook: WebhookReceiver, log: (text: string) => void) {
    this.#clouds = clouds;
    this.#engine = engine;
    this.#webhook = webhook;
    this.#log = log;
  }

  async run(): Promise<ShiftsResult> {
    const clouds = this.#clouds;
    const livers = new Livers();
    const relaysOf = (room: string) => clouds.relaysOf(room);
    const keyFile = join(clouds.keys, 'token.key');
    const stage: Stage = { engine: this.#engine, livers, relays: [], keyFile, relaysOf };
    const givers = new Givers(this.#engine, await openOffice(clouds.keys), relaysOf, GIFTS_PER_SECOND);
    try {
      this.#log(`${MIN} relays at a`);
      await clouds.until(`${MIN} relays`, LIMIT_MS, (status) => serving(status).a === MIN && settled(status));
      const first = await this.#places();
      this.#log(`${ROOMS} rooms, ${VIEWERS} viewers each`);
      for (let n = 0; n < ROOMS; n += 1) await this.#open(`shift-${n}`, stage, givers);
      const scaleOut = await clouds.until(`${PEAK} relays`, LIMIT_MS, (s) => serving(s).a === PEAK && settled(s));
      const peak = await this.#places();
      await this.#untilFlow('at the peak');
      await sleep(CALM_MS);
      givers.begin();
      const calm = await this.#step(() => sleep(CALM_FOR_MS));

      this.#log('shift to 100 %');
      const dry = await clouds.shift(100, true);
      const unchanged = (await clouds.status()).shares['jp']!['b']!.share;
      const over = await this.#shift(100);
      const shifted = await this.#places();
      this.#log('shift to 0 %');
      const back = await this.#shift(0);
      const returned = await this.#places();
      this.#log('shift to 50 %');
      const halfWay = await this.#shift(50);
      const half = await this.#places();

      const dark = await this.#dark('b');
      this.#log('rooms close');
      const scaleIn = await this.#step(async () => {
        for (const crowd of this.#crowds.splice(LASTING)) {
          await givers.leave(crowd.room);
          await crowd.close();
        }
        await clouds.until(`${MIN} relays`, LIMIT_MS, (s) => total(serving(s)) === MIN && settled(s));
      });
      const last = await this.#places();
      const gifts = await givers.end();
      const audit = await auditDelivered(givers.acked, this.#webhook);

      this.#log('control: a relay goes without a drain');
      const control = await this.#control();
      const never = await auditDelivered(new Set([...givers.acked, 'never-given']), this.#webhook, 0);
      const [answer] = Object.values(dry.regions);
      return {
        ...{ rooms: ROOMS, viewers: ROOMS * VIEWERS },
        relays: { first, peak, shifted, back: returned, half, dark: dark.places, again: dark.again, last },
        dry_run: { relays_to_move: answer?.relays ?? 0, changed: unchanged !== 0 },
        scale_out_s: scaleOut,
        ...{ calm, shift_to_100: over, shift_to_0: back, shift_to_50: halfWay },
        dark: dark.figures,
        scale_in: scaleIn,
        control: { frozen_ms: control, gifts_never_given: never.lost },
        gifts: { ...gifts, ...audit },
      };
    } finally {
      givers.close();
      await Promise.all(this.#crowds.map((crowd) => crowd.close()));
      livers.end();
    }
  }

  async #open(room: string, stage: Stage, givers: Givers): Promise<void> {
    const at = await this.#clouds.openRoom(room, VIEWERS);
    const crowd = new MediaCrowd(room, stage);
    this.#crowds.push(crowd);
    await crowd.live(at, `liver-${at.region}`);
    await crowd.watch(at, VIEWERS);
    await givers.enter(room, at);
    await sleep(OPEN_EACH_MS);
  }

  /** What is done, and what viewers see of it. */
  async #step(act: () => Promise<unknown>): Promise<Step> {
    for (const crowd of this.#crowds) crowd.begin();
    const fromMs = performance.now();
    await act();
    const seconds = Math.round((performance.now() - fromMs) / 100) / 10;
    await sleep(AFTER_MS);
    const moved = this.#crowds.reduce((sum, crowd) => sum + crowd.moved, 0);
    return { seconds, moved, frozen_ms: worstOf(this.#crowds) };
  }

  #shift(percent: number): Promise<Step> {
    return this.#step(async () => {
      await this.#clouds.shift(percent);
      await this.#clouds.until(`${percent} % at b`, LIMIT_MS, (status) => reached(status, percent) && settled(status));
    });
  }

  async #dark(cloud: CloudName) {
    const clouds = this.#clouds;
    this.#log(`${cloud} goes dark`);
    const before = clouds.machines(cloud).length;
    const served = total(await this.#places());
    const its = new Set(clouds.machines(cloud).map(({ id }) => id));
    const struck = this.#relays()
      .filter(({ id }) => its.has(id))
      .reduce((sum, relay) => sum + this.#crowds.reduce((n, crowd) => n + crowd.viewersAt(relay).length, 0), 0);
    for (const crowd of this.#crowds) crowd.begin();
    const fromMs = performance.now();
    const sinceS = () => Math.round((performance.now() - fromMs) / 100) / 10;
    clouds.goDark(cloud);
    const rooms = this.#untilBack().then(() => ({ s: sinceS(), frozen: worstOf(this.#crowds) }));
    const lost = (status: FleetStatus) => phasesAt(status, cloud).every((phase) => phase === 'lost');
    await clouds.until('its capacity elsewhere', LIMIT_MS, (s) => lost(s) && total(serving(s)) >= served);
    const capacity = sinceS();
    const { s: back, frozen } = await rooms;
    const status = await clouds.status();
    const places = serving(status);
    const phases = phasesAt(status, cloud);
    this.#log(`${cloud} is back`);
    const againMs = performance.now();
    await clouds.comeBack(cloud);
    const kept = clouds.machines(cloud).length;
    await clouds.until(
      'it serves again',
      LIMIT_MS,
      (s) => serving(s)[cloud] > 0 && !phasesAt(s, cloud).includes('lost'),
    );
    const again = Math.round((performance.now() - againMs) / 100) / 10;
    // What is too many now drains, by shares.
    await clouds.until('the shares', LIMIT_MS, (s) => reached(s, 50) && settled(s));
    await this.#untilFlow('once it is back');
    const figures = {
      ...{ viewers_there: struck, rooms_back_s: back, frozen_ms: frozen, capacity_back_s: capacity, phases },
      ...{ machines_kept: kept, machines_before: before, serves_again_s: again },
    };
    return { figures, places, again: await this.#places() };
  }

  async #control(): Promise<Frozen> {
    const places = this.#crowds.map((crowd) => crowd.places(this.#relays()));
    const at = (id: string) => places.reduce((sum, each) => sum + (each[id] ?? 0), 0);
    const [most] = this.#relays().sort((a, b) => at(b.id) - at(a.id));
    for (const crowd of this.#crowds) crowd.begin();
    this.#clouds.killRelay(most!.id);
    await sleep(CONTROL_MS);
    return worstOf(this.#crowds);
  }

  #relays(): RelayPlace[] {
    return this.#clouds.machines().map(({ id, url }) => ({ id, region: 'jp', process: { url, hashes: [] } }));
  }

  async #places(): Promise<Places> {
    return serving(await this.#clouds.status());
  }

  /** What came a moment ago still counts as flowing: media has to stop first. */
  async #untilBack(): Promise<void> {
    const until = performance.now() + STOPS_MS;
    while (this.#crowds.every((crowd) => crowd.flows(FLOWING_MS))) {
      if (performance.now() > until) throw new Error('a cloud went dark, and nobody was without media');
      await sleep(20);
    }
    await this.#untilFlow('after a cloud went dark');
  }

  async #untilFlow(when: string): Promise<void> {
    for (const until = performance.now() + LIMIT_MS; !this.#crowds.every((crowd) => crowd.flows(FLOWING_MS)); ) {
      if (performance.now() > until) throw new Error(`media does not reach everybody ${when}`);
      await sleep(20);
    }
  }
}

const total = ({ a, b }: Places): number => a + b;

const at = (status: FleetStatus, cloud: CloudName, phase: string): number =>
  status.shares['jp']?.[cloud]?.relays[phase] ?? 0;

const serving = (status: FleetStatus): Places => ({ a: at(status, 'a', 'serving'), b: at(status, 'b', 'serving') });

/** Nobody comes, nobody goes. */
const settled = ({ state }: FleetStatus): boolean =>
  Object.values(state.machines).every(({ phase }) => phase === 'serving');

const phasesAt = ({ state }: FleetStatus, cloud: CloudName): string[] =>
  Object.values(state.machines).flatMap(({ provider, phase }) => (provider === cloud ? [phase] : []));

/** As near to the share as whole relays can be. */
function reached(status: FleetStatus, percent: number): boolean {
  const { share, due } = status.shares['jp']!['b']!;
  return share === percent && Math.abs(serving(status).b - due) <= 0.5;
}
