import { PERMISSIONS, type Permission, type RelayMessage } from '@hayate/codec/messages';
import type { Room } from '../room/room.ts';
import type { RoomAction, RoomEvent, RoomLimits, SessionKey } from '../room/types.ts';
import { permissionsOf, type Role } from '../token/token.ts';
import { ROLES, type Step } from './room-steps.ts';

/** Small, so that every bound is met. */
export const MODEL_LIMITS: RoomLimits = { maxViewers: 4, lingerMs: 3000, emptyMs: 10_000 };
const CAPACITY = MODEL_LIMITS.maxViewers + 8;
const CLOSED_MS = 60_000;

export type RoomLike = Pick<Room, 'handle' | 'members' | 'livers' | 'muted' | 'may' | 'viewerCount' | 'peopleCount'>;

interface Client {
  sub: string;
  roles: readonly Role[];
  /** As it was told. */
  permissions: readonly Permission[];
  /** Listens to presence, and what it makes of it; `known` undefined: it was not told all names. */
  view: { known: Set<string> | undefined; total: number; viewers: number } | undefined;
  slow: boolean;
}

/**
 * What must hold of a room whatever happens, told by its actions alone: drives one through steps in simulated time and throws
 * at the first thing that is wrong.
 */
export class RoomModel {
  readonly #room: RoomLike;
  readonly #live = new Map<SessionKey, Client>();
  readonly #lost = new Map<SessionKey, { sub: string; untilMs: number }>();
  readonly #watching = new Set<SessionKey>();
  readonly #published = new Map<number, { session: SessionKey; gen: number }>();
  readonly #shown = new Map<number, number>();
  readonly #generations = new Map<number, number>();
  readonly #waiting = new Set<string>();
  readonly #granted = new Map<string, number>();
  readonly #mutes = new Map<string, number>();
  /** Who was here after the last event. */
  #here = new Set<string>();
  #answers: string[] = [];
  #gone: string[] = [];
  #dismissing: string | undefined;
  /** Sessions that were kicked or banned: they hear it again when they resume. */
  readonly #sentOut = new Map<SessionKey, { sub: string; untilMs: number }>();
  #host: string | undefined;
  #closedUntilMs = Number.NEGATIVE_INFINITY;
  #nowMs = 0;
  #nextSession = 1;
  #nextId = 1;
  #vanished = false;

  constructor(room: RoomLike) {
    this.#room = room;
  }

