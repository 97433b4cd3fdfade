import { encodeMessage, type RelayMessage } from '@hayate/codec/messages';
import type { SessionKey } from '../room/types.ts';
import type { Sessions } from './sessions.ts';

/** Sessions that are written to at once; then gifts, comments and the engine have their turn. */
const SLICE = 100;
const GAP_MS = 10;
/** Of the largest rooms more at once, so that it takes 2 s at most: the next change comes after 5. */
const MOST_SLICES = 200;

export interface NewsOptions {
  sessions: Pick<Sessions, 'of'>;
  /** Whether it still wants to hear. */
  listens(session: SessionKey): boolean;
  /** This session reads slowly and was left out. */
  behind(session: SessionKey): void;
  /** Calls back after so many ms; gives the way to cancel it. */
  after(ms: number, callback: () => void): () => void;
}

/** News of one room's people on their way. A message is encoded once; what is for thousands is sent piece by piece. */
export class News {
  readonly #options: NewsOptions;
  #encoded = new Uint8Array(0);
  /** Sessions that the last change has not been sent to yet. */
  #waiting = new Set<SessionKey>();
  #size = SLICE;
  #cancel: (() => void) | undefined;

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  /** What changed, to all who listen: after what they have been sent before. */
  change(to: Iterable<SessionKey>, message: RelayMessage): void {
    // Seconds later: nobody misses one.
    while (this.#waiting.size > 0) this.#slice();
    this.#encoded = encodeMessage(message);
    this.#waiting = new Set(to);
    this.#size = Math.max(SLICE, Math.ceil(this.#waiting.size / MOST_SLICES));
    this.#turn();
  }

  /** The whole, at once: a change from before it must not follow. */
  whole(to: Iterable<SessionKey>, message: RelayMessage): void {
    const encoded = encodeMessage(message);
    for (const session of to) {
      this.#waiting.delete(session);
      this.#send(session, encoded);
    }
  }

  close(): void {
    this.#cancel?.();
    this.#waiting.clear();
  }

  #turn(): void {
    this.#cancel?.();
    this.#slice();
    this.#cancel = this.#waiting.size > 0 ? this.#options.after(GAP_MS, () => this.#turn()) : undefined;
  }

  #slice(): void {
    let count = 0;
    for (const session of this.#waiting) {
      if (count++ === this.#size) return;
      this.#waiting.delete(session);
      if (this.#options.listens(session)) this.#send(session, this.#encoded);
    }
  }

  #send(session: SessionKey, encoded: Uint8Array): void {
    if (this.#options.sessions.of(session)?.sendNews(encoded) === false) this.#options.behind(session);
  }
}
