import type { Session } from '@hayate/transport';
import type { Logger } from 'pino';
import type { DeliveryClass, MediaRoom } from '../media/plane.ts';
import type { RoomDelivery } from '../policy/room.ts';
import type { Room } from '../room/room.ts';
import type { RelayId } from '../trunk/types.ts';

const MEASURE_MS = 1000;
const MAX_SLOTS = 8;

export interface TrunkMediaOptions {
  media: MediaRoom;
  delivery: RoomDelivery;
  session(peer: RelayId): Session | undefined;
  repairMs: number;
  log: Logger;
}

interface Neighbour {
  session: Session;
  alias: number;
  to: number;
  from: number;
}

/** One room's media to and from its neighbours in the tree: they are members of it, and feed slots of it. */
export class TrunkMedia {
  readonly #options: TrunkMediaOptions;
  readonly #neighbours = new Map<RelayId, Neighbour>();
  #measuredMs = Number.NEGATIVE_INFINITY;

  constructor(options: TrunkMediaOptions) {
    this.#options = options;
  }

  attach(peer: RelayId, alias: number): void {
    this.detach(peer);
    const session = this.#options.session(peer);
    if (!session) return;
    this.#neighbours.set(peer, { session, alias, to: 0, from: 0 });
    this.#join(session, 0);
    // Children have less of the budget left than anybody here: nobody may hold anything back.
    this.#options.delivery.relayed = true;
  }

  detach(peer: RelayId): void {
    const neighbour = this.#neighbours.get(peer);
    if (!neighbour) return;
    this.#neighbours.delete(peer);
    this.#attempt(() => {
      this.#options.media.feed(neighbour.session, neighbour.alias, 0);
      this.#options.media.leave(neighbour.session);
    });
    this.#options.delivery.relayed = this.#neighbours.size > 0;
  }

  /** First less, then more: no slot goes back to where it comes from in between. */
  masks(peer: RelayId, { to, from }: { to: number; from: number }): void {
    const neighbour = this.#neighbours.get(peer);
    if (!neighbour) return;
    const { session, alias } = neighbour;
    const { media } = this.#options;
    Object.assign(neighbour, { to, from });
    this.#attempt(() => {
      media.setClass(session, this.#class(to));
      media.feed(session, alias, from);
    });
  }

  /** It knows this room's alias from now on. */
  replay(peer: RelayId): void {
    const neighbour = this.#neighbours.get(peer);
    if (!neighbour) return;
    this.#attempt(() => this.#options.media.leave(neighbour.session));
    this.#join(neighbour.session, neighbour.to);
  }

  /** The liver has gone for good: nothing of it is to be given to who joins, and its generation is over. */
  gone(slot: number): void {
    this.#options.media.unpublish(slot);
  }

  /** By slot: which neighbour it comes from, and the session to it. */
  feeders(): Map<number, { peer: RelayId; session: Session }> {
    const out = new Map<number, { peer: RelayId; session: Session }>();
    for (const [peer, { session, from }] of this.#neighbours) {
      for (let slot = 0; slot < MAX_SLOTS; slot += 1) if ((from >> slot) & 1) out.set(slot, { peer, session });
    }
    return out;
  }

  /** Each second: how late media of livers at other relays comes, which viewers' budgets lack. */
  async measure(room: Room, nowMs: number): Promise<void> {
    if (nowMs - this.#measuredMs < MEASURE_MS) return;
    this.#measuredMs = nowMs;
    const here = new Set([...room.publishers()].map(({ slot }) => slot));
    const { media, delivery } = this.#options;
    for (const { slot, voice } of room.livers()) {
      if (here.has(slot)) continue;
      try {
        delivery.uplink(slot, await media.slotStats(slot), voice?.frameMs, nowMs);
      } catch {
        // The room closed meanwhile.
        return;
      }
    }
  }

  #join(session: Session, to: number): void {
    this.#attempt(() => {
      this.#options.media.join(session);
      this.#options.media.setClass(session, this.#class(to));
    });
  }

  #class(slots: number): DeliveryClass {
    const { repairMs } = this.#options;
    const repair = repairMs === 0 ? 'none' : 'since_key';
    return { voice: 1, holdMs: 0, repair, spacingMs: repairMs, layer: 'all', slots, patient: 0 };
  }

  /** A room or session that has just ended takes no calls. */
  #attempt(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.log.debug({ err: error }, 'trunk media');
    }
  }
}
