import type { Environment } from '../room/environment.ts';
import type { RelaySession } from '../room/relay-session.ts';
import type { PlayoutClock } from './playout.ts';

/** The relay takes one a second and ignores what is more. */
const REPORT_MS = 1000;

/** Tells the relay each second what this viewer's playout needs: how much of the lag budget is left to send by. */
export class PlayoutReporter {
  readonly #environment: Environment;
  readonly #playouts: () => readonly PlayoutClock[];
  #timer: unknown;

  constructor(environment: Environment, playouts: () => readonly PlayoutClock[]) {
    this.#environment = environment;
    this.#playouts = playouts;
  }

  start(session: RelaySession): void {
    this.stop();
    this.#timer = this.#environment.setTimer(() => {
      this.#report(session);
      this.start(session);
    }, REPORT_MS);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#environment.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #report(session: RelaySession): void {
    const playouts = this.#playouts().filter(({ marginMs }) => !Number.isNaN(marginMs));
    // Nothing came yet: the relay has a guess of its own.
    if (playouts.length === 0) return;
    let [marginMs, lagP99Ms, lost] = [0, 0, 0];
    for (const playout of playouts) {
      marginMs = Math.max(marginMs, playout.marginMs);
      lagP99Ms = Math.max(lagP99Ms, playout.presentedMs);
      lost += playout.missed;
    }
    session.tell({ t: 'report', marginMs: Math.min(10_000, marginMs), lagP99Ms, lost });
  }
}
