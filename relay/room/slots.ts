import type { Liver } from '@hayate/codec/messages';
import type { Member } from './people.ts';
import { done, type RoomAction, type RoomEvent, refuse, type SessionKey } from './types.ts';

type Of<T extends RoomEvent['type']> = Extract<RoomEvent, { type: T }>;

export const MAX_SLOTS = 8;
/** Retryable for the client: it comes again and gets another slot. */
const GIVEN_AWAY = 'the slot was given to somebody else meanwhile';
/** A publisher that does not answer probes must not hold a slot for ever. */
const SYNC_MS = 10_000;

interface Slot {
  liver: Liver;
  /** Undefined while the slot lingers after an abrupt loss, and of a liver at another relay. */
  member: Member | undefined;
  /** Id of the `publish` that waits for the clock; undefined once answered. */
  pendingId: number | undefined;
  /** What the room was told; of a returning liver the entry from before, until the new one is synced. */
  shown: Liver | undefined;
  /** While lingering: when to give up. While pending: when the clock must be synced. Infinity: of another relay. */
  deadlineMs: number;
}

export interface Publisher {
  slot: number;
  session: SessionKey;
  /** Of its voice, if it has one. */
  frameMs: number | undefined;
}

/** The eight slots of a room: who publishes where, in which generation. */
export class Slots {
  readonly #slots: (Slot | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  /**
   * Last generation used on each slot; survives the livers, so that a slot's next one is always newer. Undefined: none was
   * seen here, and whatever comes is the newest.
   */
  readonly #generations: (number | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  /** Who waits for a slot from the relay that gives them. */
  readonly #asking = new Map<Member, { event: Of<'publish'>; deadlineMs: number }>();
  /** Given to livers at other relays that have not come yet. */
  readonly #allotted = new Map<number, { sub: string; untilMs: number }>();
  /** False: another relay gives the slots. */
  authority = true;

  /** Livers whose media flows or lingers, lowest slot first. */
  livers(): Liver[] {
    return this.#slots.flatMap((slot) => slot?.shown ?? []);
  }

  /** Slots that a present session publishes on, for reports. */
  *publishers(): Generator<Publisher> {
    for (const slot of this.#slots) {
      if (slot?.member !== undefined && slot.pendingId === undefined)
        yield { slot: slot.liver.slot, session: slot.member.session, frameMs: slot.liver.voice?.frameMs };
    }
  }

  /** Slots of livers at other relays; `frameMs` of their voice. */
  *elsewhere(): Generator<Omit<Publisher, 'session'>> {
    for (const slot of this.#slots) {
      if (slot !== undefined && slot.member === undefined && slot.deadlineMs === Number.POSITIVE_INFINITY)
        yield { slot: slot.liver.slot, frameMs: slot.liver.voice?.frameMs };
    }
  }

  /** Whether anybody else has a slot. */
  shared(member: Member): boolean {
    return this.#slots.some((slot) => slot !== undefined && slot.member !== member);
  }

  publish(member: Member, event: Of<'publish'>, nowMs: number): RoomAction[] {
    const { session, id } = event;
    const own = this.#of(member);
    if (own) return this.#republish(own, event);
    const { sub, name } = member.identity;
    if (!this.authority) {
      const asked = this.#asking.get(member);
      // A client that waits no longer asks again: the answer that is on its way is for the newest request.
      if (asked) {
        asked.event = event;
        return [];
      }
      this.#asking.set(member, { event, deadlineMs: nowMs + SYNC_MS });
      return [{ do: 'askSlot', session, sub, name }];
    }
    const index = this.#slotFor(sub);
    if (index < 0) return [refuse(session, id, 'room_full', `all ${MAX_SLOTS} slots are taken`)];
    const gen = ((this.#generations[index] ?? 0) + 1) & 0xff;
    return this.#take(member, event, index, gen, nowMs);
  }

  #take(member: Member, event: Of<'publish'>, index: number, gen: number, nowMs: number): RoomAction[] {
    const { session, id } = event;
    const { sub, name } = member.identity;
    const former = this.#slots[index];
    // The same person on a new connection while the old one has not died yet: the new one wins.
    const actions = this.#oust(former, sub);
    this.#generations[index] = gen;
    this.#allotted.delete(index);
    this.#slots[index] = {
      liver: liver({ slot: index, gen, sub, name, ...mediaOf(event) }),
      member,
      pendingId: id,
      shown: former?.shown,
      deadlineMs: nowMs + SYNC_MS,
    };
    member.slot = index;
    actions.push({ do: 'mediaPublish', session, slot: index, gen });
    return actions;
  }

