import type { RoomComments } from '../comments/room.ts';
import type { RelayConfig } from '../config/schema.ts';
import type { MediaPlane, MediaRoom } from '../media/plane.ts';
import type { Voice } from '../policy/plan.ts';
import { RoomDelivery } from '../policy/room.ts';
import { TUNING, type Tuning } from '../policy/tuning.ts';
import { Room } from '../room/room.ts';
import { Aliases } from './aliases.ts';
import type { RoomDeliveryDetail } from './delivery-stats.ts';
import type { News } from './news.ts';

const MAX_SLOTS = 8;
/** Other relays of the room's tree. */
const MAX_NEIGHBOURS = 256;

export interface HostedRoom {
  name: string;
  alias: number;
  room: Room;
  media: MediaRoom;
  delivery: RoomDelivery;
  comments: RoomComments;
  news: News;
}

export interface RoomsOptions {
  limits: RelayConfig['rooms'];
  /** New ones of one liver. */
  unitsPerSecond: number;
  plane: MediaPlane;
  /** Makes what a new room's comments are kept by. */
  comments(name: string, room: Room): RoomComments;
  news(room: Room): News;
}

export interface RoomInfo {
  room: string;
  members: number;
  viewers: number;
  livers: number;
}

/** Over all rooms. */
export interface RoomTotals {
  rooms: number;
  viewers: number;
  livers: number;
  /** Each `sub` once a room. */
  people: number;
}

export type RoomDetail = RoomInfo & RoomDeliveryDetail;

/** The rooms of one relay: each with its rules, its media and its delivery policy. */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #tuning: Tuning;
  readonly #aliases = new Aliases();
  readonly #byName = new Map<string, HostedRoom>();

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#tuning = { ...TUNING, maxVoice: options.limits.voicePerDatagram as Voice };
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): HostedRoom | undefined {
    return this.#byName.get(name);
  }

  values(): IterableIterator<HostedRoom> {
    return this.#byName.values();
  }

  totals(): RoomTotals {
    const totals = { rooms: this.#byName.size, viewers: 0, livers: 0, people: 0 };
    for (const { room } of this.#byName.values()) {
      totals.viewers += room.viewerCount;
      totals.livers += room.livers().length;
      totals.people += room.peopleCount;
    }
    return totals;
  }

  /** Undefined when this relay has all the rooms it may have. */
  open(name: string, nowMs: number): HostedRoom | undefined {
    const { limits, unitsPerSecond, plane, comments, news } = this.#options;
    if (this.#byName.size >= limits.max) return undefined;
    const alias = this.#aliases.take();
    const media = plane.openRoom({
      alias,
      maxAgeMs: limits.maxAgeMs,
      maxAheadMs: limits.maxAheadMs,
      maxMembers: limits.maxViewers + MAX_SLOTS + MAX_NEIGHBOURS,
      unitsPerSecond,
    });
    const caps = { viewerBytes: limits.viewerRepairBytes, roomBytes: limits.roomRepairBytes };
    const delivery = new RoomDelivery(limits.budgetMs, caps, this.#tuning);
    const room = new Room(limits, nowMs);
    const hosted = { name, alias, room, media, delivery, comments: comments(name, room), news: news(room) };
    this.#byName.set(name, hosted);
    return hosted;
  }

  vanish(hosted: HostedRoom): void {
    hosted.media.close();
    hosted.comments.close();
    hosted.news.close();
    this.#byName.delete(hosted.name);
    this.#aliases.give(hosted.alias);
  }
}

export function infoOf({ name, room }: HostedRoom): RoomInfo {
  return { room: name, members: room.memberCount, viewers: room.viewerCount, livers: room.livers().length };
}
