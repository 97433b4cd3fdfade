import type { Liver, Member as MemberEntry, Permission } from '@hayate/codec/messages';
import { Floor } from './floor.ts';
import { entryOf, type Member, People, type Person } from './people.ts';
import { Presence } from './presence.ts';
import { MAX_SLOTS, type Publisher, Slots } from './slots.ts';
import { done, type RoomAction, type RoomEvent, type RoomLimits, refuse, SERVICE, type SessionKey } from './types.ts';

/** Who joined, commented or gave so lately is in conversation: answers to them must not wait. */
const CONVERSATION_MS = 10_000;
/** Nobody joins for so long after `close`. */
const CLOSED_MS = 60_000;

/** What a mute takes away. */
const MUTED: ReadonlySet<Permission> = new Set(['comment', 'react']);

type Of<T extends RoomEvent['type']> = Extract<RoomEvent, { type: T }>;

/**
 * The rules of one room, without I/O and without a clock: `handle(event, nowMs)` changes the state and says what to do.
 * Every event but `tick` costs the same in rooms of any size; who is told of a change is the caller's loop.
 */
export class Room {
  readonly #limits: RoomLimits;
  readonly #members = new Map<SessionKey, Member>();
  /** Sessions whose connection died, the longest ago first: their places are kept. */
  readonly #lost = new Map<SessionKey, { member: Member; untilMs: number }>();
  /** Sessions that were sent out lately: the word may have been lost on the way, and a client that resumes hears it then. */
  readonly #sentOut = new Map<
    SessionKey,
    { sub: string; code: 'kicked' | 'banned'; reason: string; untilMs: number }
  >();
  readonly #people = new People();
  readonly #slots = new Slots();
  readonly #floor: Floor;
  readonly #presence: Presence;
  #viewers = 0;
  #activeMs = Number.NEGATIVE_INFINITY;
  #elsewhere = { people: 0, viewers: 0 };
  #nowMs: number;
  #emptySinceMs: number;
  #closedUntilMs: number | undefined;

