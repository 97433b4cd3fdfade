import { MAX_SLOTS, UNIT_KIND, type UnitKind } from '@hayate/codec/bundle';
import type { RelaySession } from '../room/relay-session.ts';
import type { RelayRoom } from '../room/room.ts';
import type { Liver } from '../src/types.ts';
import { WatchPath } from './path.ts';
import type { Slots, Timing } from './slots.ts';

/** What came within so long flows. */
const FLOWS_MS = 500;
/** Another relay's own numbers: its playout is to know its lag before it shows. */
const WARM_MS = 300;
const KINDS = 4;

export interface ReceptionOptions {
  room: RelayRoom;
  session: RelaySession;
  alias: number;
  slots: Slots;
  /** The slots are those of the session before. */
  goesOn: boolean;
  onDrop(reason: string): void;
}

/** One session's media and where it goes. */
export class Reception {
  readonly path: WatchPath;
  readonly slots: Slots;
  /** The relay said yes to `watch`. */
  granted = false;
  readonly #goesOn: boolean;
  /** When a slot's kind last came live, ms; 0: never. */
  readonly #shownMs = new Float64Array(MAX_SLOTS * KINDS);
  #firstMs = Number.POSITIVE_INFINITY;

  constructor({ room, session, alias, slots, goesOn, onDrop }: ReceptionOptions) {
    this.slots = slots;
    this.#goesOn = goesOn;
    this.path = new WatchPath({
      ...{ room, session, alias, onDrop },
      onUnit: (unit, timing) => {
        // A frame of slots that begin anew is one only when it was decoded.
        if (goesOn || unit.kind !== UNIT_KIND.motion) this.shows(unit.slot, unit.kind, timing);
        return slots.deliver(unit, timing);
      },
    });
  }

  joined(): void {
    this.granted = true;
    this.path.joined();
  }

  onLiver(liver: Liver): void {
    this.path.receiver.setGeneration(liver.slot, liver.generation);
    this.slots.onLiver(liver);
    this.path.release();
  }

  shows(slot: number, kind: UnitKind, { backlog, receivedMs }: Pick<Timing, 'backlog' | 'receivedMs'>): void {
    if (backlog) return;
    this.#shownMs[slot * KINDS + kind] = receivedMs;
    this.#firstMs = Math.min(this.#firstMs, receivedMs);
  }

  /** Whether this one can take the place of `present`: everything that flows there flows here. Livers are known by subject. */
  covers(
    present: Reception,
    livers: { from: ReadonlyMap<number, Liver>; to: ReadonlyMap<number, Liver> },
    nowMs: number,
  ): boolean {
    for (const [at, shownMs] of present.#shownMs.entries()) {
      if (nowMs - shownMs > FLOWS_MS) continue;
      const subject = livers.from.get(Math.floor(at / KINDS))?.subject;
      if (subject === undefined) continue;
      const here = [...livers.to.values()].find((liver) => liver.subject === subject);
      if (!here || nowMs - this.#shownMs[here.slot * KINDS + (at % KINDS)]! > FLOWS_MS) return false;
      if (!this.#goesOn && nowMs - this.#firstMs < WARM_MS) return false;
    }
    return true;
  }
}
