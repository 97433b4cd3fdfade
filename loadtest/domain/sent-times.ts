import type { SentUnit } from '@hayate/client';

/** Units that are remembered of a liver and kind: 20 s and more of each. A power of two. */
const KEPT = 1024;

/** When the livers of this process captured their units: lag of what they sent is exact, without any clock estimate. */
export class SentTimes {
  readonly #rooms = new Map<string, Map<number, { sequences: Float64Array; timesUs: Float64Array }>>();

  note(room: string, { slot, generation, kind, sequence, captureUs }: SentUnit): void {
    let tracks = this.#rooms.get(room);
    if (!tracks) {
      tracks = new Map();
      this.#rooms.set(room, tracks);
    }
    const key = trackOf(slot, generation, kind);
    let track = tracks.get(key);
    if (!track) {
      track = { sequences: new Float64Array(KEPT).fill(-1), timesUs: new Float64Array(KEPT) };
      tracks.set(key, track);
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
    const track = this.#rooms.get(room)?.get(trackOf(slot, generation, kind));
    if (track?.sequences[sequence & (KEPT - 1)] !== sequence) return undefined;
    return track.timesUs[sequence & (KEPT - 1)];
  }
}

/** A number, since it is asked for at every unit. A room has at most 16 slots. */
function trackOf(slot: number, generation: number, kind: 'motion' | 'voice'): number {
  return (generation * 16 + slot) * 2 + (kind === 'voice' ? 1 : 0);
}
