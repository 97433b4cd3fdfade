import { type Room, watch } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import { webSocketConnector } from '@hayate/transport/fails-components';
import type { Random } from '../faults/random.ts';
import { openOffice } from '../lib/app-backend.ts';
import { Doomed } from './doomed.ts';
import { Givers } from './givers.ts';
import { Livers } from './livers.ts';
import { LOAD } from './load.ts';
import { Stage } from './performance.ts';
import { Place } from './place.ts';
import { Probes } from './probes.ts';
import { Visitor } from './visitor.ts';

const ROOMS = Array.from({ length: LOAD.rooms }, (_, n) => `soak-${n}`);
const TURN_MS = 100;
const TICKET_SECONDS = 3600;

/** Everybody who is at the relay, and what they do, by `LOAD`. */
export class Crowd {
  readonly probes: Probes;
  readonly givers: Givers;
  readonly livers: Livers;
  /** `refused`: came and were not let in. `lost`: were in, and the session ended by itself. */
  readonly counts = { visits: 0, refused: 0, lost: 0, fallback: 0, passing_rooms: 0, livers_back: 0 };
  readonly #place: Place;
  readonly #stage: Stage;
  readonly #doomed: Doomed;
  readonly #random: Random;
  readonly #leaving = new Map<() => void, number>();
  readonly #busy = new Set<Promise<void>>();
  readonly #done: Record<string, number> = {};
  #timer: NodeJS.Timeout | undefined;
  #sinceMs = 0;
  #room = 0;

  private constructor(place: Place, stage: Stage, givers: Givers, random: Random) {
    this.#place = place;
    this.#stage = stage;
    this.#random = random;
    this.givers = givers;
    this.probes = new Probes(place);
    this.livers = new Livers(place, stage);
    this.#doomed = new Doomed(place);
  }

  /** Resolves once the standing rooms are on. @param stateDir of the relay, for its keys */
  static async open(relay: { url: string; hashes: string[]; stateDir: string }, random: Random): Promise<Crowd> {
    const engine = openEngine({ eventQueueBytes: 16 << 20, eventQueueMs: 2000 });
    const place = new Place(engine, relay, `${relay.stateDir}/token.key`);
    const office = await openOffice(relay.stateDir, { ttlSeconds: TICKET_SECONDS });
    const crowd = new Crowd(place, await Stage.open(engine), new Givers(place, office), random);
    for (const room of ROOMS) await crowd.livers.goOn(room);
    await crowd.givers.open(ROOMS);
    await crowd.probes.open(ROOMS);
    crowd.#sinceMs = performance.now();
    crowd.#timer = setInterval(() => crowd.#turn(), TURN_MS);
    return crowd;
  }

  get killed(): number {
    return this.#doomed.killed;
  }

  /** Nobody comes, gives or comments any more; who is here stays. */
  async quiet(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.allSettled(this.#busy);
    await this.givers.answered();
  }

  /** Everybody goes, some by dying. The engine stays, so that goodbyes are heard. */
  async leave(): Promise<void> {
    this.#doomed.kill();
    for (const go of this.#leaving.keys()) go();
    this.#leaving.clear();
    this.probes.close();
    this.givers.close();
    await this.livers.close();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#doomed.kill();
    this.#stage.close();
    await this.#place.engine.close();
  }

  /** By the clock, not by timers: a late one makes up for it. */
  #turn(): void {
    const seconds = (performance.now() - this.#sinceMs) / 1000;
    const due = (what: string, each: number, act: () => void) => {
      this.#done[what] ??= 0;
      for (; this.#done[what]! < seconds / each; this.#done[what]! += 1) act();
    };
    for (const [go, atMs] of this.#leaving) {
      if (performance.now() < atMs) continue;
      this.#leaving.delete(go);
      go();
    }
    due('visits', 1 / LOAD.visits, () => this.#begin(() => this.#visit()));
    due('comments', 1 / LOAD.comments, () => this.givers.comment(this.#nextRoom(), `comment ${seconds.toFixed(1)}`));
    due('gifts', 1 / LOAD.gifts, () => this.givers.give(this.#nextRoom()));
    due('doomed', LOAD.doomedEachS, () => this.#begin(() => this.#doomed.next(this.#nextRoom())));
    due('livers', LOAD.liverOffEachS, () => this.#begin(() => this.#liverOff(this.#nextRoom())));
    due('passing', LOAD.passingEachS, () => this.#begin(() => this.#passing()));
    due('probes', 1, () => this.#begin(() => this.probes.turn()));
  }

  #begin(act: () => Promise<void>): void {
    const one = act()
      .catch(() => {
        this.counts.refused += 1;
      })
      .finally(() => this.#busy.delete(one));
    this.#busy.add(one);
  }

  #nextRoom(): string {
    this.#room = (this.#room + 1) % ROOMS.length;
    return ROOMS[this.#room]!;
  }

  #stays(go: () => void, seconds: number): void {
    this.#leaving.set(go, performance.now() + seconds * 1000);
  }

  async #visit(): Promise<void> {
    const sub = `visitor-${this.counts.visits++}`;
    const room = this.#random.pick(ROOMS);
    const seconds = -Math.log(1 - this.#random.next()) * LOAD.stayS;
    const kind = this.#random.next();
    if (kind < LOAD.full + LOAD.fallback) {
      const fallback = kind < LOAD.fallback;
      const leave = await this.#fullVisit(room, sub, fallback);
      this.#stays(leave, seconds);
      return;
    }
    const visitor = await this.#enter(room, sub);
    this.#stays(() => visitor.leave(), seconds);
  }

  #enter(room: string, sub: string): Promise<Visitor> {
    const lost = () => {
      this.counts.lost += 1;
    };
    return this.#place.address(room, sub).then((address) => Visitor.enter(this.#place.engine, address, lost));
  }

  /** By the SDK, and with a word. */
  async #fullVisit(room: string, sub: string, fallback: boolean): Promise<() => void> {
    if (fallback) this.counts.fallback += 1;
    const connector = fallback ? webSocketConnector() : this.#place.connector;
    const watcher = watch(this.#place.target(room, sub), { connector, gifts: {} });
    await watcher.ready;
    speak(watcher.room);
    return () => watcher.close();
  }

  async #liverOff(room: string): Promise<void> {
    await this.livers.goOff(room);
    await new Promise((resolve) => setTimeout(resolve, LOAD.liverOffS * 1000));
    await this.livers.goOn(room);
    this.counts.livers_back += 1;
  }

  /** A room that begins, has a few viewers and a gift, and ends. */
  async #passing(): Promise<void> {
    const room = `soak-passing-${this.counts.passing_rooms++}`;
    await this.livers.goOn(room);
    const watcher = watch(this.#place.target(room, 'fan'), { connector: this.#place.connector, gifts: { after: 0 } });
    await watcher.ready;
    const viewers = await Promise.all(
      Array.from({ length: LOAD.passingViewers }, (_, n) => this.#enter(room, `viewer-${n}`)),
    );
    this.givers.giveAs(watcher.room, room, 'fan');
    const end = () => {
      for (const viewer of viewers) viewer.leave();
      watcher.close();
      void this.livers.goOff(room);
    };
    this.#stays(end, LOAD.passingS);
  }
}

function speak(room: Room): void {
  room.comment('good evening').catch(() => {});
  room.react('heart');
}
