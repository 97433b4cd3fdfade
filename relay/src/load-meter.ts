import type { RelayLoad } from '../directory/index.ts';

export interface LoadMeterOptions {
  counts(): { viewers: number; rooms: number };
  /** Flat figures of the media plane. */
  plane(): Promise<Record<string, number>>;
  /** Gifts that only this machine has. Undefined: it takes none. Rejects where that is not known. */
  held?: (() => Promise<number>) | undefined;
  nowMs(): number;
}

/** Over less time than that a process that stood still measures a hundredfold of what there is. */
const LEAST_MS = 250;

/** How loaded this relay is, for the directory: over the time between two calls, or as before where they are too near. */
export function loadMeter({ counts, plane, held, nowMs }: LoadMeterOptions): () => Promise<RelayLoad> {
  let before: { ms: number; cpuUs: number; bytesOut: number } | undefined;
  let measured = { cpu: 0, egressBps: 0 };
  return async () => {
    const { viewers, rooms } = counts();
    // Nobody removes a machine of which this is not known.
    const giftsHeld = await (held ? held().catch(() => undefined) : 0);
    const gifts = giftsHeld === undefined ? {} : { giftsHeld };
    // The plane counts on a thread of its own: its answer may be heard much later than it was given.
    const ms = nowMs();
    const { cpu_us: cpuUs = 0, bytes_out: bytesOut = 0 } = await plane();
    const since = before;
    if (!since || ms - since.ms >= LEAST_MS) before = { ms, cpuUs, bytesOut };
    if (since && before !== since) {
      measured = {
        cpu: Math.min(1, Math.max(0, cpuUs - since.cpuUs) / 1000 / (ms - since.ms)),
        egressBps: Math.round((Math.max(0, bytesOut - since.bytesOut) * 1000) / (ms - since.ms)),
      };
    }
    return { viewers, rooms, ...measured, ...gifts };
  };
}
