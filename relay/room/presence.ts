import type { Member as MemberEntry } from '@hayate/codec/messages';
import type { People, Person } from './people.ts';
import type { RoomAction, SessionKey } from './types.ts';

/** Names in `members`, and of each kind in `presence`. */
const LISTED = 64;
const NAMED = 8;
/** Up to so many people, and at most so often, ms. */
const PACE: readonly (readonly [people: number, everyMs: number])[] = [
  [100, 1000],
  [1000, 2000],
  [Number.POSITIVE_INFINITY, 5000],
];
/** A timer that is early by a little must not cost a whole turn. */
const EARLY_MS = 50;

const NOTHING = { total: -1, viewers: -1 };

export interface PresenceOptions {
  people: People;
  viewers(): number;
  /** At other relays of the room: they are counted, not named. */
  elsewhere(): { people: number; viewers: number };
  entry(person: Person): MemberEntry;
  /** Who waits to speak, for moderators. */
  requests(): MemberEntry[];
  isModerator(session: SessionKey): boolean;
}

/**
 * What sessions that asked for it hear of who comes and goes. A join or leave costs nothing here; a tick costs what changed
 * since the last one, and one message for everybody.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #audience = new Set<SessionKey>();
  /** They missed news: the whole state is to follow. */
  readonly #behind = new Set<SessionKey>();
  #told = NOTHING;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  get audience(): ReadonlySet<SessionKey> {
    return this.#audience;
  }

  turn(session: SessionKey, on: boolean): RoomAction[] {
    if (!on) {
      this.forget(session);
      return [];
    }
    this.#audience.add(session);
    this.#behind.delete(session);
    return this.#members([session]);
  }

  behind(session: SessionKey): void {
    if (this.#audience.has(session)) this.#behind.add(session);
  }

  forget(session: SessionKey): void {
    this.#audience.delete(session);
    this.#behind.delete(session);
  }

  tick(nowMs: number): RoomAction[] {
    const caughtUp = new Set(this.#behind);
    this.#behind.clear();
    const actions = this.#members([...caughtUp]);
    const message = this.#changes(nowMs);
    if (message && this.#audience.size > 0) {
      // Who has just been sent the whole needs no change.
      const others = () => [...this.#audience].filter((session) => !caughtUp.has(session));
      const to = caughtUp.size === 0 ? this.#audience : others();
      actions.push({ do: 'news', to, message });
    }
    return actions;
  }

  #changes(nowMs: number) {
    const { people, entry } = this.#options;
    const { total, viewers } = this.#counts();
    const [, everyMs] = PACE.find(([upTo]) => total <= upTo)!;
    if (nowMs - this.#toldAtMs < everyMs - EARLY_MS) return undefined;
    if (!people.changed && viewers === this.#told.viewers && total === this.#told.total) return undefined;
    this.#told = { total, viewers };
    this.#toldAtMs = nowMs;
    const { entered, left, moreEntered, moreLeft } = people.takeChanges(NAMED);
    return {
      t: 'presence',
      total,
      viewers,
      entered: entered.map(entry),
      left,
      ...(moreEntered > 0 ? { moreEntered } : {}),
      ...(moreLeft > 0 ? { moreLeft } : {}),
    } as const;
  }

  #counts(): { total: number; viewers: number } {
    const { people, viewers, elsewhere } = this.#options;
    const others = elsewhere();
    return { total: people.size + others.people, viewers: viewers() + others.viewers };
  }

  #members(sessions: readonly SessionKey[]): RoomAction[] {
    if (sessions.length === 0) return [];
    const { people, entry, requests, isModerator } = this.#options;
    const counts = this.#counts();
    // Should they be again what everybody was told last, these have heard of others.
    if (counts.total !== this.#told.total || counts.viewers !== this.#told.viewers) this.#told = NOTHING;
    const message = {
      t: 'members',
      ...counts,
      members: people.list(LISTED).map(entry),
    } as const;
    const moderators = sessions.filter(isModerator);
    const others = sessions.filter((session) => !isModerator(session));
    return [
      ...(others.length > 0 ? [{ do: 'news', to: others, message } as const] : []),
      ...(moderators.length > 0
        ? [{ do: 'news', to: moderators, message: { ...message, requests: requests() } } as const]
        : []),
    ];
  }
}
