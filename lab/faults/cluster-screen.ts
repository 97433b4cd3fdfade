import { MessageReader } from '@hayate/codec/messages';
import type { GiftDesk } from '../../relay/gifts/desk.ts';
import type { Subscription } from '../../relay/gifts/feed.ts';

const AGAIN_MS = 300;

/** What one viewer of a room is shown, by the rules of the SDK: each gift once, each place once and in order. */
export class Screen {
  readonly room: string;
  /** When each gift was shown and when its place was known, ms of the process. */
  readonly shownMs = new Map<string, number>();
  readonly placedMs = new Map<string, number>();
  /** Of each place the gift, from 1. */
  readonly places: string[] = [];
  /** A gift that came twice in one stream, or a place. */
  doubled = 0;
  /** A place that came after another than the one before it. */
  reordered = 0;
  readonly #desk: () => GiftDesk | undefined;
  #subscription: Subscription | undefined;
  /** Of the stream that counts. */
  #stream = 0;

  constructor(room: string, desk: () => GiftDesk | undefined) {
    this.room = room;
    this.#desk = desk;
    void this.#watch();
  }

  close(): void {
    this.#stream += 1;
    this.#subscription?.end();
  }

  /** The relay died, and another takes its place: as a client that reconnects. */
  lost(): void {
    this.#subscription?.end();
    void this.#watch();
  }

  async #watch(): Promise<void> {
    this.#stream += 1;
    const stream = this.#stream;
    while (stream === this.#stream) {
      const came = new Set<string>();
      const failed = () => {
        if (stream === this.#stream) setTimeout(() => void this.#watch(), AGAIN_MS);
      };
      try {
        const desk = this.#desk();
        if (!desk) throw new Error('no relay');
        const send = (bytes: Uint8Array) => {
          if (stream === this.#stream) this.#take(bytes, came);
          return undefined;
        };
        const subscription = await desk.subscribe(this.room, this.places.length, { send, failed });
        if (stream !== this.#stream) return subscription.end();
        this.#subscription = subscription;
        subscription.start();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  #take(bytes: Uint8Array, came: Set<string>): void {
    const reader = new MessageReader({ from: 'relay' });
    reader.push(bytes);
    const message = reader.next();
    if (message?.t !== 'gift' && message?.t !== 'placed') return;
    const { jti, n } = message;
    const now = performance.now();
    if (message.t === 'gift') {
      if (came.has(jti)) this.doubled += 1;
      came.add(jti);
      if (!this.shownMs.has(jti)) this.shownMs.set(jti, now);
    }
    if (n === undefined) return;
    if (this.placedMs.has(jti)) this.doubled += 1;
    if (n !== this.places.length + 1) this.reordered += 1;
    this.placedMs.set(jti, now);
    this.places.push(jti);
  }
}