  constructor(limits: RoomLimits, nowMs: number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#emptySinceMs = nowMs;
    this.#presence = new Presence({
      people: this.#people,
      viewers: () => this.#viewers,
      elsewhere: () => this.#elsewhere,
      entry: (person) => this.#entry(person),
      requests: () => this.#floor.requests(),
      isModerator: (session) => this.#floor.isModerator(this.#members.get(session)),
    });
    this.#floor = new Floor({
      people: this.#people,
      slots: this.#slots,
      nowMs,
      audience: this.#presence.audience,
      dismiss: (person, code, reason) => this.#dismiss(person, code, reason),
      stopWatching: (member) => this.#stopWatching(member),
      // The next tick sends the list with the requests.
      promoted: (member) => this.#presence.behind(member.session),
      close: (reason) => this.#close(reason),
    });
  }

  /** Sessions here. */
  get memberCount(): number {
    return this.#members.size;
  }

  /** When somebody last joined, commented or gave. */
  get activeMs(): number {
    return this.#activeMs;
  }

  get viewerCount(): number {
    return this.#viewers;
  }

  /** Each `sub` once, lost ones whose place is kept included. */
  get peopleCount(): number {
    return this.#people.size;
  }

  /** Livers whose media flows or lingers, lowest slot first. */
  livers(): Liver[] {
    return this.#slots.livers();
  }

  publishers(): Generator<Publisher> {
    return this.#slots.publishers();
  }

  elsewhere(): ReturnType<Slots['elsewhere']> {
    return this.#slots.elsewhere();
  }

  members(): IterableIterator<SessionKey> {
    return this.#members.keys();
  }

  /** At most so many people after this `sub`, in the order of their coming. Costs a walk through the room. */
  people(after: string | undefined, limit: number): MemberEntry[] {
    const out: MemberEntry[] = [];
    for (const person of this.#people.after(after)) {
      if (out.length === limit) break;
      out.push(this.#entry(person));
    }
    return out;
  }

  /** Joined, commented or gave in the last 10 s, or a liver among others. */
  conversing(session: SessionKey, nowMs: number): boolean {
    const member = this.#members.get(session);
    if (!member) return false;
    if (nowMs - member.activeMs < CONVERSATION_MS) return true;
    return member.slot !== undefined && this.#slots.shared(member);
  }

  /** Whether it asked for presence. */
  listens(session: SessionKey): boolean {
    return this.#presence.audience.has(session);
  }

  may(session: SessionKey, permission: Permission): boolean {
    return this.#members.get(session)?.permissions.includes(permission) ?? false;
  }

  /** Whether the person behind this session is muted. */
  muted(session: SessionKey, nowMs: number): boolean {
    const member = this.#members.get(session);
    return member !== undefined && this.#floor.muted(member.person.sub, nowMs);
  }

  /** Why this session may not, now; undefined: it may. */
  refusal(session: SessionKey, permission: Permission, nowMs: number): 'not_permitted' | 'muted' | undefined {
    if (!this.may(session, permission)) return 'not_permitted';
    return MUTED.has(permission) && this.muted(session, nowMs) ? 'muted' : undefined;
  }

  handle(event: RoomEvent, nowMs: number): RoomAction[] {
    this.#nowMs = nowMs;
    switch (event.type) {
      case 'join':
        return this.#join(event, nowMs);
      case 'leave':
        return this.#leave(event, nowMs);
      case 'banned': {
        const person = this.#people.find(event.sub);
        return person ? this.#dismiss(person, 'banned', event.reason || 'banned from this room') : [];
      }
      case 'synced':
        return this.#slots.synced(event);
      case 'unsynced':
        return this.#slots.unsynced(event);
      case 'authority':
        this.#slots.authority = event.here;
        return [];
      case 'allot':
        return this.#slots.allot(event, nowMs);
      case 'remoteLiver':
        return this.#slots.remoteLiver(event);
      case 'remoteLeft':
        return this.#slots.remoteLeft(event, nowMs + this.#limits.lingerMs);
      case 'evicted':
        return this.#slots.evicted(event);
      case 'elsewhere':
        this.#elsewhere = { people: event.people, viewers: event.viewers };
        return [];
      case 'behind':
        this.#presence.behind(event.session);
        return [];
      case 'moderate':
        if (event.session === SERVICE) {
          return this.#floor.moderate(undefined, event.id, event.command, nowMs, event.relayed);
        }
        break;
      case 'close':
        return this.#close('the room was closed');
      case 'tick':
        return this.#tick(nowMs);
    }
    const member = this.#members.get(event.session);
    return member ? this.#request(member, event, nowMs) : [];
  }

  #request(member: Member, event: Extract<RoomEvent, { session: SessionKey }>, nowMs: number): RoomAction[] {
    switch (event.type) {
      case 'refresh':
        member.identity = event.identity;
        if (event.identity.name !== undefined) member.person.name = event.identity.name;
        return this.#floor.refreshed(member, event.id);
      case 'visited':
        member.person.isNew = event.isNew;
        return [];
      case 'publish':
        if (member.permissions.includes('publish')) return this.#slots.publish(member, event, nowMs);
        return [refuse(event.session, event.id, 'not_permitted', 'publishing is not permitted')];
      case 'granted':
        return this.#slots.granted(event, member, nowMs);
      case 'ungranted':
        return this.#slots.ungranted(event, member);
      case 'unpublish':
        return this.#slots.unpublish(member, event.id);
      case 'watch':
        return this.#watch(member, event.id, nowMs);
      case 'unwatch':
        return [...this.#stopWatching(member), done(event.session, event.id)];
      case 'presence': {
        const answer = done(event.session, event.id);
        const state = this.#presence.turn(event.session, event.on);
        return event.on ? [answer, this.#floor.rules([event.session]), ...state] : [answer];
      }
      case 'speak':
        return this.#floor.speak(member, event.id, event.want, nowMs);
      case 'moderate':
        return this.#floor.moderate(member, event.id, event.command, nowMs);
      case 'active':
        member.activeMs = nowMs;
        this.#activeMs = nowMs;
        return [];
      default:
        return [];
    }
  }

  #join({ session, identity, isNew, resume }: Of<'join'>, nowMs: number): RoomAction[] {
    if (this.#closedUntilMs !== undefined && nowMs < this.#closedUntilMs) {
      return [{ do: 'closeSession', session, code: 'room_closed', reason: 'the room was closed' }];
    }
    const sentOut = resume === undefined ? undefined : this.#sentOut.get(resume);
    if (sentOut?.sub === identity.sub && nowMs < sentOut.untilMs) {
      this.#sentOut.delete(resume!);
      return [{ do: 'closeSession', session, code: sentOut.code, reason: sentOut.reason }];
    }
    const former = this.#formerOf(resume, identity.sub);
    if (this.#members.size >= this.#capacity && !(former && this.#members.has(former.session))) {
      return [{ do: 'closeSession', session, code: 'room_full', reason: 'the room has no place left' }];
    }
    this.#closedUntilMs = undefined;
    const member = this.#people.enter(session, identity, isNew ?? false);
    this.#members.set(session, member);
    this.#floor.came(member, former);
    return [
      ...(former ? this.#replace(former, nowMs) : []),
      {
        do: 'welcome',
        session,
        identity,
        permissions: member.permissions,
        livers: this.livers(),
        resumed: former !== undefined,
      },
    ];
  }

  /** A session that this person may take over: lost, or not known to be dead yet. */
  #formerOf(resume: SessionKey | undefined, sub: string): Member | undefined {
    if (resume === undefined) return undefined;
    const member = this.#lost.get(resume)?.member ?? this.#members.get(resume);
    return member?.person.sub === sub ? member : undefined;
  }

  /** A newer session has its place: nobody is told. */
  #replace(former: Member, nowMs: number): RoomAction[] {
    const { session } = former;
    const actions: RoomAction[] = [];
    if (this.#members.has(session)) {
      actions.push(...this.#detach(former, nowMs + this.#limits.lingerMs));
      actions.push({ do: 'closeSession', session, code: 'closed', reason: 'resumed by a newer session' });
    }
    this.#lost.delete(session);
    this.#people.leave(former);
    return actions;
  }

  #leave({ session, clean }: Of<'leave'>, nowMs: number): RoomAction[] {
    const member = this.#members.get(session);
    if (!member) return [];
    const { lingerMs } = this.#limits;
    if (clean || lingerMs === 0) return [...this.#detach(member, undefined), ...this.#forget(member)];
    const untilMs = nowMs + lingerMs;
    const actions = this.#detach(member, untilMs);
    this.#floor.lost(member);
    this.#lost.set(session, { member, untilMs });
    if (this.#lost.size > this.#capacity) {
      const [first] = this.#lost.values();
      actions.push(...this.#forget(first!.member));
    }
    return actions;
  }

  /** No session any more: nothing is sent to it or comes from it. `untilMs`: its slot stays announced for so long. */
  #detach(member: Member, untilMs: number | undefined): RoomAction[] {
    const { session } = member;
    const actions = [...this.#stopWatching(member), ...this.#slots.lose(member, untilMs)];
    this.#presence.forget(session);
    this.#members.delete(session);
    if (this.#members.size === 0) this.#emptySinceMs = this.#nowMs;
    return actions;
  }

  /** Gone for good. */
  #forget(member: Member): RoomAction[] {
    this.#lost.delete(member.session);
    const actions = this.#floor.gone(member);
    if (this.#people.leave(member)) actions.push({ do: 'gone', sub: member.person.sub });
    return actions;
  }

  #dismiss(person: Person, code: 'kicked' | 'banned', reason: string): RoomAction[] {
    const actions: RoomAction[] = [];
    const untilMs = this.#nowMs + this.#limits.lingerMs;
    for (const member of [...person.members]) {
      const { session } = member;
      this.#sentOut.set(session, { sub: person.sub, code, reason, untilMs });
      if (this.#members.has(session)) {
        actions.push(...this.#detach(member, undefined), { do: 'closeSession', session, code, reason });
      }
      actions.push(...this.#forget(member));
    }
    return [...actions, ...this.#slots.dropLingering(person.sub)];
  }

  #watch(member: Member, id: number, nowMs: number): RoomAction[] {
    const { session } = member;
    if (member.watching) return [done(session, id)];
    if (!member.permissions.includes('watch')) {
      return [refuse(session, id, 'not_permitted', 'the token does not permit to watch')];
    }
    if (this.#viewers >= this.#limits.maxViewers) {
      return [refuse(session, id, 'room_full', `the room has its ${this.#limits.maxViewers} viewers`)];
    }
    member.watching = true;
    member.activeMs = nowMs;
    this.#activeMs = nowMs;
    this.#viewers += 1;
    return [done(session, id), { do: 'mediaJoin', session }];
  }

  #stopWatching(member: Member): RoomAction[] {
    if (!member.watching) return [];
    member.watching = false;
    this.#viewers -= 1;
    return [{ do: 'mediaLeave', session: member.session }];
  }

  #close(reason: string): RoomAction[] {
    this.#closedUntilMs = this.#nowMs + CLOSED_MS;
    return [...this.#members.keys()].map((session) => ({ do: 'closeSession', session, code: 'room_closed', reason }));
  }

  #tick(nowMs: number): RoomAction[] {
    const actions: RoomAction[] = [];
    for (const { member, untilMs } of this.#lost.values()) {
      if (nowMs < untilMs) break;
      actions.push(...this.#forget(member));
    }
    for (const [session, { untilMs }] of this.#sentOut) {
      if (nowMs < untilMs) break;
      this.#sentOut.delete(session);
    }
    actions.push(...this.#slots.tick(nowMs), ...this.#floor.tick(nowMs), ...this.#presence.tick(nowMs));
    if (this.#members.size > 0 || this.#lost.size > 0) return actions;
    const overMs = this.#closedUntilMs ?? this.#emptySinceMs + this.#limits.emptyMs;
    if (nowMs >= overMs) actions.push({ do: 'vanish' });
    return actions;
  }

  get #capacity(): number {
    return this.#limits.maxViewers + MAX_SLOTS;
  }

  #entry(person: Person): MemberEntry {
    return entryOf(person, this.#floor.muted(person.sub, this.#nowMs));
  }
}
