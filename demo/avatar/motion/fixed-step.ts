/** Of all motion here. */
export const STEP_S = 1 / 120;

/** More than that at once is a pause: what hung there has come to rest meanwhile. */
const PAUSE_S = 0.5;
/** At most so much is caught up with in one frame. */
const MOST_S = 0.1;

export interface Turn {
  /** Whole steps to take. */
  steps: number;
  /** 0..1: how far between the last step and the next one this frame is. */
  share: number;
  /** There was no frame before, or a pause: come to rest instead of moving. */
  rest: boolean;
}

/** Cuts the time between frames, of any length, into steps of one length. */
export class FixedStep {
  #lastMs = Number.NaN;
  #left = 0;

  /** @param nowMs of any clock; one that goes back counts as a pause */
  advance(nowMs: number): Turn {
    const passed = (nowMs - this.#lastMs) / 1000;
    this.#lastMs = nowMs;
    if (!(passed >= 0 && passed <= PAUSE_S)) {
      this.#left = 0;
      return { steps: 0, share: 1, rest: true };
    }
    const due = this.#left + Math.min(passed, MOST_S);
    // A hair more, or sums of steps would fall short of whole ones.
    const steps = Math.floor(due / STEP_S + 1e-9);
    this.#left = Math.max(0, due - steps * STEP_S);
    return { steps, share: this.#left / STEP_S, rest: false };
  }
}

/** What a body lives through in it, s: of a pause a little, or it would stand still where frames are far apart. */
export function passedIn({ steps, rest }: Turn): number {
  return rest ? MOST_S : steps * STEP_S;
}
