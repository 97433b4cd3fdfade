import type { LinkProfile } from '@hayate/engine';
import type { RoomPlan } from '../bench/stream-plan.ts';

export const REGIONS = ['jp', 'us'] as const;
export type Region = (typeof REGIONS)[number];

export interface OceanPlan {
  /** One way from jp to us, and back, ms. */
  outMs: number;
  backMs: number;
  jitterMs: number;
  /** Gilbert-Elliott: all is lost in the bad state. */
  loss: number;
  burstMs: number;
  /** All is lost in the first `forMs` of each `everyMs` of the machine's clock. */
  outage?: { everyMs: number; forMs: number };
  seed: number;
}

/** Gilbert-Elliott: `loss` of the time in the bad state, `burstMs` on average. Undefined: nothing is lost. */
export function burstOf({ loss, burstMs }: OceanPlan): { badMs: number; goodMs: number } | undefined {
  if (loss <= 0) return undefined;
  return { badMs: burstMs, goodMs: Math.round((burstMs * (1 - loss)) / loss) };
}

export interface Path {
  from: Region;
  to: Region;
}

export const PATHS: readonly Path[] = REGIONS.flatMap((from) => REGIONS.map((to) => ({ from, to })));

export const pathName = ({ from, to }: Path) => `${from}>${to}`;

/** What the network alone takes from a liver to a viewer, ms. */
export function floorMs({ from, to }: Path, lastMileMs: number, { outMs, backMs }: OceanPlan): number {
  const ocean = from === to ? 0 : from === 'jp' ? outMs : backMs;
  return 2 * lastMileMs + ocean;
}

/** Where a relay's clients dial, and what lets them in. */
export interface Door {
  region: Region;
  relay: string;
  /** Tokens for a room. */
  tokens(room: string): Promise<RoomPlan['to']>;
}

export interface Crowd {
  rooms: number;
  viewers: number;
  lastMileMs: number;
  lastMileJitterMs: number;
}

/**
 * Rooms with a liver in each region, and viewers at every relay. Livers of the first half of the rooms come first in jp,
 * so that these have their home there; of the others in us.
 */
export async function crowdPlans(
  doors: readonly Door[],
  crowd: Crowd,
): Promise<{ livers: RoomPlan[][]; viewers: RoomPlan[] }> {
  const link: LinkProfile = { delayMs: crowd.lastMileMs, jitterMs: crowd.lastMileJitterMs };
  const perDoor = Math.max(1, Math.round(crowd.viewers / crowd.rooms / doors.length));
  const livers: RoomPlan[][] = [[], []];
  const viewers: RoomPlan[] = [];
  for (let i = 0; i < crowd.rooms; i += 1) {
    const room = `ocean-${i}`;
    const first = REGIONS[i < crowd.rooms / 2 ? 0 : 1]!;
    for (const region of REGIONS) {
      const there = doors.filter((door) => door.region === region);
      const door = there[i % there.length]!;
      const to = await door.tokens(room);
      const plan: RoomPlan = { room, group: region, body: 'hayate', to, viewers: 0, logged: 0, up: link, down: link };
      livers[region === first ? 0 : 1]!.push(plan);
    }
    for (const door of doors) {
      const to = await door.tokens(room);
      viewers.push({ room, group: door.region, body: 'hayate', to, viewers: perDoor, logged: 1, up: link, down: link });
    }
  }
  return { livers, viewers };
}
