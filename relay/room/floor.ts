import { type Member as MemberEntry, PERMISSIONS, type Permission, type SpeakState } from '@hayate/codec/messages';
import { Mutes, refusalOf } from './moderation.ts';
import { entryOf, type Member, type People, type Person } from './people.ts';
import type { Slots } from './slots.ts';
import { Speaking } from './speaking.ts';
import { type Command, done, type RoomAction, refuse, SERVICE, type SessionKey } from './types.ts';

export interface FloorOptions {
  people: People;
  slots: Slots;
  nowMs: number;
  /** Who hears of the room's rules. */
  audience: Iterable<SessionKey>;
  /** Takes the person's sessions out of the room and closes them. */
  dismiss(person: Person, code: 'kicked' | 'banned', reason: string): RoomAction[];
  stopWatching(member: Member): RoomAction[];
  /** It has become a moderator's: what only they are told is to follow. */
  promoted(member: Member): void;
  close(reason: string): RoomAction[];
}

/** Who has the floor: permissions beyond the token's, requests to speak, and what moderators do. */
export class Floor {
  readonly #options: FloorOptions;
  readonly #speaking: Speaking;
  readonly #mutes = new Mutes();
  readonly #moderators = new Set<Member>();
  #host: string | undefined;
  #slowSeconds = 0;

  constructor(options: FloorOptions) {
    this.#options = options;
    const tell = (person: Person, state: SpeakState) => this.#tellSpeak(person, state);
    this.#speaking = new Speaking({ nowMs: options.nowMs, tell });
  }

  muted(sub: string, nowMs: number): boolean {
    return this.#mutes.has(sub, nowMs);
  }

  isModerator(member: Member | undefined): boolean {
    return member !== undefined && this.#moderators.has(member);
  }

  requests(): MemberEntry[] {
    return this.#speaking.people().map((person) => entryOf(person, false));
  }

