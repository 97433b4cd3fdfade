import { encodeMessage, type RelayMessage } from '@hayate/codec/messages';
import type { SessionKey } from '../room/types.ts';
import type { Sessions } from './sessions.ts';

/** Sessions that are written to in one turn of the event loop: about 2 ms. Gifts and comments come in between. */
const SLICE = 100;

export interface NewsOptions {
  sessions: Pick<Sessions, 'of'>;
  /** Whether it still wants to hear. */
  listens(session: SessionKey): boolean;
  /** This session reads slowly and was left out. */
  behind(session: SessionKey): void;
}

/** News of one room's people on their way. A message is encoded once; what is for thousands is sent over several turns. */
export class News {
  readonly #options: NewsOptions;
  #encoded = new Uint8Array(0);
  /** Sessions that the last change has not been sent to yet. */
  #waiting = new Set<SessionKey>();
  #timer: NodeJS.Immediate | undefined;

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  /** What changed, to all who listen: after what they have been sent before. */
  change(to: Iterable<SessionKey>, message: RelayMessage): void {
    // Seconds later: nobody misses one.
    while (this.#waiting.size > 0) this.#slice();
    this.#encoded = encodeMessage(message);
    this.#waiting = new Set(to);
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
    clearImmediate(this.#timer);
    this.#waiting.clear();
  }

  #turn(): void {
    clearImmediate(this.#timer);
    this.#slice();
    this.#timer = this.#waiting.size > 0 ? setImmediate(() => this.#turn()) : undefined;
  }

  #slice(): void {
    let count = 0;
    for (const session of this.#waiting) {
      if (count++ === SLICE) return;
      this.#waiting.delete(session);
      if (this.#options.listens(session)) this.#send(session, this.#encoded);
    }
  }

  #send(session: SessionKey, encoded: Uint8Array): void {
    if (this.#options.sessions.of(session)?.sendNews(encoded) === false) this.#options.behind(session);
  }
}
