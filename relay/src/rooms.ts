import type { RelayConfig } from '../config/schema.ts';
import type { MediaPlane, MediaRoom } from '../media/plane.ts';
import { RoomDelivery } from '../policy/room.ts';
import { Room } from '../room/room.ts';
import { Aliases } from './aliases.ts';
import type { RoomDeliveryDetail } from './delivery-stats.ts';

const MAX_SLOTS = 8;

export interface HostedRoom {
  name: string;
  alias: number;
  room: Room;
  media: MediaRoom;
  delivery: RoomDelivery;
}

export interface RoomInfo {
  room: string;
  members: number;
  viewers: number;
  livers: number;
}

export type RoomDetail = RoomInfo & RoomDeliveryDetail;

/** The rooms of one relay: each with its rules, its media and its delivery policy. */
export class Rooms {
  readonly #limits: RelayConfig['rooms'];
  readonly #plane: MediaPlane;
  readonly #aliases = new Aliases();
  readonly #byName = new Map<string, HostedRoom>();

  constructor(limits: RelayConfig['rooms'], plane: MediaPlane) {
    this.#limits = limits;
    this.#plane = plane;
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

  /** Undefined when this relay has all the rooms it may have. */
  open(name: string, nowMs: number): HostedRoom | undefined {
    const limits = this.#limits;
    if (this.#byName.size >= limits.max) return undefined;
    const alias = this.#aliases.take();
    const media = this.#plane.openRoom({
      alias,
      maxAgeMs: limits.maxAgeMs,
      maxAheadMs: limits.maxAheadMs,
      maxMembers: limits.maxViewers + MAX_SLOTS,
    });
    const caps = { viewerBytes: limits.viewerRepairBytes, roomBytes: limits.roomRepairBytes };
    const delivery = new RoomDelivery(limits.budgetMs, caps);
    const hosted = { name, alias, room: new Room(limits, nowMs), media, delivery };
    this.#byName.set(name, hosted);
    return hosted;
  }

  vanish(hosted: HostedRoom): void {
    hosted.media.close();
    this.#byName.delete(hosted.name);
    this.#aliases.give(hosted.alias);
  }
}

export function infoOf({ name, room }: HostedRoom): RoomInfo {
  return { room: name, members: room.memberCount, viewers: room.viewerCount, livers: room.livers().length };
}
