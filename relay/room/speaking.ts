import type { SpeakState } from '@hayate/codec/messages';
import { RateLimit } from '../reliable/rate.ts';
import type { Member, Person } from './people.ts';
import type { RoomAction } from './types.ts';

/** Requests that a room holds. */
const MAX_REQUESTS = 32;
const REQUEST_MS = 120_000;
/** New requests of the whole room: moderators hear of each, and asking and withdrawing must not become a flood. */
const ROOM_PER_SECOND = 4;

interface Request {
  member: Member;
  untilMs: number;
}

export interface SpeakingOptions {
  nowMs: number;
  /** Tells the person's sessions and the moderators. */
  tell(person: Person, state: SpeakState): RoomAction[];
}

/** Who waits to speak, the longest first. What is granted is the member's. */
export class Speaking {
  readonly #requests = new Map<string, Request>();
  readonly #limit: RateLimit;
  readonly #tell: SpeakingOptions['tell'];

  constructor({ nowMs, tell }: SpeakingOptions) {
    this.#limit = new RateLimit(ROOM_PER_SECOND, MAX_REQUESTS, nowMs);
    this.#tell = tell;
  }

  /** The longest first. */
  people(): Person[] {
    return [...this.#requests.values()].map(({ member }) => member.person);
  }

  /** Undefined: the room has all the requests that it may have. */
  ask(member: Member, nowMs: number): RoomAction[] | undefined {
    const own = this.#requests.get(member.person.sub);
    if (own) {
      own.member = member;
      return [];
    }
    if (this.#requests.size >= MAX_REQUESTS || !this.#limit.take(nowMs)) return undefined;
    this.#requests.set(member.person.sub, { member, untilMs: nowMs + REQUEST_MS });
    return this.#tell(member.person, 'requested');
  }

  withdraw(person: Person): RoomAction[] {
    return this.#requests.delete(person.sub) ? this.#tell(person, 'withdrawn') : [];
  }

  /** The session that asked; the request is no more. Undefined: nobody of this `sub` asks. */
  take(sub: string): Member | undefined {
    const request = this.#requests.get(sub);
    this.#requests.delete(sub);
    return request?.member;
  }

  /** Another session has taken this one's place. */
  moved(from: Member, to: Member): void {
    const request = this.#requests.get(from.person.sub);
    if (request?.member === from) request.member = to;
  }

  /** The session is gone for good. */
  gone(member: Member): RoomAction[] {
    return this.#requests.get(member.person.sub)?.member === member ? this.withdraw(member.person) : [];
  }

  tick(nowMs: number): RoomAction[] {
    const actions: RoomAction[] = [];
    for (const [sub, { member, untilMs }] of this.#requests) {
      if (nowMs < untilMs) break;
      this.#requests.delete(sub);
      actions.push(...this.#tell(member.person, 'expired'));
    }
    return actions;
  }
}
