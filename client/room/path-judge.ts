/** A path is judged by what it lost for good, repair and all, over the last so many looks, a second apart. */
const LOOKS = 4;
const LEAST_UNITS = 100;
/** Repair mends some 10 % of loss down to less; a voice with more gaps than this is not understood. */
const BAD_SHARE = 0.05;

/** Whether a path does, from counts that grow. Pure. */
export class PathJudge {
  #counts: { received: number; lost: number }[] = [];
  #excused = false;

  /** Counts since the beginning; ones that shrink begin anew. True: the path is bad. */
  look(received: number, lost: number): boolean {
    if (this.#excused) {
      this.#excused = false;
      return false;
    }
    const last = this.#counts.at(-1);
    if (last && (received < last.received || lost < last.lost)) this.#counts = [];
    this.#counts.push({ received, lost });
    if (this.#counts.length <= LOOKS) return false;
    const first = this.#counts.shift()!;
    const gone = lost - first.lost;
    const all = received - first.received + gone;
    return all >= LEAST_UNITS && gone > all * BAD_SHARE;
  }

  /**
   * This side stood still: what was lost meanwhile is not the path's, and any other would have lost it too. It shows once
   * something comes again, so that the next look does not count yet.
   */
  excuse(): void {
    this.#counts = [];
    this.#excused = true;
  }
}
