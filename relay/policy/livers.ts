/** Every slot of a room, as a mask. */
export const ALL_SLOTS = 0xff;
/** Who sent at least this share of a second's voice packets spoke; in the pauses of DTX a few come. */
const SPOKE = 0.5;
/** A pause between two sentences gives nobody's place away. */
const PAUSE_MS = 3000;

/**
 * Which livers of a room are heard where a path carries not all of them: those who spoke last, and of those who speak at
 * once the lowest slots, so that nobody is cut off in the middle by the one beside. Pure.
 */
export class Livers {
  /** By slot: when its liver last spoke, ms. */
  readonly #spokeMs = new Map<number, number>();

  get count(): number {
    return this.#spokeMs.size;
  }

  /** Voice packets of the last second, of `frameMs` each; undefined: not counted, so it counts as speaking. */
  report(slot: number, packets: number | undefined, frameMs: number, nowMs: number): void {
    const spoke = packets === undefined || packets >= (SPOKE * 1000) / frameMs;
    this.#spokeMs.set(slot, spoke ? nowMs : (this.#spokeMs.get(slot) ?? Number.NEGATIVE_INFINITY));
  }

  gone(slot: number): void {
    this.#spokeMs.delete(slot);
  }

  /** Mask of the `most` livers that are heard; of a slot that is not known yet nothing is held back. */
  heard(most: number, nowMs: number): number {
    if (most >= this.count) return ALL_SLOTS;
    const order = [...this.#spokeMs].sort(([a, aMs], [b, bMs]) => quiet(aMs, nowMs) - quiet(bMs, nowMs) || a - b);
    return order.slice(most).reduce((mask, [slot]) => mask & ~(1 << slot), ALL_SLOTS);
  }
}

/** How long nobody heard of it, in pauses; finite, so that two can be compared. */
function quiet(spokeMs: number, nowMs: number): number {
  return Math.min(1e6, Math.floor((nowMs - spokeMs) / PAUSE_MS));
}
