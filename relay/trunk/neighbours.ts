import type { RoutedLiver } from '@hayate/codec/messages';
import { Crowds } from './crowds.ts';
import { Routes } from './routes.ts';
import type { BranchAction, RelayId } from './types.ts';

/** The relays next to this one in a room's tree: which livers come by them, who is behind them, what media they get. */
export class Neighbours {
  readonly routes = new Routes();
  readonly crowds = new Crowds();
  /** Masks as they were last given out. */
  readonly #masks = new Map<RelayId, { to: number; from: number }>();
  readonly #room: string;
  readonly #act: (action: BranchAction) => void;

  constructor(room: string, act: (action: BranchAction) => void) {
    this.#room = room;
    this.#act = act;
  }

  add(peer: RelayId, alias: number, livers: readonly RoutedLiver[]): void {
    this.routes.add(peer, livers);
    this.#masks.delete(peer);
    this.#act({ do: 'attach', peer, alias });
  }

  /** It was the parent: its people are counted by the new one. */
  retire(peer: RelayId, parent: RelayId): void {
    this.crowds.drop(peer);
    this.routes.retire(peer, parent);
  }

  drop(peer: RelayId): void {
    this.crowds.drop(peer);
    this.routes.drop(peer);
    if (this.#masks.delete(peer)) this.#act({ do: 'detach', peer });
  }

  /** Tells the room and the neighbours what has changed, and the media plane after the room. */
  settle(peers: Iterable<RelayId>): void {
    const { room, told } = this.routes.settle();
    for (const change of room) {
      this.#act('liver' in change ? { do: 'liver', liver: change.liver } : { do: 'left', ...change });
    }
    for (const each of told) this.#tell(each);
    for (const peer of peers) {
      const masks = this.routes.masks(peer);
      const before = this.#masks.get(peer);
      if (before?.to === masks.to && before.from === masks.from) continue;
      this.#masks.set(peer, masks);
      this.#act({ do: 'media', peer, ...masks });
    }
  }

  #tell(told: ReturnType<Routes['settle']>['told'][number]): void {
    const { peer } = told;
    const room = this.#room;
    if ('liver' in told) {
      this.#act({ do: 'send', peer, message: { t: 'liver', room, ...told.liver } });
      return;
    }
    const { slot, gen, gone } = told;
    this.#act({ do: 'send', peer, message: { t: 'left', room, slot, gen, ...(gone ? { gone } : {}) } });
  }
}