  run(all: readonly Step[]): void {
    for (const each of all) {
      if (this.#vanished) return;
      this.#step(each);
      for (const [session, { sub }] of this.#live) {
        const muted = (this.#mutes.get(sub) ?? 0) > this.#nowMs;
        this.#check(this.#room.muted(session, this.#nowMs) === muted, 'muted or not, wrongly');
      }
    }
    if (!this.#vanished) this.#end();
  }

  #step(each: Step): unknown {
    if (each.do === 'tick') return this.#tick(each.ms);
    if (each.do === 'join') return this.#join(each);
    const sub = 'sub' in each ? `p${each.sub}` : '';
    if (each.do === 'banned') {
      this.#handle({ type: 'banned', sub, reason: '' });
      return this.#check(![...this.#live.values()].some((client) => client.sub === sub), 'a banned person is here');
    }
    const session = [...this.#live.keys()][each.who % Math.max(1, this.#live.size)];
    const client = session === undefined ? undefined : this.#live.get(session);
    if (session === undefined || client === undefined) return undefined;
    const id = this.#nextId++;
    switch (each.do) {
      case 'leave':
        return this.#leave(session, each.clean);
      case 'slow':
        client.slow = !client.slow;
        return undefined;
      case 'ask':
        return this.#ask({ type: each.what, session, id }, each.what !== 'publish');
      case 'speak':
        return this.#ask({ type: 'speak', session, id, want: each.on });
      case 'presence':
        client.view = each.on ? { known: undefined, total: -1, viewers: -1 } : undefined;
        return this.#ask({ type: 'presence', session, id, on: each.on });
      case 'refresh':
        client.roles = ROLES[each.roles]!;
        return this.#ask({ type: 'refresh', session, id, identity: this.#identity(client.sub, client.roles) });
      case 'moderate':
        return this.#moderate(session, client, id, each);
    }
  }

  #identity(sub: string, roles: readonly Role[]) {
    return { sub, roles, permissions: permissionsOf(roles), expiresAt: 1 };
  }

  #join(each: Extract<Step, { do: 'join' }>): void {
    const session = this.#nextSession++;
    const sub = `p${each.sub}`;
    const former = session - 1 - each.resume;
    const resumed = (this.#live.get(former) ?? this.#lost.get(former))?.sub === sub;
    const full = this.#live.size >= CAPACITY && !(resumed && this.#live.has(former));
    const sentOut = this.#sentOut.get(former);
    const toldAgain = sentOut?.sub === sub && this.#nowMs < sentOut.untilMs;
    const closed = this.#nowMs < this.#closedUntilMs;
    if (toldAgain && !closed) this.#sentOut.delete(former);
    const out = closed || toldAgain || full;
    const client: Client = { sub, roles: ROLES[each.roles]!, permissions: [], view: undefined, slow: false };
    let wasHere = false;
    if (!out) {
      // Its place is the new one's, at once.
      if (resumed) this.#lost.delete(former);
      wasHere = resumed && this.#live.delete(former);
      this.#live.set(session, client);
    }
    const identity = this.#identity(sub, client.roles);
    const actions = this.#handle({ type: 'join', session, identity, resume: former });
    const welcome = actions.find((action) => action.do === 'welcome');
    const refused = actions.find((action) => action.do === 'closeSession' && action.session === session);
    this.#check((welcome !== undefined) === !out, 'who may not join was welcomed, or who may was not');
    this.#check((refused !== undefined) === out, 'a refused session is not closed');
    if (welcome) this.#check(welcome.resumed === resumed, 'resumed a place that is not kept, or did not one that is');
    const ended = actions.some((action) => action.do === 'closeSession' && action.session === former);
    this.#check(ended === wasHere, 'two sessions in one place');
    // Its predecessor's last word comes later, and must not matter.
    if (welcome && resumed)
      this.#check(
        this.#room.handle({ type: 'leave', session: former, clean: false }, this.#nowMs).length === 0,
        'a replaced session did something',
      );
  }

  #leave(session: SessionKey, clean: boolean): void {
    const { sub } = this.#live.get(session)!;
    this.#live.delete(session);
    if (!clean) this.#lose(session, sub);
    this.#handle({ type: 'leave', session, clean });
  }

  #lose(session: SessionKey, sub: string): void {
    this.#lost.set(session, { sub, untilMs: this.#nowMs + MODEL_LIMITS.lingerMs });
    const [oldest] = this.#lost.keys();
    if (this.#lost.size > CAPACITY) this.#lost.delete(oldest!);
  }

