import type { Room, RoomEvents, WatchedFrame, Watcher } from '../src/types.ts';
import { FakeCluster } from './fake-cluster.ts';
import { MOTION } from './feed.ts';

export const JP = { delayMs: 10 };
export const US = { delayMs: 60 };
const LIVER = { slot: 2, gen: 7, sub: 'bo', motion: MOTION };

type Seen = Pick<WatchedFrame, 'slot' | 'generation' | 'sequence' | 'receivedMs' | 'captureMs'>;

/** Frames and voice packets as the application gets them, and the greatest pause between two of either. */
export function watched(watcher: Watcher) {
  const frames: Seen[] = [];
  const voices: Seen[] = [];
  const take =
    (list: Seen[]) =>
    ({ slot, generation, sequence, receivedMs, captureMs }: Seen) => {
      list.push({ slot, generation, sequence, receivedMs, captureMs });
    };
  watcher.onFrame(take(frames));
  watcher.onVoice(take(voices));
  const pause = (list: Seen[]) => Math.max(...list.slice(1).map((seen, n) => seen.receivedMs - list[n]!.receivedMs));
  return { frames, voices, frozenMs: () => Math.max(pause(frames), pause(voices)) };
}

/** What comes of one event from now on. */
export function heard<K extends keyof RoomEvents>(room: Room, type: K): RoomEvents[K][] {
  const events: RoomEvents[K][] = [];
  room.on(type, (value) => events.push(value));
  return events;
}

/** Two relays of a region with clocks of their own, and one beyond the ocean. */
export function stage(numbering: string | undefined) {
  const cluster = new FakeCluster([
    { up: JP, down: JP, offsetUs: 777_000_000 },
    { up: JP, down: { delayMs: 12 }, offsetUs: -3_000_000 },
    { up: US, down: US },
  ]);
  for (const relay of cluster.relays) {
    relay.script.welcome = { livers: [LIVER], ...(numbering !== undefined && { numbering }) };
  }
  return { cluster, target: cluster.target((n) => ({ region: n < 2 ? 'jp' : 'us' })) };
}
