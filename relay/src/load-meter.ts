import type { RelayLoad } from '../directory/index.ts';

export interface LoadMeterOptions {
  counts(): { viewers: number; rooms: number };
  /** Flat figures of the media plane. */
  plane(): Promise<Record<string, number>>;
  /** Gifts that only this machine has. Undefined: it takes none. Rejects where that is not known. */
  held?: (() => Promise<number>) | undefined;
  nowMs(): number;
}

/** How loaded this relay is, for the directory: over the time between two calls. */
export function loadMeter({ counts, plane, held, nowMs }: LoadMeterOptions): () => Promise<RelayLoad> {
  let before: { ms: number; cpuUs: number; bytesOut: number } | undefined;
  return async () => {
    const { viewers, rooms } = counts();
    // Nobody removes a machine of which this is not known.
    const giftsHeld = await (held ? held().catch(() => undefined) : 0);
    const gifts = giftsHeld === undefined ? {} : { giftsHeld };
    const { cpu_us: cpuUs = 0, bytes_out: bytesOut = 0 } = await plane();
    const now = { ms: nowMs(), cpuUs, bytesOut };
    const since = before;
    before = now;
    if (!since) return { viewers, rooms, cpu: 0, egressBps: 0, ...gifts };
    const ms = Math.max(1, now.ms - since.ms);
    const cpu = Math.min(1, Math.max(0, cpuUs - since.cpuUs) / 1000 / ms);
    const egressBps = Math.round((Math.max(0, bytesOut - since.bytesOut) * 1000) / ms);
    return { viewers, rooms, cpu, egressBps, ...gifts };
  };
}
