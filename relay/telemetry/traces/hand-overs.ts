import { wallMs } from './clock.ts';
import { idsOf, randomIds, type SpanIds } from './ids.ts';
import type { Traces } from './traces.ts';

/** The spans of relays that go and of rooms that get another origin, docs/operations.md. */
export class HandOverTraces {
  readonly #traces: Traces;

  constructor(traces: Traces) {
    this.#traces = traces;
  }

  /** This relay tells everybody to go. */
  drain(sessions: number, rooms: number): DrainTrace {
    return new DrainTrace(this.#traces, sessions, rooms);
  }

  /** This relay asked the directory for another origin of a room, for itself or for who comes after it, and the directory said yes. */
  claimed(room: string, epoch: number, relays: { former: string | undefined; origin: string }, startMs: number): void {
    const { former, origin } = relays;
    this.#traces.span({
      ...{ name: 'room.hand_over', ids: roomIds(room, epoch), kind: 'client', startMs },
      attributes: {
        'hayate.room': room,
        'hayate.to': origin,
        ...(former === undefined ? {} : { 'hayate.former': former }),
      },
    });
  }

  /** This relay is the room's origin from now on, by a claim of this epoch. */
  took(room: string, epoch: number, startMs: number): void {
    const parent = roomIds(room, epoch);
    const ids = randomIds(parent.traceId);
    this.#traces.span({ name: 'room.take', ids, parent, startMs, attributes: { 'hayate.room': room } });
  }
}

/** From the word to go until nobody is left, or the relay does not wait any more. */
export class DrainTrace {
  readonly ids: SpanIds = randomIds();
  readonly #traces: Traces;
  readonly #sessions: number;
  readonly #rooms: number;
  readonly #startMs = wallMs();
  #ended = false;

  constructor(traces: Traces, sessions: number, rooms: number) {
    this.#traces = traces;
    this.#sessions = sessions;
    this.#rooms = rooms;
  }

  /** The first call counts. @param left sessions that are still there */
  end(left: number): void {
    if (this.#ended) return;
    this.#ended = true;
    const attributes = { 'hayate.sessions': this.#sessions, 'hayate.rooms': this.#rooms, 'hayate.left_behind': left };
    this.#traces.span({ name: 'relay.drain', ids: this.ids, startMs: this.#startMs, attributes });
  }
}

/** An epoch is given to one origin, once. */
function roomIds(room: string, epoch: number): SpanIds {
  return idsOf('room', room, epoch);
}
