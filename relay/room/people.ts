import type { Member as MemberEntry, Permission } from '@hayate/codec/messages';
import type { Identity, SessionKey } from './types.ts';

/** One session in the room, or a lost one whose place is kept. */
export interface Member {
  readonly session: SessionKey;
  readonly person: Person;
  identity: Identity;
  /** What it may do: what its token says, and what moderators gave it. */
  permissions: readonly Permission[];
  /** A moderator granted it to speak. */
  granted: boolean;
  /** Slot that this session publishes on. */
  slot: number | undefined;
  watching: boolean;
  /** When the session began to watch, commented or gave last. */
  activeMs: number;
}

/** All sessions of one `sub`. */
export interface Person {
  readonly sub: string;
  name: string | undefined;
  /** On the first visit to this room. */
  isNew: boolean;
  readonly members: Set<Member>;
  /** Neighbours in the order of coming. */
  newer: Person | undefined;
  older: Person | undefined;
}

interface Change {
  here: boolean;
  /** When the changes were taken. */
  wasHere: boolean;
  /** Somebody has a list that shows them otherwise than they were then. */
  listed: boolean;
  /** Lists given until the last change of this person. */
  lists: number;
}

/** Who is in the room. What comes and goes costs the same in rooms of any size, and so does the list of the first few. */
export class People {
  readonly #bySub = new Map<string, Person>();
  /** Livers and moderators: the first in each list. */
  readonly #featured = new Set<Person>();
  /** Who entered or left since the changes were taken, but for who is as everybody knows. */
  #changed = new Map<string, Change>();
  /** Lists given so far. */
  #lists = 0;
  #newest: Person | undefined;

  get size(): number {
    return this.#bySub.size;
  }

  find(sub: string): Person | undefined {
    return this.#bySub.get(sub);
  }

  /** A session came: of somebody who is here, or of somebody new. */
  enter(session: SessionKey, identity: Identity, isNew: boolean): Member {
    const person = this.#bySub.get(identity.sub) ?? this.#add(identity.sub, isNew);
    if (identity.name !== undefined) person.name = identity.name;
    const member: Member = {
      session,
      person,
      identity,
      permissions: identity.permissions,
      granted: false,
      slot: undefined,
      watching: false,
      activeMs: Number.NEGATIVE_INFINITY,
    };
    person.members.add(member);
    this.review(person);
    return member;
  }

  /** A session is gone for good. True: it was the person's last one. */
  leave(member: Member): boolean {
    const { person } = member;
    person.members.delete(member);
    if (person.members.size > 0) {
      this.review(person);
      return false;
    }
    this.#bySub.delete(person.sub);
    this.#featured.delete(person);
    if (person.newer) person.newer.older = person.older;
    else this.#newest = person.older;
    if (person.older) person.older.newer = person.newer;
    this.#note(person.sub, false);
    return true;
  }

  /** Roles or permissions of one of the person's sessions changed. */
  review(person: Person): void {
    if (isFeatured(person)) this.#featured.add(person);
    else this.#featured.delete(person);
  }

  /** Livers and moderators first, then the newest. Changes from now on are told to who has this list. */
  list(count: number): Person[] {
    this.#lists += 1;
    const out: Person[] = [];
    for (const person of this.#featured) {
      if (out.length === count) return out;
      out.push(person);
    }
    for (let person = this.#newest; person && out.length < count; person = person.older) {
      if (!this.#featured.has(person)) out.push(person);
    }
    return out;
  }

  /** In the order of coming, after this one. Undefined: from the first. Takes a walk through the room. */
  *after(sub: string | undefined): Generator<Person> {
    let passed = sub === undefined;
    for (const person of this.#bySub.values()) {
      if (passed) yield person;
      else passed = person.sub === sub;
    }
  }

  get changed(): boolean {
    return this.#changed.size > 0;
  }

  /** Who entered and who left since the last call: at most so many of each, who is new here first, and how many others. */
  takeChanges(count: number): { entered: Person[]; left: string[]; moreEntered: number; moreLeft: number } {
    const fresh: Person[] = [];
    const known: Person[] = [];
    const left: string[] = [];
    let [allEntered, allLeft] = [0, 0];
    for (const [sub, { here }] of this.#changed) {
      if (!here) {
        allLeft += 1;
        if (left.length < count) left.push(sub);
        continue;
      }
      allEntered += 1;
      const person = this.#bySub.get(sub)!;
      const list = person.isNew ? fresh : known;
      if (list.length < count) list.push(person);
    }
    this.#changed = new Map();
    const entered = [...fresh, ...known].slice(0, count);
    return { entered, left, moreEntered: allEntered - entered.length, moreLeft: allLeft - left.length };
  }

  #add(sub: string, isNew: boolean): Person {
    const older = this.#newest;
    const person: Person = { sub, name: undefined, isNew, members: new Set(), newer: undefined, older };
    if (older) older.newer = person;
    this.#newest = person;
    this.#bySub.set(sub, person);
    this.#note(sub, true);
    return person;
  }

  #note(sub: string, here: boolean): void {
    const lists = this.#lists;
    const change = this.#changed.get(sub);
    if (!change) {
      this.#changed.set(sub, { here, wasHere: !here, listed: false, lists });
      return;
    }
    if (change.lists !== lists && change.here !== change.wasHere) change.listed = true;
    change.here = here;
    change.lists = lists;
    if (here === change.wasHere && !change.listed) this.#changed.delete(sub);
  }
}

/** Over all sessions, in the order of the token's list. */
function rolesOf(person: Person): string[] {
  const roles = new Set<string>();
  for (const { identity } of person.members) for (const role of identity.roles) roles.add(role);
  return [...roles];
}

/** As the room is told of the person. */
export function entryOf(person: Person, muted: boolean): MemberEntry {
  return {
    sub: person.sub,
    ...(person.name === undefined ? {} : { name: person.name }),
    roles: rolesOf(person),
    ...(person.isNew ? { isNew: true } : {}),
    ...(muted ? { muted: true } : {}),
  };
}

function isFeatured({ members }: Person): boolean {
  for (const { identity, permissions } of members) {
    if (identity.roles.includes('liver') || permissions.includes('publish') || permissions.includes('moderate'))
      return true;
  }
  return false;
}
