import type { Placed } from '@hayate/fleet/internal';
import { candidates, type KnownRelay } from '@hayate/relay/directory';
import type { Random } from '../faults/random.ts';
import { type TracedRoom, viewersAt } from './load.ts';
import { type DayRelay, hasRoom, type LivingRoom, newRelay, type RelayPlan, refresh } from './relays.ts';

/** A machine as the fake has it. */
export interface MachineSeen {
  id: number;
  label: string;
  region: string;
  status: string;
}

export interface WorldOptions {
  plan: RelayPlan;
  labelPrefix: string;
  random: Random;
  /** Of whichever instance of the fleet answers; undefined: none does. Rejects where no relay has room. */
  place(wish: { room: string; region: string; viewers: number }): Promise<Placed> | undefined;
  /** Of a room that left the relay of that URL. */
  replace(wish: { room: string; region: string; left: string }): Promise<Placed> | undefined;
  nowMs(): number;
  /** Clients that lost their relay do not ask the fleet: they go by what relays name, or all by the least load (negative control). */
  unasked?: 'relays' | 'least' | undefined;
}

export interface WorldCounts {
  openings: number;
  /** Openings of rooms whose relay died. */
  reopenings: number;
  /** Openings that were refused at least once. */
  refused: number;
  /** Rooms of dead relays whose clients found all relays of their first answer full; the longest until any room was in, ms. */
  reopenedLate: number;
  longestMs: number;
  /** Rooms that a drain moved. */
  moved: number;
  /** Placed by the relays themselves, since no instance answered. */
  byRelays: number;
  /** A room was on a machine that was deleted. */
  cut: number;
  /** Machines that were deleted with gifts that nobody else has. */
  giftsDeleted: number;
  machinesWithGifts: number;
  deaths: number;
}

const NAMED = 8;

/** Not placed yet. */
interface Waiting {
  room: LivingRoom;
  /** URL of its relay, which died. */
  left?: string;
  refused: boolean;
  notMs: number;
  sinceMs: number;
}

/** Relays and rooms of a day: what a real cluster would do with what the fleet decides. */
export class DayWorld {
  readonly relays = new Map<string, DayRelay>();
  readonly counts: WorldCounts = {
    ...{ openings: 0, reopenings: 0, refused: 0, reopenedLate: 0, longestMs: 0, moved: 0, byRelays: 0, cut: 0 },
    ...{ giftsDeleted: 0, machinesWithGifts: 0, deaths: 0 },
  };
  readonly #options: WorldOptions;
  #waiting: Waiting[] = [];
  #known: readonly KnownRelay[] = [];

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** The directory. */
  known(): readonly KnownRelay[] {
    return this.#known;
  }

  order(id: string): void {
    const relay = this.relays.get(id);
    if (!relay?.up || relay.draining) return;
    relay.draining = true;
    const { random, plan } = this.#options;
    for (const room of relay.rooms.values()) {
      if (!room.stuck) room.movesMs = this.#options.nowMs() + random.next() * plan.moveMs;
    }
  }

  open(room: TracedRoom): void {
    this.counts.openings += 1;
    this.#waiting.push({ room: { ...room }, refused: false, notMs: 0, sinceMs: this.#options.nowMs() });
  }

  /** The process is gone; its rooms come again once clients notice. */
  die(relay: DayRelay): void {
    if (!relay.up) return;
    relay.up = false;
    relay.downMs = this.#options.nowMs();
    relay.draining = false;
    for (const room of relay.rooms.values()) {
      this.counts.reopenings += 1;
      const { movesMs: _, ...again } = room;
      const notMs = relay.downMs + this.#options.plan.goneMs;
      this.#waiting.push({ room: again, left: relay.known.url, refused: false, notMs, sinceMs: relay.downMs });
    }
    relay.rooms.clear();
  }

