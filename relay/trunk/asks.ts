import type { Ask, Asker } from './types.ts';

/** What waits for the origin's answer: more is refused. */
const MAX_WAITING = 1024;
const TIMEOUT_MS = 5000;

export interface Asked {
  asker: Asker;
  ask: Ask;
}

interface Waiting extends Asked {
  /** To the present parent. */
  sent: boolean;
  deadlineMs: number;
}

/** What this relay has asked its parent for, for somebody here or below. */
export class Asks {
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  /** False: too much waits. */
  add(asker: Asker, ask: Ask, nowMs: number): boolean {
    if (this.#waiting.size >= MAX_WAITING) return false;
    this.#waiting.set(this.#nextId++, { asker, ask, sent: false, deadlineMs: nowMs + TIMEOUT_MS });
    return true;
  }

  /** What the parent has not been asked yet. */
  unsent(): { id: number; ask: Ask }[] {
    const out: { id: number; ask: Ask }[] = [];
    for (const [id, waiting] of this.#waiting) {
      if (waiting.sent) continue;
      waiting.sent = true;
      out.push({ id, ask: waiting.ask });
    }
    return out;
  }

  /** What the parent's answer is for. */
  answered(id: number): Asked | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /** All that waits, because this relay answers now. */
  takeAll(): Asked[] {
    const out = [...this.#waiting.values()];
    this.#waiting.clear();
    return out;
  }

  /**
   * The parent is lost. Gives what is not asked again: a comment that it had may have been taken, and would stand there twice.
   */
  parentLost(): Asked[] {
    for (const waiting of this.#waiting.values()) if (waiting.ask.ask !== 'comment') waiting.sent = false;
    return this.#take(({ sent }) => sent);
  }

  /** Who waits for a slot. */
  takeSlots(): Asked[] {
    return this.#take(({ ask }) => ask.ask === 'slot');
  }

  /** A child is gone: nobody waits for its answers. */
  childLost(peer: string): void {
    for (const [id, { asker }] of this.#waiting) if ('peer' in asker && asker.peer === peer) this.#waiting.delete(id);
  }

  /** What was not answered in time. */
  late(nowMs: number): Asked[] {
    return this.#take(({ deadlineMs }) => nowMs >= deadlineMs);
  }

  #take(which: (waiting: Waiting) => boolean): Asked[] {
    const out: Asked[] = [];
    for (const [id, waiting] of this.#waiting) {
      if (!which(waiting)) continue;
      this.#waiting.delete(id);
      out.push(waiting);
    }
    return out;
  }
}
