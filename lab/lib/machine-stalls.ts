// What the machine adds by itself: a virtual machine's host takes its cores away for a while, and every lag shows it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { pin, prefer } from './children.ts';

/** Measured with nothing of ours running, on every core at once, before all else on it. */
export interface MachineStalls {
  seconds: number;
  /** Share of windows of 20 ms, any core, in which work of about 0.1 ms took more than ten times its median. */
  stalled_percent: number;
  /** The longest that this work took, ms. */
  longest_ms: number;
  /** Times a second that stalled windows began. */
  per_s: number;
}

/** How long a piece of work took that began then, ms. */
interface Piece {
  at: number;
  took: number;
}

const WINDOW_MS = 20;
const STALLED = 10;
const MAX_CORES = 4;

/** Of pieces that each took about the same when nothing disturbed them. */
export function stallsOf(cores: Piece[][], seconds: number): MachineStalls {
  const windows = new Set<number>();
  let longest = 0;
  for (const pieces of cores) {
    const median = pieces.map(({ took }) => took).sort((a, b) => a - b)[pieces.length >> 1] ?? 0;
    for (const { at, took } of pieces) {
      longest = Math.max(longest, took);
      if (took <= STALLED * median) continue;
      for (let w = Math.floor(at / WINDOW_MS); w <= Math.floor((at + took) / WINDOW_MS); w += 1) windows.add(w);
    }
  }
  const begun = [...windows].filter((w) => !windows.has(w - 1)).length;
  return {
    seconds,
    stalled_percent: Number(((100 * windows.size * WINDOW_MS) / (1000 * seconds)).toFixed(1)),
    longest_ms: Number(longest.toFixed(2)),
    per_s: Number((begun / seconds).toFixed(2)),
  };
}

export async function machineStalls(seconds = 5): Promise<MachineStalls> {
  const children = cpus()
    .slice(0, MAX_CORES)
    .map((_, core) => {
      const child = fork(fileURLToPath(new URL('machine-stalls-child.ts', import.meta.url)), [String(seconds)], {
        serialization: 'advanced',
        // A session of its own goes before all others; in this one all that is measured afterwards would.
        detached: true,
      });
      pin(child.pid ?? 0, core);
      prefer(child.pid ?? 0, -20);
      return child;
    });
  const cores = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0] as Piece[]));
  return stallsOf(cores, seconds);
}

/** One sentence for people who read a lag. */
export function stallsText(stalls: MachineStalls | undefined): string {
  if (!stalls) return 'stalls of the machine itself: not measured';
  const { stalled_percent, longest_ms, per_s } = stalls;
  return `idle, just before, the machine itself stood still in ${stalled_percent} % of the time (${per_s} times a second; work of 0.1 ms took up to ${longest_ms} ms)`;
}
