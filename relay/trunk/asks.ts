import type { Answer, Ask, Asker } from './types.ts';

/** What waits for the origin's answer: more is refused. */
const MAX_WAITING = 1024;
const TIMEOUT_MS = 5000;

interface Waiting {
  asker: Asker;
  ask: Ask;
  /** To the present parent. */
  sent: boolean;
  deadlineMs: number;
}

export interface Refused {
  asker: Asker;
  answer: Answer;
}

const REFUSED: Answer = { code: 'overloaded' };

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

  /** Whom the parent's answer is for. */
  answered(id: number): Asker | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting?.asker;
  }

  /** All that waits, because this relay answers now. */
  takeAll(): { asker: Asker; ask: Ask }[] {
    const out = [...this.#waiting.values()];
    this.#waiting.clear();
    return out;
  }

  /** The parent is lost. A comment that it had may have been taken: asked again it would stand there twice. */
  parentLost(): Refused[] {
    for (const waiting of this.#waiting.values()) if (waiting.ask.ask !== 'comment') waiting.sent = false;
    return this.#refuse(({ sent }) => sent);
  }

  /** A child is gone: nobody waits for its answers. */
  childLost(peer: string): void {
    for (const [id, { asker }] of this.#waiting) if ('peer' in asker && asker.peer === peer) this.#waiting.delete(id);
  }

  tick(nowMs: number): Refused[] {
    return this.#refuse(({ deadlineMs }) => nowMs >= deadlineMs);
  }

  #refuse(which: (waiting: Waiting) => boolean): Refused[] {
    const out: Refused[] = [];
    for (const [id, waiting] of this.#waiting) {
      if (!which(waiting)) continue;
      this.#waiting.delete(id);
      out.push({ asker: waiting.asker, answer: REFUSED });
    }
    return out;
  }
}
