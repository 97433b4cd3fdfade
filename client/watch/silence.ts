import type { Environment } from '../room/environment.ts';

/** Below that no silence counts: single packets get lost. */
const LEAST_MS = 45;
/** Above the longest pause of late. */
const OVER_MS = 6;
/** A longer pause is none of the flow: nobody speaks or moves, or nobody is there. */
const FLOW_MS = 150;
/** So much of the flow before a silence means anything. */
const FLOWING = 8;
/** The longest pause counts less with each datagram, */
const DECAY = 0.98;
/** and one that was told as a silence makes it so much longer at most: it may be the relay's new pace, or an address that changed. */
const GROWTH = 1.25;
const GROWTH_MS = 2;
const AGAIN_MS = 60;
const MOST = 3;

/**
 * Notices that media stopped in mid-flow, long before the relay counts as dead: a NAT may have given this client another
 * address, and whoever only listens is lost to the relay until it says something from there.
 */
export class Silence {
  readonly #environment: Environment;
  readonly #onSilent: () => void;
  #heardMs = Number.NaN;
  #longestMs = 0;
  #inFlow = 0;
  /** Times that this silence was told. */
  #told = 0;
  #toldMs = 0;
  #timer: unknown;

  constructor(environment: Environment, onSilent: () => void) {
    this.#environment = environment;
    this.#onSilent = onSilent;
  }

  /** Media came. No timer is set anew: the one that runs looks when it is due. */
  heard(): void {
    const nowMs = this.#environment.nowMs();
    const pauseMs = nowMs - this.#heardMs;
    const mostMs = this.#told > 0 ? this.#longestMs * GROWTH + GROWTH_MS : Number.POSITIVE_INFINITY;
    this.#heardMs = nowMs;
    // Silences that were told and ended belong to the flow, however long.
    if (pauseMs < FLOW_MS || this.#told > 0) {
      this.#inFlow += 1;
      this.#longestMs = Math.max(Math.min(pauseMs, mostMs), this.#longestMs * DECAY);
    } else {
      this.#inFlow = 0;
    }
    this.#told = 0;
    if (this.#timer === undefined && this.#inFlow >= FLOWING) this.#arm(nowMs);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#environment.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#inFlow = 0;
  }

  #dueMs(): number {
    if (this.#told > 0) return this.#toldMs + AGAIN_MS;
    return this.#heardMs + Math.max(LEAST_MS, this.#longestMs + OVER_MS);
  }

  #arm(nowMs: number): void {
    this.#timer = this.#environment.setTimer(() => this.#look(), Math.max(1, this.#dueMs() - nowMs));
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = this.#environment.nowMs();
    if (nowMs >= this.#dueMs()) {
      // This thread may have stood still, with datagrams waiting behind this timer: then it is a wasted datagram.
      this.#told += 1;
      this.#toldMs = nowMs;
      this.#onSilent();
    }
    if (this.#told < MOST && this.#inFlow >= FLOWING) this.#arm(nowMs);
  }
}
