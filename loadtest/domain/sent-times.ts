import type { SentUnit } from '@hayate/client';

/** Units that are remembered of a liver and kind: 20 s and more of each. A power of two. */
const KEPT = 1024;

/** When the livers of this process captured their units: lag of what they sent is exact, without any clock estimate. */
export class SentTimes {
  readonly #byTrack = new Map<string, { sequences: Float64Array; timesUs: Float64Array }>();

  note(room: string, { slot, generation, kind, sequence, captureUs }: SentUnit): void {
    const key = trackOf(room, slot, generation, kind);
    let track = this.#byTrack.get(key);
    if (!track) {
      track = { sequences: new Float64Array(KEPT).fill(-1), timesUs: new Float64Array(KEPT) };
      this.#byTrack.set(key, track);
    }
    track.sequences[sequence & (KEPT - 1)] = sequence;
    track.timesUs[sequence & (KEPT - 1)] = captureUs;
  }

  /** us; undefined when no liver of this process sent it, or long ago. */
  captureUs(
    room: string,
    slot: number,
    generation: number,
    kind: 'motion' | 'voice',
    sequence: number,
  ): number | undefined {
    const track = this.#byTrack.get(trackOf(room, slot, generation, kind));
    if (track?.sequences[sequence & (KEPT - 1)] !== sequence) return undefined;
    return track.timesUs[sequence & (KEPT - 1)];
  }
}

function trackOf(room: string, slot: number, generation: number, kind: string): string {
  return `${room}\n${slot}.${generation}.${kind}`;
}
