import type { RoomDelivery, UplinkRow } from '../policy/room.ts';
import type { Decision } from '../policy/viewer.ts';
import type { SessionKey } from '../room/types.ts';

const MAX_SLOWEST = 50;
const LEVELS = 9;

export interface ClassCount {
  /** Voice packets that share a datagram. */
  voice: number;
  repair: string;
  layer: string;
  viewers: number;
}

/** Viewers now, by what was decided for them. */
export interface DeliveryStats {
  classes: ClassCount[];
  /** Viewers at each step of the congestion ladder, 0 to 8. */
  levels: number[];
  /** Viewers whose loss asks for repair that the bounds do not allow. */
  repairDenied: number;
  /** Viewers whose near livers' units wait for those of far ones. */
  riding: number;
}

/** Of one room, for people who look after it. */
export interface RoomDeliveryDetail extends DeliveryStats {
  budgetMs: number;
  repairBytesPerSecond: number;
  uplinks: UplinkRow[];
  /** Those with the least spare time first, at most 50; sessions by the names of their `welcome`. */
  slowest: (Decision & { session: string })[];
}

export function deliveryStats(rooms: readonly RoomDelivery[]): DeliveryStats {
  const classes = new Map<string, ClassCount>();
  const levels = new Array<number>(LEVELS).fill(0);
  let denied = 0;
  let riding = 0;
  for (const room of rooms) {
    room.forEachDecision(({ delivery: { voice, repair, layer, patient }, level, repairDenied }) => {
      const key = `${voice} ${repair} ${layer}`;
      const row = classes.get(key) ?? { voice, repair, layer, viewers: 0 };
      row.viewers += 1;
      classes.set(key, row);
      levels[level]! += 1;
      if (repairDenied) denied += 1;
      if (patient !== 0) riding += 1;
    });
  }
  return { classes: [...classes.values()], levels, repairDenied: denied, riding };
}

export function roomDelivery(room: RoomDelivery, nameOf: (session: SessionKey) => string): RoomDeliveryDetail {
  const { viewers, ...summary } = room.summary(MAX_SLOWEST);
  const slowest = viewers.map(({ session, decision }) => ({ session: nameOf(session), ...decision }));
  return { ...summary, ...deliveryStats([room]), slowest };
}