  #ask(event: Extract<RoomEvent, { id: number }> & { session: SessionKey }, atOnce = true): RoomAction[] {
    this.#answers = [];
    const actions = this.#handle(event);
    const own = this.#answers.filter((answer) => answer === `${event.session} ${event.id}`).length;
    const still = this.#live.has(event.session);
    if (still) this.#check(own <= 1 && (own === 1 || !atOnce), `${event.type} was answered ${own} times`);
    return actions;
  }

  #moderate(session: SessionKey, client: Client, id: number, each: Extract<Step, { do: 'moderate' }>): void {
    const { action, seconds } = each;
    const sub = `p${each.sub}`;
    const target = action === 'slow' || action === 'close' ? {} : { sub };
    const may = client.permissions.includes('moderate');
    const guarded =
      sub === this.#host ||
      [...this.#live.values()].some((other) => other.sub === sub && other.roles.some((role) => role !== 'viewer'));
    const event = { type: 'moderate', session, id, command: { action, seconds, ...target } } as const;
    const done = this.#ask(event).some((a) => a.do === 'done' && a.session === session && a.id === id);
    if (done) this.#check(may, `${action} by somebody who may not`);
    if (done && ['mute', 'kick', 'ban'].includes(action)) this.#check(!guarded, `${action} of a liver or moderator`);
    if (done && action === 'mute') this.#mutes.set(sub, this.#nowMs + seconds * 1000);
    if (done && action === 'unmute') this.#mutes.delete(sub);
    if (done && action === 'kick') {
      this.#check(![...this.#live.values()].some((other) => other.sub === sub), 'a kicked person is here');
    }
    this.#invariants();
  }

  #tick(ms: number): void {
    this.#nowMs += ms;
    for (const [session, { untilMs }] of this.#lost) if (untilMs <= this.#nowMs) this.#lost.delete(session);
    this.#handle({ type: 'tick' });
  }

  /** Everybody reads; then everybody goes. */
  #end(): void {
    for (const client of this.#live.values()) client.slow = false;
    for (let seconds = 0; seconds < 7; seconds++) if (!this.#vanished) this.#tick(1000);
    const people = this.#people();
    for (const { view } of this.#live.values()) {
      if (!view) continue;
      this.#check(view.total === people.size && view.viewers === this.#watching.size, 'a listener has old counts');
      if (view.known) this.#check(sameSet(view.known, people), 'a listener has another list');
    }
    for (const session of [...this.#live.keys()]) this.#leave(session, true);
    for (let seconds = 0; seconds < 80 && !this.#vanished; seconds++) this.#tick(1000);
    this.#check(this.#vanished, 'the empty room stays');
  }

  #handle(event: RoomEvent): RoomAction[] {
    const before = this.#here;
    this.#gone = [];
    this.#dismissing = dismissedBy(event);
    const actions = this.#room.handle(event, this.#nowMs);
    for (const action of actions) this.#observe(action);
    const gone = this.#gone;
    const after = this.#people();
    this.#here = after;
    for (const sub of gone) this.#check(!after.has(sub), `${sub} is said to be gone`);
    for (const sub of before) if (!after.has(sub)) this.#check(gone.includes(sub), `${sub} went unnoticed`);
    this.#invariants();
    return actions;
  }

  #observe(action: RoomAction): void {
    switch (action.do) {
      case 'welcome':
        this.#live.get(action.session)!.permissions = action.permissions;
        return;
      case 'access': {
        const client = this.#live.get(action.session);
        if (client) client.permissions = action.permissions;
        if (action.id !== undefined) this.#answers.push(`${action.session} ${action.id}`);
        return;
      }
      case 'done':
      case 'refuse':
      case 'unban':
      case 'deleteComments':
      case 'publishing':
        this.#answers.push(`${action.session} ${action.id}`);
        return;
      case 'ban':
        this.#answers.push(`${action.session} ${action.id}`);
        this.#check(this.#live.get(action.session)!.permissions.includes('moderate'), 'ban by somebody who may not');
        this.#handle({ type: 'banned', sub: action.sub, reason: '' });
        return;
      case 'tell':
        this.#told(action.message);
        return;
      case 'news':
        for (const session of [...action.to]) this.#news(session, action.message);
        return;
      case 'mediaJoin':
        this.#check(!this.#watching.has(action.session), 'watches twice');
        this.#watching.add(action.session);
        return;
      case 'mediaLeave':
        this.#check(this.#watching.delete(action.session), 'stopped a session that does not watch');
        return;
      case 'mediaPublish':
        this.#publish(action);
        return;
      case 'mediaUnpublish':
        this.#check(this.#published.delete(action.slot), 'unpublished an empty slot');
        return;
      case 'liver':
        this.#shown.set(action.liver.slot, action.liver.gen);
        return;
      case 'left':
        this.#check(this.#shown.get(action.slot) === action.gen, 'somebody left who was not announced');
        this.#shown.delete(action.slot);
        return;
      case 'closeSession':
        this.#closed(action);
        return;
      case 'gone':
        this.#gone.push(action.sub);
        // Kicked and banned ones lose the places of lost sessions too.
        if (this.#dismissing === action.sub) {
          for (const [session, { sub }] of this.#lost) {
            if (sub !== action.sub) continue;
            this.#lost.delete(session);
            this.#sendOut(session, sub);
          }
        }
        return;
      case 'vanish':
        this.#check(this.#live.size === 0 && this.#lost.size === 0, 'vanished around its people');
        this.#vanished = true;
        return;
    }
  }

  #publish({ session, slot, gen }: Extract<RoomAction, { do: 'mediaPublish' }>): void {
    this.#check(!this.#published.has(slot), 'two publishers of one slot');
    this.#check(this.#generations.get(slot) !== gen, 'a generation came again');
    this.#published.set(slot, { session, gen });
    this.#generations.set(slot, gen);
    // Some are synced at once, some never.
    if ((session + gen) % 3 > 0) this.#later.push({ type: 'synced', session, slot, gen });
  }

  /** What the media plane says once the event is over. */
  readonly #later: RoomEvent[] = [];

  #closed({ session, code }: Extract<RoomAction, { do: 'closeSession' }>): void {
    if (code === 'room_closed' && this.#live.has(session)) this.#closedUntilMs = this.#nowMs + CLOSED_MS;
    const client = this.#live.get(session);
    if (!client) return;
    if (code === 'kicked' || code === 'banned') {
      this.#live.delete(session);
      this.#sendOut(session, client.sub);
      return;
    }
    this.#later.push({ type: 'leave', session, clean: true });
  }

  #sendOut(session: SessionKey, sub: string): void {
    this.#sentOut.set(session, { sub, untilMs: this.#nowMs + MODEL_LIMITS.lingerMs });
  }

  #told(message: RelayMessage): void {
    if (message.t === 'room') {
      this.#host = message.host;
    } else if (message.t === 'speak') {
      const { sub, state } = message;
      const count = this.#granted.get(sub) ?? 0;
      if (state === 'requested') {
        this.#check(!this.#waiting.has(sub), 'asks twice');
        this.#waiting.add(sub);
      } else if (state === 'ended') {
        this.#check(count > 0, 'ended what was not granted');
        this.#granted.set(sub, count - 1);
      } else {
        this.#check(this.#waiting.delete(sub), `${state} without a request`);
        if (state === 'granted') this.#granted.set(sub, count + 1);
      }
    }
  }

  #news(session: SessionKey, message: RelayMessage): void {
    const client = this.#live.get(session);
    this.#check(client?.view !== undefined, 'news to somebody who does not listen');
    if (client!.slow) {
      this.#room.handle({ type: 'behind', session }, this.#nowMs);
      return;
    }
    const view = client!.view!;
    if (message.t === 'members') {
      const names = message.members.map((member) => member.sub);
      view.known = names.length === message.total ? new Set(names) : undefined;
      const moderates = client!.permissions.includes('moderate');
      this.#check((message.requests !== undefined) === moderates, 'requests are for moderators');
    } else if (message.t === 'presence') {
      if (message.moreEntered || message.moreLeft) view.known = undefined;
      for (const name of message.left) view.known?.delete(name);
      for (const member of message.entered) view.known?.add(member.sub);
    } else return;
    view.total = message.total;
    view.viewers = message.viewers;
    const people = this.#people();
    this.#check(view.total === people.size, `news of ${view.total} people, but there are ${people.size}`);
    this.#check(view.viewers === this.#watching.size, 'news of another number of viewers');
    if (view.known) this.#check(sameSet(view.known, people), 'news of other people than there are');
  }

  #people(): Set<string> {
    return new Set([...this.#live.values(), ...this.#lost.values()].map(({ sub }) => sub));
  }

  #invariants(): void {
    for (let next = this.#later.shift(); next; next = this.#later.shift()) {
      if (next.type === 'leave') this.#live.delete(next.session);
      this.#handle(next);
    }
    const room = this.#room;
    const people = this.#people();
    this.#check(sameSet(new Set(room.members()), new Set(this.#live.keys())), 'other sessions are here');
    this.#check(room.peopleCount === people.size, `${room.peopleCount} people instead of ${people.size}`);
    this.#check(room.viewerCount === this.#watching.size, 'another number of viewers');
    this.#check(this.#watching.size <= MODEL_LIMITS.maxViewers, 'too many viewers');
    const shown = room.livers();
    this.#check(shown.length === this.#shown.size, 'other livers than announced');
    for (const { slot, gen } of shown) this.#check(this.#shown.get(slot) === gen, 'another generation than announced');
    this.#check(new Set(shown.map(({ sub }) => sub)).size === shown.length, 'one person on two slots');
    for (const { session } of this.#published.values()) {
      this.#check(room.may(session, 'publish'), 'publishes without the permission');
    }
    for (const session of this.#watching) this.#check(room.may(session, 'watch'), 'watches without the permission');
    for (const sub of this.#waiting) this.#check(people.has(sub), 'somebody waits who is gone');
    for (const [session, { sub, roles, permissions }] of this.#live) {
      for (const permission of PERMISSIONS) {
        const told = permissions.includes(permission);
        this.#check(room.may(session, permission) === told, `${permission} is not as the session was told`);
      }
      const earned =
        permissionsOf(roles).includes('publish') || sub === this.#host || (this.#granted.get(sub) ?? 0) > 0;
      this.#check(earned || !permissions.includes('publish'), 'may publish, and nobody granted it');
    }
  }

  #check(holds: boolean, otherwise: string): void {
    if (!holds) throw new Error(`${otherwise} (at ${this.#nowMs} ms)`);
  }
}

function sameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}

/** Who is to be gone after this, sessions and kept places. */
function dismissedBy(event: RoomEvent): string | undefined {
  if (event.type === 'banned') return event.sub;
  return event.type === 'moderate' && event.command.action === 'kick' ? event.command.sub : undefined;
}