  /** The session that has the slot loses it to a newer one. */
  #oust(slot: Slot | undefined, sub: string): RoomAction[] {
    if (slot?.member === undefined) return [];
    const { session } = slot.member;
    slot.member.slot = undefined;
    const close: RoomAction =
      slot.liver.sub === sub
        ? { do: 'closeSession', session, code: 'closed', reason: 'replaced by a newer session of the same sub' }
        : { do: 'closeSession', session, code: 'overloaded', reason: GIVEN_AWAY };
    return [{ do: 'mediaUnpublish', slot: slot.liver.slot }, close];
  }

  granted({ slot, gen }: Of<'granted'>, member: Member, nowMs: number): RoomAction[] {
    const asked = this.#asking.get(member);
    this.#asking.delete(member);
    return asked ? this.#take(member, asked.event, slot, gen, nowMs) : [];
  }

  ungranted({ session, code }: Of<'ungranted'>, member: Member): RoomAction[] {
    const asked = this.#asking.get(member);
    this.#asking.delete(member);
    return asked ? [refuse(session, asked.event.id, code, 'the room gives no slot now')] : [];
  }

  /** A slot for a liver at another relay: kept for it until it comes. */
  allot({ ask, sub }: Of<'allot'>, nowMs: number): RoomAction[] {
    const index = this.#slotFor(sub);
    if (index < 0) return [{ do: 'unallotted', ask, code: 'room_full' }];
    const gen = ((this.#generations[index] ?? 0) + 1) & 0xff;
    this.#generations[index] = gen;
    this.#allotted.set(index, { sub, untilMs: nowMs + SYNC_MS });
    return [{ do: 'allotted', ask, slot: index, gen }];
  }

  remoteLiver({ liver: entry }: Of<'remoteLiver'>): RoomAction[] {
    const { slot: index, gen } = entry;
    const former = this.#slots[index];
    if (former?.member !== undefined && signed8(gen - former.liver.gen) <= 0) return [];
    // Given by a relay that had lost its way here, and did not know what had been: others would take its media for old.
    const known = this.#generations[index];
    if (this.authority && known !== undefined && signed8(gen - known) < 0) return [{ do: 'evict', slot: index, gen }];
    const actions = this.#oust(former, entry.sub);
    if (known === undefined || signed8(gen - known) > 0) this.#generations[index] = gen;
    this.#allotted.delete(index);
    const deadlineMs = Number.POSITIVE_INFINITY;
    this.#slots[index] = { liver: entry, member: undefined, pendingId: undefined, shown: entry, deadlineMs };
    return [...actions, { do: 'liver', liver: entry, elsewhere: true }];
  }

  remoteLeft({ slot: index, gen, gone }: Of<'remoteLeft'>, untilMs: number): RoomAction[] {
    const slot = this.#slots[index];
    if (slot?.member !== undefined || slot?.liver.gen !== gen) return [];
    if (gone) return this.#free(slot);
    slot.deadlineMs = untilMs;
    return [];
  }

  evicted({ slot: index, gen }: Of<'evicted'>): RoomAction[] {
    const slot = this.#slots[index];
    if (slot?.member === undefined || slot.liver.gen !== gen) return [];
    const { session } = slot.member;
    const actions = this.end(slot.member, GIVEN_AWAY);
    return [...actions, { do: 'closeSession', session, code: 'overloaded', reason: GIVEN_AWAY }];
  }

  synced({ session, slot: index, gen }: Of<'synced'>): RoomAction[] {
    const slot = this.#waiting(session, index, gen);
    if (!slot) return [];
    const id = slot.pendingId!;
    slot.pendingId = undefined;
    slot.shown = slot.liver;
    return [
      { do: 'publishing', session, id, slot: index, gen },
      { do: 'liver', liver: slot.liver },
    ];
  }

  unsynced({ session, slot: index, gen }: Of<'unsynced'>): RoomAction[] {
    const slot = this.#waiting(session, index, gen);
    return slot ? this.#giveUp(slot, session, slot.pendingId!) : [];
  }

  unpublish(member: Member, id: number): RoomAction[] {
    const [first, ...rest] = this.end(member, 'unpublished');
    // The media stops, then the answer, then the room hears of it.
    return first ? [first, done(member.session, id), ...rest] : [done(member.session, id)];
  }

  /** The session publishes no more, and the slot is free. */
  end(member: Member, why: string): RoomAction[] {
    const asked = this.#asking.get(member);
    if (asked) {
      this.#asking.delete(member);
      return [refuse(member.session, asked.event.id, 'closed', why)];
    }
    const slot = this.#of(member);
    if (!slot) return [];
    const actions: RoomAction[] = [{ do: 'mediaUnpublish', slot: slot.liver.slot }];
    if (slot.pendingId !== undefined) actions.push(refuse(member.session, slot.pendingId, 'closed', why));
    actions.push(...this.#free(slot));
    return actions;
  }

  /** The session is gone. `untilMs`: the slot stays announced for so long, unless it never was. */
  lose(member: Member, untilMs: number | undefined): RoomAction[] {
    this.#asking.delete(member);
    const slot = this.#of(member);
    if (!slot) return [];
    const stop: RoomAction = { do: 'mediaUnpublish', slot: slot.liver.slot };
    if (untilMs === undefined || !slot.shown) return [stop, ...this.#free(slot)];
    slot.member = undefined;
    slot.pendingId = undefined;
    slot.deadlineMs = untilMs;
    member.slot = undefined;
    return [stop];
  }

  /** A slot that lingers for this person is free at once. */
  dropLingering(sub: string): RoomAction[] {
    const slot = this.#slots.find((s) => s?.liver.sub === sub && s.member === undefined && s.deadlineMs < Infinity);
    return slot ? this.#free(slot) : [];
  }

  tick(nowMs: number): RoomAction[] {
    const actions: RoomAction[] = [];
    for (const [index, { untilMs }] of this.#allotted) if (nowMs >= untilMs) this.#allotted.delete(index);
    for (const [member, { event, deadlineMs }] of this.#asking) {
      if (nowMs < deadlineMs) continue;
      this.#asking.delete(member);
      actions.push(refuse(member.session, event.id, 'overloaded', 'nobody gives slots of this room now'));
    }
    for (const slot of this.#slots) {
      if (!slot || nowMs < slot.deadlineMs) continue;
      if (slot.member === undefined) actions.push(...this.#free(slot));
      else if (slot.pendingId !== undefined) actions.push(...this.#giveUp(slot, slot.member.session, slot.pendingId));
    }
    return actions;
  }

  #of(member: Member): Slot | undefined {
    return member.slot === undefined ? undefined : this.#slots[member.slot];
  }

  /** Undefined: the slot was given up, or given away, while the clock was syncing. */
  #waiting(session: SessionKey, index: number, gen: number): Slot | undefined {
    const slot = this.#slots[index];
    if (slot?.member?.session !== session || slot.liver.gen !== gen || slot.pendingId === undefined) return undefined;
    return slot;
  }

  /** A second `publish` of one session changes its configs; media and generation go on. */
  #republish(own: Slot, event: Of<'publish'>): RoomAction[] {
    const { slot, gen, sub, name } = own.liver;
    if (own.pendingId !== undefined) {
      own.pendingId = event.id;
      own.liver = liver({ slot, gen, sub, name, ...mediaOf(event) });
      return [];
    }
    own.liver = liver({ slot, gen, sub, name, ...mediaOf(event) });
    own.shown = own.liver;
    return [
      { do: 'publishing', session: event.session, id: event.id, slot, gen },
      { do: 'liver', liver: own.liver },
    ];
  }

  #slotFor(sub: string): number {
    const former = this.#slots.findIndex((slot, n) => slot?.liver.sub === sub || this.#allotted.get(n)?.sub === sub);
    if (former >= 0) return former;
    const free = (slot: Slot | undefined, n: number) => slot === undefined && !this.#allotted.has(n);
    // Who does not give the slots takes from the other end: those are the least likely to be somebody's where it cannot see.
    return this.authority ? this.#slots.findIndex(free) : this.#slots.findLastIndex(free);
  }

  #giveUp(slot: Slot, session: SessionKey, id: number): RoomAction[] {
    return [
      { do: 'mediaUnpublish', slot: slot.liver.slot },
      refuse(session, id, 'internal', 'the clock could not be synced: are probes answered?'),
      ...this.#free(slot),
    ];
  }

  #free(slot: Slot): RoomAction[] {
    this.#slots[slot.liver.slot] = undefined;
    if (slot.member) slot.member.slot = undefined;
    return slot.shown ? [{ do: 'left', slot: slot.shown.slot, gen: slot.shown.gen }] : [];
  }
}

/** Generations count modulo 256. */
function signed8(value: number): number {
  return (value << 24) >> 24;
}

const mediaOf = ({ motion, voice, info }: Of<'publish'>) => ({ motion, voice, info });

function liver(
  fields: { [K in keyof Liver]-?: Liver[K] | undefined } & { slot: number; gen: number; sub: string },
): Liver {
  const out: Liver = { slot: fields.slot, gen: fields.gen, sub: fields.sub };
  if (fields.name !== undefined) out.name = fields.name;
  if (fields.motion) out.motion = fields.motion;
  if (fields.voice) out.voice = fields.voice;
  if (fields.info !== undefined) out.info = fields.info;
  return out;
}
