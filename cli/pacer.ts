/** Something that happens at known instants, in order of time. */
export interface Track {
  /** Of the next item, us; undefined when nothing is left. */
  nextUs(): number | undefined;
  /** The item is due. */
  fire(dueUs: number): void;
}

export interface PacerClock {
  nowUs(): number;
  setTimer(run: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
}

const systemClock: PacerClock = {
  nowUs: () => Number(process.hrtime.bigint() / 1000n),
  setTimer: (run, delayMs) => setTimeout(run, delayMs),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** Fires the tracks' items when they are due, across tracks in order of time; never early. One timer. */
export class Pacer {
  readonly #tracks: readonly Track[];
  readonly #clock: PacerClock;
  readonly #finished = Promise.withResolvers<void>();
  #timer: unknown;
  #stopped = false;

  constructor(tracks: readonly Track[], clock: PacerClock = systemClock) {
    this.#tracks = tracks;
    this.#clock = clock;
  }

  /** Resolves when no track has anything left, or after `stop`. */
  run(): Promise<void> {
    this.#turn();
    return this.#finished.promise;
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.clearTimer(this.#timer);
    this.#finished.resolve();
  }

  #turn(): void {
    while (!this.#stopped) {
      let next: Track | undefined;
      let dueUs = Number.POSITIVE_INFINITY;
      for (const track of this.#tracks) {
        const atUs = track.nextUs();
        if (atUs === undefined || atUs >= dueUs) continue;
        next = track;
        dueUs = atUs;
      }
      if (!next) {
        this.stop();
        return;
      }
      const waitUs = dueUs - this.#clock.nowUs();
      if (waitUs > 0) {
        this.#timer = this.#clock.setTimer(() => this.#turn(), Math.ceil(waitUs / 1000));
        return;
      }
      next.fire(dueUs);
    }
  }
}
