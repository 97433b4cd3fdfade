import { encodeMessage } from '@hayate/codec/messages';

const KEPT = 50;

interface KeptComment {
  n: number;
  sub: string;
  message: Uint8Array;
}

export interface Replay {
  /** The comments after this one follow. */
  after: number;
  messages: Uint8Array[];
}

/** The last comments that a room was shown, encoded. */
export class KeptComments {
  #kept: KeptComment[] = [];

  get size(): number {
    return this.#kept.length;
  }

  add(n: number, sub: string, message: Uint8Array): void {
    this.#kept.push({ n, sub, message });
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  /** False when it is not kept. */
  delete(n: number): boolean {
    const at = this.#kept.findIndex((each) => each.n === n);
    if (at < 0) return false;
    this.#kept.splice(at, 1);
    return true;
  }

  /** How many there were. */
  deleteOf(sub: string): number {
    const before = this.#kept.length;
    this.#kept = this.#kept.filter((each) => each.sub !== sub);
    return before - this.#kept.length;
  }

  /**
   * Those after `after`, the newest of them as far as `maxBytes` allows, with `missed` where numbers are left out.
   * @param upTo the number that the last message stands for
   */
  replay(after: number, upTo: number, maxBytes: number): Replay {
    let from = this.#kept.length;
    let bytes = 0;
    while (from > 0) {
      const { n, message } = this.#kept[from - 1]!;
      if (n <= after || bytes + message.length > maxBytes) break;
      bytes += message.length;
      from -= 1;
    }
    const wanted = this.#kept.slice(from);
    const start = wanted[0] === undefined ? upTo : wanted[0].n - 1;
    const messages: Uint8Array[] = [];
    let at = start;
    for (const { n, message } of wanted) {
      if (n > at + 1) messages.push(missed(n - at - 1));
      messages.push(message);
      at = n;
    }
    if (at < upTo) messages.push(missed(upTo - at));
    return { after: start, messages };
  }
}

/** A gap. */
export function missed(count: number): Uint8Array {
  return encodeMessage({ t: 'missed', count });
}
