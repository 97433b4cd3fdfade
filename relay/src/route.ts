import type { Route, RouteDelivery } from '@hayate/codec/messages';
import type { RoomDelivery } from '../policy/room.ts';
import type { Decision } from '../policy/viewer.ts';
import type { SessionKey } from '../room/types.ts';
import type { Feeder } from './cluster.ts';

/** How this session gets the room's media, and why. `feeders`: of slots that come over a trunk. */
export function routeOf(
  room: Pick<RoomDelivery, 'arrivals' | 'decisionOf'>,
  session: SessionKey,
  feeders: ReadonlyMap<number, Feeder> | undefined,
): Pick<Route, 'slots' | 'delivery'> {
  const decision = room.decisionOf(session);
  return {
    slots: room.arrivals().map(({ slot, lagMs, uncertaintyMs, loss }) => {
      const from = feeders?.get(slot);
      return { ...{ slot, uncertaintyMs, loss }, ...(lagMs && { lagMs }), ...(from && { from }) };
    }),
    ...(decision && { delivery: deliveryOf(decision) }),
  };
}

function deliveryOf({ delivery, why, spareMs, loss, level }: Readonly<Decision>): RouteDelivery {
  const { voice, holdMs, repair, spacingMs, layer } = delivery;
  return { voice, holdMs, repair, spacingMs, layer, why, ...(Number.isFinite(spareMs) && { spareMs }), loss, level };
}