  /** The room's rules, as everybody may know them. */
  rules(to: Iterable<SessionKey>): RoomAction {
    const host = this.#host === undefined ? {} : { host: this.#host };
    return { do: 'tell', to, message: { t: 'room', slowSeconds: this.#slowSeconds, ...host } };
  }

  /** `former`: the session whose place it has taken, and what that one was granted. */
  came(member: Member, former: Member | undefined): void {
    if (former) {
      member.granted = former.granted;
      this.#speaking.moved(former, member);
      this.#moderators.delete(former);
    }
    this.#assess(member);
  }

  /** Its place is kept for now. */
  lost(member: Member): void {
    this.#moderators.delete(member);
  }

  gone(member: Member): RoomAction[] {
    this.#moderators.delete(member);
    const actions = this.#speaking.gone(member);
    if (member.granted) actions.push(...this.#tellSpeak(member.person, 'ended'));
    return actions;
  }

  /** After a change of the token. Answers `refresh`. */
  refreshed(member: Member, id: number): RoomAction[] {
    this.#assess(member);
    return this.#apply(member, id);
  }

  speak(member: Member, id: number, want: boolean, nowMs: number): RoomAction[] {
    const { session, person, permissions } = member;
    if (!want) {
      const stopped = member.granted ? this.#revoke(member) : this.#options.slots.end(member, 'given back');
      return [...stopped, ...this.#speaking.withdraw(person), done(session, id)];
    }
    if (!permissions.includes('speak')) return [refuse(session, id, 'not_permitted', 'the token does not permit it')];
    if (permissions.includes('publish')) return [done(session, id)];
    const asked = this.#speaking.ask(member, nowMs);
    if (!asked) return [refuse(session, id, 'rate_limited', 'too many ask to speak')];
    return [...asked, done(session, id)];
  }

  /** `member` undefined: the service API, or with `relayed` a moderator at another relay. */
  moderate(member: Member | undefined, id: number, command: Command, nowMs: number, relayed = false): RoomAction[] {
    const session = member?.session ?? SERVICE;
    if (member && !this.#moderators.has(member)) {
      return [refuse(session, id, 'not_permitted', 'moderators only')];
    }
    const person = command.sub === undefined ? undefined : this.#options.people.find(command.sub);
    const refusal = refusalOf({ command, person, host: this.#host, service: member === undefined && !relayed });
    if (refusal) return [refuse(session, id, refusal.code, refusal.message)];
    return this.#carryOut({ session, id, by: member?.person.sub ?? '' }, command, person, nowMs);
  }

  tick(nowMs: number): RoomAction[] {
    this.#mutes.tick(nowMs);
    return this.#speaking.tick(nowMs);
  }

  #carryOut(
    { session, id, by }: { session: SessionKey; id: number; by: string },
    command: Command,
    person: Person | undefined,
    nowMs: number,
  ): RoomAction[] {
    const { sub = '', seconds, n, reason = '' } = command;
    const reply = (...actions: RoomAction[]): RoomAction[] => {
      const audit: RoomAction[] = session === SERVICE ? [] : [{ do: 'audit', command, by }];
      return [...actions, done(session, id), ...audit];
    };
    switch (command.action) {
      case 'mute':
        if (!this.#mutes.add(sub, seconds, nowMs)) return [refuse(session, id, 'rate_limited', 'too many are muted')];
        return reply();
      case 'unmute':
        this.#mutes.remove(sub);
        return reply();
      case 'kick':
        return reply(...this.#options.dismiss(person!, 'kicked', reason || 'a moderator ended this session'));
      case 'ban':
        return [{ do: 'ban', session, id, sub, ...(seconds === undefined ? {} : { seconds }), reason, by }];
      case 'unban':
        return [{ do: 'unban', session, id, sub, by }];
      case 'slow':
        this.#slowSeconds = seconds!;
        return reply({ do: 'slow', seconds: seconds! }, this.rules(this.#options.audience));
      case 'delete':
        return [{ do: 'deleteComments', session, id, by, ...(n === undefined ? { sub } : { n }) }];
      case 'grant':
      case 'deny': {
        const asking = this.#speaking.take(sub);
        if (!asking) return [refuse(session, id, 'no_such_member', 'nobody of that sub asks to speak')];
        return reply(...(command.action === 'grant' ? this.#grant(asking) : this.#tellSpeak(person!, 'denied')));
      }
      case 'unseat':
        return this.#unseat(person!, session, id, reply);
      case 'host':
        return reply(...this.#handOver(sub));
      case 'close':
        return reply(...this.#options.close(reason || 'the room was closed'));
    }
  }

  #grant(member: Member): RoomAction[] {
    member.granted = true;
    return [...this.#reassess(member), ...this.#tellSpeak(member.person, 'granted')];
  }

  #revoke(member: Member): RoomAction[] {
    member.granted = false;
    // Whoever has the permission by other means only stops.
    const stopped = this.#options.slots.end(member, 'the slot was taken back');
    return [...stopped, ...this.#reassess(member), ...this.#tellSpeak(member.person, 'ended')];
  }

  #unseat(
    person: Person,
    session: SessionKey,
    id: number,
    reply: (...actions: RoomAction[]) => RoomAction[],
  ): RoomAction[] {
    const granted = [...person.members].filter((member) => member.granted);
    if (granted.length === 0 && [...person.members].some(({ permissions }) => permissions.includes('publish'))) {
      return [refuse(session, id, 'not_permitted', 'this person publishes by token or as host')];
    }
    return reply(...granted.flatMap((member) => this.#revoke(member)));
  }

  #handOver(sub: string): RoomAction[] {
    const former = this.#host;
    this.#host = sub;
    const concerned = new Set([former, sub]);
    const actions: RoomAction[] = [];
    for (const each of concerned) {
      const person = each === undefined ? undefined : this.#options.people.find(each);
      for (const member of person?.members ?? []) actions.push(...this.#reassess(member));
    }
    actions.push(this.rules(this.#options.audience));
    return actions;
  }

  /** What the member may do from now on; says so, and ends what it may not, when that is a change. */
  #reassess(member: Member): RoomAction[] {
    const before = member.permissions;
    this.#assess(member);
    const same = before.length === member.permissions.length && before.every((p) => member.permissions.includes(p));
    return same ? [] : this.#apply(member, undefined);
  }

  #assess(member: Member): void {
    const { identity, person, granted } = member;
    const isHost = person.sub === this.#host;
    const more = (permission: Permission) =>
      (permission === 'publish' && (granted || isHost)) || (permission === 'moderate' && isHost);
    member.permissions = PERMISSIONS.filter((p) => identity.permissions.includes(p) || more(p));
    if (!member.permissions.includes('moderate')) this.#moderators.delete(member);
    else if (!this.#moderators.has(member)) {
      this.#moderators.add(member);
      this.#options.promoted(member);
    }
    this.#options.people.review(person);
  }

  #apply(member: Member, id: number | undefined): RoomAction[] {
    const { session, identity, permissions } = member;
    const { roles, expiresAt } = identity;
    const { slots, stopWatching } = this.#options;
    return [
      { do: 'access', session, ...(id === undefined ? {} : { id }), roles, permissions, expiresAt },
      ...(permissions.includes('publish') ? [] : slots.end(member, 'not permitted any more')),
      ...(permissions.includes('watch') ? [] : stopWatching(member)),
    ];
  }

  #tellSpeak({ sub, name, members }: Person, state: SpeakState): RoomAction[] {
    const to = new Set([...this.#moderators, ...members].map(({ session }) => session));
    return [{ do: 'tell', to, message: { t: 'speak', sub, ...(name === undefined ? {} : { name }), state } }];
  }
}
