import type { Environment } from '../room/environment.ts';
import type { RelaySession } from '../room/relay-session.ts';
import { clientKind } from './client-kind.ts';
import type { PlayoutClock } from './playout.ts';

/** The relay takes one a second and ignores what is more. */
const REPORT_MS = 1000;
/** What changed less is told so often: the relay believes the last word for 10 s. */
const STEADY_MS = 4000;
const CHANGE_MS = 2;

/**
 * Tells the relay, each second in which it changed, what this viewer's playout needs: how much of the lag budget is left
 * to send by.
 */
export class PlayoutReporter {
  readonly #environment: Environment;
  readonly #playouts: () => readonly PlayoutClock[];
  /** When this viewer began to watch; undefined once the first frame was told of, or where nobody was there to be seen. */
  #joiningMs: number | undefined;
  #timer: unknown;
  #told: { atMs: number; marginMs: number } | undefined;

  constructor(environment: Environment, playouts: () => readonly PlayoutClock[]) {
    this.#environment = environment;
    this.#playouts = playouts;
    this.#joiningMs = environment.nowMs();
  }

  /** @param live whether a liver is there now: a viewer that comes before one waits for the liver, not for a network */
  start(session: RelaySession, live: boolean): void {
    this.stop();
    if (!live) this.#joiningMs = undefined;
    this.#arm(session);
  }

  #arm(session: RelaySession): void {
    this.#timer = this.#environment.setTimer(() => {
      this.#report(session);
      this.#arm(session);
    }, REPORT_MS);
  }

  stop(): void {
    this.#told = undefined;
    if (this.#timer !== undefined) this.#environment.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #report(session: RelaySession): void {
    const playouts = this.#playouts().filter(({ marginMs }) => !Number.isNaN(marginMs));
    // Nothing came yet: the relay has a guess of its own.
    if (playouts.length === 0) return;
    let [marginMs, lagP99Ms, lost, stalls] = [0, 0, 0, 0];
    for (const playout of playouts) {
      marginMs = Math.max(marginMs, playout.marginMs);
      lagP99Ms = Math.max(lagP99Ms, playout.presentedMs);
      lost += playout.missed;
      stalls += playout.stalls;
    }
    const atMs = this.#environment.nowMs();
    const told = this.#told;
    // Half a second of leeway: timers come late and early.
    const steady =
      told && Math.abs(told.marginMs - marginMs) < CHANGE_MS && atMs - told.atMs < STEADY_MS - REPORT_MS / 2;
    if (steady) return;
    this.#told = { atMs, marginMs };
    const once = { ...(told ? {} : clientKind()), ...this.#joined(playouts) };
    session.tell({ t: 'report', marginMs: Math.min(10_000, marginMs), lagP99Ms, lost, asks: true, stalls, ...once });
  }

  #joined(playouts: readonly PlayoutClock[]): { joinMs?: number } {
    const sinceMs = this.#joiningMs;
    const first = Math.min(...playouts.map(({ firstMs }) => firstMs ?? Number.POSITIVE_INFINITY));
    if (sinceMs === undefined || !Number.isFinite(first)) return {};
    this.#joiningMs = undefined;
    return { joinMs: Math.min(600_000, Math.max(0, first - sinceMs)) };
  }
}
