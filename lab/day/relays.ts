import type { KnownRelay } from '@hayate/relay/directory';
import type { Random } from '../faults/random.ts';
import { type TracedRoom, viewersAt } from './load.ts';

export interface RelayPlan {
  /** Share of one core and bytes a second of a viewer, and a relay's limits. */
  viewer: { cpu: number; egressBps: number };
  limits: { cpu: number; egressBps: number; stretch: number };
  growMs: number;
  /** A drained room's clients are elsewhere within this time. */
  moveMs: number;
  /** A silent relay is out of the directory after that. */
  goneMs: number;
  giftsPerViewerSecond: number;
  /** Times in which a region's backend takes no gifts. */
  backendAway: readonly { region: string; fromMs: number; toMs: number }[];
}

export interface LivingRoom extends TracedRoom {
  /** Of the drain of its relay. */
  movesMs?: number;
}

/** A relay on a machine of the fake. Its disk outlives it. */
export interface DayRelay {
  id: string;
  region: string;
  zone: string;
  machine: number;
  /** Its process answers. */
  up: boolean;
  /** Since when it is down; the directory forgets it a little later. */
  downMs: number;
  draining: boolean;
  rooms: Map<string, LivingRoom>;
  viewers: number;
  /** Durable here and not taken by the backend yet. */
  gifts: number;
  known: KnownRelay;
}

export function newRelay(id: string, zone: string, machine: number): DayRelay {
  const region = id.slice(0, id.indexOf('-'));
  const known: KnownRelay = {
    ...{ id, region, url: `https://${id}.example.com/v1`, certificateHashes: [], draining: false, loadFresh: true },
    trunk: { host: '192.0.2.1', port: 4434 },
    load: { viewers: 0, rooms: 0, cpu: 0, egressBps: 0, giftsHeld: 0 },
  };
  const none = { up: true, downMs: 0, draining: false, rooms: new Map(), viewers: 0, gifts: 0 };
  return { id, region, zone, machine, ...none, known };
}

/** Full beyond what it may be stretched to: the relay itself takes no more, whoever sends them. */
export function hasRoom(relay: DayRelay, viewers: number, { viewer, limits }: RelayPlan): boolean {
  const cpu = (relay.viewers + viewers) * viewer.cpu;
  const egress = (relay.viewers + viewers) * viewer.egressBps;
  return relay.up && !relay.draining && Math.max(cpu / limits.cpu, egress / limits.egressBps) <= limits.stretch;
}

/** Viewers, gifts and what the relay says of itself, of a moment. */
export function refresh(relay: DayRelay, nowMs: number, stepMs: number, plan: RelayPlan, random: Random): void {
  let viewers = 0;
  for (const room of relay.rooms.values()) viewers += viewersAt(room.viewers, nowMs - room.fromMs, plan.growMs);
  relay.viewers = viewers;
  const away = plan.backendAway.some(
    ({ region, fromMs, toMs }) => region === relay.region && nowMs >= fromMs && nowMs < toMs,
  );
  const mean = (viewers * plan.giftsPerViewerSecond * stepMs) / 1000;
  // What came in this step is on its way to the backend.
  const came = Math.floor(mean) + (random.chance(mean % 1) ? 1 : 0);
  relay.gifts = away ? relay.gifts + came : came;
  relay.known.draining = relay.draining;
  relay.known.load = {
    ...{ viewers: Math.round(viewers), rooms: relay.rooms.size, cpu: Math.min(1, viewers * plan.viewer.cpu) },
    ...{ egressBps: viewers * plan.viewer.egressBps, giftsHeld: relay.gifts },
  };
}
