import type { Clock } from './clock.ts';

/** One direction of a memory connection. */
export interface MemoryLink {
  /** One way. Default 0. */
  delayMs?: number;
  /** Share of datagrams lost, 0..1, independent. Streams lose nothing. Default 0. */
  loss?: number;
  /** Of the loss. Default 1. */
  seed?: number;
}

/** Carries tasks to the other side after the delay; decides which datagrams are lost. */
export class Wire {
  readonly #clock: Clock;
  readonly #delayUs: number;
  readonly #loss: number;
  #random: number;

  constructor(clock: Clock, link: MemoryLink = {}) {
    this.#clock = clock;
    this.#delayUs = (link.delayMs ?? 0) * 1000;
    this.#loss = link.loss ?? 0;
    this.#random = link.seed ?? 1;
  }

  /** In order, never lost. */
  deliver(task: () => void): void {
    this.#clock.schedule(this.#clock.nowUs() + this.#delayUs, task);
  }

  loses(): boolean {
    return this.#loss > 0 && this.#next() < this.#loss;
  }

  /** mulberry32: small, seedable, good enough to drop packets. */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
}