  /** What the provider did: machines that run have a relay, others have none. */
  machines(list: readonly MachineSeen[]): void {
    const there = new Set<string>();
    for (const { id: machine, label, region: zone, status } of list) {
      const id = label.slice(this.#options.labelPrefix.length);
      there.add(id);
      const relay = this.relays.get(id);
      if (status === 'running') {
        if (!relay) this.relays.set(id, newRelay(id, zone, machine));
        else if (!relay.up) relay.up = true;
      } else if (relay) this.die(relay);
    }
    for (const relay of this.relays.values()) {
      if (there.has(relay.id)) continue;
      this.counts.cut += relay.rooms.size;
      this.counts.giftsDeleted += relay.gifts;
      if (relay.gifts > 0) this.counts.machinesWithGifts += 1;
      this.die(relay);
      this.relays.delete(relay.id);
    }
  }

  async step(stepMs: number): Promise<void> {
    const { plan, random } = this.#options;
    const nowMs = this.#options.nowMs();
    for (const relay of this.relays.values()) {
      for (const room of relay.rooms.values()) if (room.toMs <= nowMs) relay.rooms.delete(room.name);
      if (relay.up) refresh(relay, nowMs, stepMs, plan, random);
    }
    const seen = [...this.relays.values()].filter((relay) => relay.up || nowMs - relay.downMs < plan.goneMs);
    this.#known = seen.map(({ known }) => known).sort((a, b) => (a.id < b.id ? -1 : 1));
    await this.#moves(nowMs);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) {
      if (each.notMs > nowMs) this.#waiting.push(each);
      else if (each.room.toMs > nowMs && !(await this.#enter(each.room, each.left))) {
        if (!each.refused) this.counts[each.left === undefined ? 'refused' : 'reopenedLate'] += 1;
        this.counts.longestMs = Math.max(this.counts.longestMs, nowMs - each.sinceMs + stepMs);
        this.#waiting.push({ ...each, refused: true });
      }
    }
  }

  /** Viewers of a region, over all relays. */
  viewers(region: string): number {
    let sum = 0;
    for (const relay of this.relays.values()) if (relay.region === region && relay.up) sum += relay.viewers;
    return sum;
  }

  /** Clients that are told to go ask as those of a relay that died. */
  async #moves(nowMs: number): Promise<void> {
    for (const relay of this.relays.values()) {
      if (!relay.draining || !relay.up) continue;
      for (const room of [...relay.rooms.values()]) {
        if ((room.movesMs ?? Number.POSITIVE_INFINITY) > nowMs) continue;
        if (!(await this.#enter(room, relay.known.url))) continue;
        relay.rooms.delete(room.name);
        this.counts.moved += 1;
      }
    }
  }

  /** What the fleet names, one after the other; without a fleet, what the relays name. */
  async #enter(room: LivingRoom, left?: string): Promise<boolean> {
    const { place, replace, unasked } = this.#options;
    const { name, region, expected } = room;
    let answer: Promise<Placed> | undefined;
    if (left === undefined) answer = place({ room: name, region, viewers: expected });
    else if (!unasked) answer = replace({ room: name, region, left });
    if (!answer) {
      if (left === undefined) this.counts.byRelays += 1;
      return this.#join(
        room,
        left !== undefined && unasked === 'least' ? this.#leastLoaded(room) : this.#byRelays(room),
      );
    }
    const placed = await answer.catch(() => undefined);
    return placed !== undefined && this.#join(room, placed.relays);
  }

  /** `GET /v1/rooms/ROOM/relays` of any relay. */
  #byRelays({ region }: LivingRoom): readonly KnownRelay[] {
    return candidates(this.#known, { region, seed: this.#options.random.below(2 ** 32) });
  }

  /** As many as a relay names, the same for all who come before loads say anything new. */
  #leastLoaded({ region }: LivingRoom): readonly KnownRelay[] {
    const there = this.#known.filter(({ draining }) => !draining).sort((a, b) => a.load.cpu - b.load.cpu);
    const [near, far] = [true, false].map((own) => there.filter((relay) => (relay.region === region) === own));
    return [...near!.slice(0, NAMED - 1), ...far!.slice(0, 1)];
  }

  #join(room: LivingRoom, named: readonly KnownRelay[]): boolean {
    for (const { id } of named) {
      const relay = this.relays.get(id);
      if (!relay || !hasRoom(relay, room.viewers, this.#options.plan)) continue;
      const { movesMs: _, ...entered } = room;
      relay.rooms.set(room.name, entered);
      relay.viewers += viewersAt(room.viewers, this.#options.nowMs() - room.fromMs, this.#options.plan.growMs);
      return true;
    }
    return false;
  }
}
