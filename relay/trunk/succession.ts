import type { BranchAction, RelayId } from './types.ts';

/** The successor has the room within a dial and two round trips inside a region; who does not is the next origin all the same. */
const INVITE_MS = 600;

export interface SuccessionOptions {
  linked(peer: RelayId): boolean;
  /** Tells it. */
  invite(peer: RelayId): void;
  act(action: BranchAction): void;
}

/**
 * How an origin that is to go brings its successor in: it is to have the room, and its media, before it is the origin. Else
 * everybody turns to a relay that has nothing yet.
 */
export class Succession {
  readonly #options: SuccessionOptions;
  /** Children that take media. */
  readonly #ready = new Set<RelayId>();
  #invited: { peer: RelayId; sinceMs: number; dialled: boolean; told: boolean } | undefined;

  constructor(options: SuccessionOptions) {
    this.#options = options;
  }

  ready(child: RelayId): void {
    this.#ready.add(child);
  }

  gone(child: RelayId): void {
    this.#ready.delete(child);
  }

  /** Whether the room may be given to it now. Brings it in meanwhile. */
  prepared(successor: RelayId, nowMs: number): boolean {
    if (this.#ready.has(successor)) return true;
    const { linked, invite, act } = this.#options;
    if (this.#invited?.peer !== successor) {
      this.#invited = { peer: successor, sinceMs: nowMs, dialled: false, told: false };
    }
    const invited = this.#invited;
    if (!linked(successor)) {
      invited.told = false;
      if (!invited.dialled) act({ do: 'dial', peer: successor });
      invited.dialled = true;
    } else if (!invited.told) {
      invite(successor);
      invited.told = true;
    }
    return nowMs - invited.sinceMs >= INVITE_MS;
  }
}
