import { type Publisher, publish } from '@hayate/client';
import { MEDIA, type Stage } from './performance.ts';
import type { Place } from './place.ts';

interface Liver {
  publisher: Publisher;
  leave: () => void;
}

/** Who performs, by room. */
export class Livers {
  readonly #place: Place;
  readonly #stage: Stage;
  readonly #on = new Map<string, Liver>();

  constructor(place: Place, stage: Stage) {
    this.#place = place;
    this.#stage = stage;
  }

  /** Resolves once media flows. */
  async goOn(room: string): Promise<void> {
    const { connector } = this.#place;
    const publisher = publish(this.#place.target(room, 'liver', 'liver'), { connector, ...MEDIA });
    await publisher.ready;
    this.#on.set(room, { publisher, leave: this.#stage.play(publisher) });
  }

  async goOff(room: string): Promise<void> {
    const liver = this.#on.get(room);
    this.#on.delete(room);
    liver?.leave();
    await liver?.publisher.close().catch(() => {});
  }

  async close(): Promise<void> {
    await Promise.all([...this.#on.keys()].map((room) => this.goOff(room)));
  }
}
