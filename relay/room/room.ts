import type { Code, Liver, Permission } from '@hayate/codec/messages';
import type { Identity, RoomAction, RoomEvent, RoomLimits, SessionKey } from './types.ts';

const MAX_SLOTS = 8;
/** Who joined, commented or gave so lately is in conversation: answers to them must not wait. */
const CONVERSATION_MS = 10_000;
/** A publisher that does not answer probes must not hold a slot for ever. */
const SYNC_MS = 10_000;

interface Member {
  identity: Identity;
  /** Slot that this session publishes on. */
  slot: number | undefined;
  watching: boolean;
  /** When the session began to watch, commented or gave last. */
  activeMs: number;
}

interface Slot {
  liver: Liver;
  /** Undefined while the slot lingers after an abrupt loss. */
  session: SessionKey | undefined;
  /** Id of the `publish` that waits for the clock; undefined once answered. */
  pendingId: number | undefined;
  /** What the room was told; of a returning liver the entry from before, until the new one is synced. */
  shown: Liver | undefined;
  /** While lingering: when to give up. While pending: when the clock must be synced. */
  deadlineMs: number;
}

/**
 * The rules of one room, without I/O and without a clock: `handle(event, nowMs)` changes the state and says what to do.
 * Every event but `tick` costs O(1) here, apart from the eight slots; who is told of a change is the caller's loop.
 */
export class Room {
  readonly #limits: RoomLimits;
  readonly #members = new Map<SessionKey, Member>();
  readonly #slots: (Slot | undefined)[] = new Array(MAX_SLOTS).fill(undefined);
  /** Last generation used on each slot; survives the livers, so that a slot's next one is always newer. */
  readonly #generations = new Uint8Array(MAX_SLOTS);
  #viewers = 0;
  #emptySinceMs: number;
  #closed = false;

  constructor(limits: RoomLimits, nowMs: number) {
    this.#limits = limits;
    this.#emptySinceMs = nowMs;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  get viewerCount(): number {
    return this.#viewers;
  }

  /** Livers whose media flows or lingers, lowest slot first. */
  livers(): Liver[] {
    return this.#slots.flatMap((slot) => slot?.shown ?? []);
  }

  /** Slots that a present session publishes on, for reports; `frameMs` of its voice, if it has one. */
  *publishers(): Generator<{ slot: number; session: SessionKey; frameMs: number | undefined }> {
    for (const slot of this.#slots) {
      if (slot?.session !== undefined && slot.pendingId === undefined)
        yield { slot: slot.liver.slot, session: slot.session, frameMs: slot.liver.voice?.frameMs };
    }
  }

  /** Joined, commented or gave in the last 10 s, or a liver among others. */
  conversing(session: SessionKey, nowMs: number): boolean {
    const member = this.#members.get(session);
    if (!member) return false;
    if (nowMs - member.activeMs < CONVERSATION_MS) return true;
    return member.slot !== undefined && this.#slots.some((slot) => slot !== undefined && slot.session !== session);
  }

  /** Why this session may not; undefined: it may. */
  refusal(session: SessionKey, permission: Permission): 'not_permitted' | undefined {
    return this.#members.get(session)?.identity.permissions.includes(permission) ? undefined : 'not_permitted';
  }

  members(): IterableIterator<SessionKey> {
    return this.#members.keys();
  }

  handle(event: RoomEvent, nowMs: number): RoomAction[] {
    switch (event.type) {
      case 'join':
        return this.#join(event);
      case 'leave':
        return this.#leave(event, nowMs);
      case 'publish':
        return this.#publish(event, nowMs);
      case 'synced':
        return this.#synced(event);
      case 'unsynced':
        return this.#unsynced(event);
      case 'unpublish':
        return this.#unpublish(event);
      case 'watch':
        return this.#watch(event, nowMs);
      case 'unwatch':
        return this.#unwatch(event);
      case 'active':
        this.#active(event.session, nowMs);
        return [];
      case 'close':
        this.#closed = true;
        return [...this.#members.keys()].map((session) => ({
          do: 'closeSession',
          session,
          code: 'room_closed',
          reason: 'the room was closed',
        }));
      case 'tick':
        return this.#tick(nowMs);
    }
  }

  #join({ session, identity }: Extract<RoomEvent, { type: 'join' }>): RoomAction[] {
    if (this.#closed) {
      return [{ do: 'closeSession', session, code: 'room_closed', reason: 'the room was closed' }];
    }
    if (this.#members.size >= this.#limits.maxViewers + MAX_SLOTS) {
      return [{ do: 'closeSession', session, code: 'room_full', reason: 'the room has no place left' }];
    }
    this.#members.set(session, {
      identity,
      slot: undefined,
      watching: false,
      activeMs: Number.NEGATIVE_INFINITY,
    });
    return [{ do: 'welcome', session, identity, livers: this.livers() }];
  }

  #leave({ session, clean }: Extract<RoomEvent, { type: 'leave' }>, nowMs: number): RoomAction[] {
    const member = this.#members.get(session);
    if (!member) return [];
    const actions: RoomAction[] = [];
    if (member.watching) {
      this.#viewers -= 1;
      actions.push({ do: 'mediaLeave', session });
    }
    const slot = member.slot === undefined ? undefined : this.#slots[member.slot];
    if (slot) {
      actions.push({ do: 'mediaUnpublish', slot: slot.liver.slot });
      if (clean || !slot.shown) {
        actions.push(...this.#free(slot));
      } else {
        slot.session = undefined;
        slot.pendingId = undefined;
        slot.deadlineMs = nowMs + this.#limits.lingerMs;
      }
    }
    this.#members.delete(session);
    if (this.#members.size === 0) this.#emptySinceMs = nowMs;
    return actions;
  }

  #publish(event: Extract<RoomEvent, { type: 'publish' }>, nowMs: number): RoomAction[] {
    const { session, id } = event;
    const member = this.#members.get(session);
    if (!member) return [];
    if (!member.identity.permissions.includes('publish')) {
      return [refuse(session, id, 'not_permitted', 'the token does not permit to publish')];
    }
    const own = member.slot === undefined ? undefined : this.#slots[member.slot];
    if (own) return this.#republish(own, event);

    const actions: RoomAction[] = [];
    const index = this.#slotFor(member.identity.sub);
    if (index < 0) return [refuse(session, id, 'room_full', `all ${MAX_SLOTS} slots are taken`)];
    const former = this.#slots[index];
    if (former?.session !== undefined) {
      // The same person on a new connection while the old one has not died yet: the new one wins.
      const old = this.#members.get(former.session);
      if (old) old.slot = undefined;
      actions.push({ do: 'mediaUnpublish', slot: index });
      actions.push({
        do: 'closeSession',
        session: former.session,
        code: 'closed',
        reason: 'replaced by a newer session of the same sub',
      });
    }
    const gen = (this.#generations[index]! + 1) & 0xff;
    this.#generations[index] = gen;
    const { sub, name } = member.identity;
    this.#slots[index] = {
      liver: liver({ slot: index, gen, sub, name, motion: event.motion, voice: event.voice }),
      session,
      pendingId: id,
      shown: former?.shown,
      deadlineMs: nowMs + SYNC_MS,
    };
    member.slot = index;
    actions.push({ do: 'mediaPublish', session, slot: index, gen });
    return actions;
  }

  /** A second `publish` of one session changes its configs; media and generation go on. */
  #republish(own: Slot, event: Extract<RoomEvent, { type: 'publish' }>): RoomAction[] {
    const { slot, gen, sub, name } = own.liver;
    if (own.pendingId !== undefined) {
      return [refuse(event.session, event.id, 'protocol_error', 'a publish is under way')];
    }
    own.liver = liver({ slot, gen, sub, name, motion: event.motion, voice: event.voice });
    own.shown = own.liver;
    return [
      { do: 'publishing', session: event.session, id: event.id, slot, gen },
      { do: 'liver', liver: own.liver },
    ];
  }

  #slotFor(sub: string): number {
    const former = this.#slots.findIndex((s) => s?.liver.sub === sub);
    return former >= 0 ? former : this.#slots.indexOf(undefined);
  }

  #synced({ session, slot: index, gen }: Extract<RoomEvent, { type: 'synced' }>): RoomAction[] {
    const slot = this.#slots[index];
    // The slot may have been given up, or given away, while the clock was syncing.
    if (slot?.session !== session || slot.liver.gen !== gen || slot.pendingId === undefined) return [];
    const id = slot.pendingId;
    slot.pendingId = undefined;
    slot.shown = slot.liver;
    return [
      { do: 'publishing', session, id, slot: index, gen },
      { do: 'liver', liver: slot.liver },
    ];
  }

  #unsynced({ session, slot: index, gen }: Extract<RoomEvent, { type: 'unsynced' }>): RoomAction[] {
    const slot = this.#slots[index];
    if (slot?.session !== session || slot.liver.gen !== gen || slot.pendingId === undefined) return [];
    return this.#giveUp(slot, session, slot.pendingId);
  }

  #giveUp(slot: Slot, session: SessionKey, id: number): RoomAction[] {
    return [
      { do: 'mediaUnpublish', slot: slot.liver.slot },
      refuse(session, id, 'internal', 'the clock could not be synced: are probes answered?'),
      ...this.#free(slot),
    ];
  }

  #unpublish({ session, id }: Extract<RoomEvent, { type: 'unpublish' }>): RoomAction[] {
    const member = this.#members.get(session);
    if (!member) return [];
    const slot = member.slot === undefined ? undefined : this.#slots[member.slot];
    if (!slot) return [{ do: 'done', session, id }];
    const actions: RoomAction[] = [{ do: 'mediaUnpublish', slot: slot.liver.slot }];
    if (slot.pendingId !== undefined) actions.push(refuse(session, slot.pendingId, 'closed', 'unpublished'));
    actions.push({ do: 'done', session, id }, ...this.#free(slot));
    return actions;
  }

  #watch({ session, id }: Extract<RoomEvent, { type: 'watch' }>, nowMs: number): RoomAction[] {
    const member = this.#members.get(session);
    if (!member) return [];
    const done: RoomAction = { do: 'done', session, id };
    if (member.watching) return [done];
    if (!member.identity.permissions.includes('watch')) {
      return [refuse(session, id, 'not_permitted', 'the token does not permit to watch')];
    }
    if (this.#viewers >= this.#limits.maxViewers) {
      return [refuse(session, id, 'room_full', `the room has its ${this.#limits.maxViewers} viewers`)];
    }
    member.watching = true;
    member.activeMs = nowMs;
    this.#viewers += 1;
    return [done, { do: 'mediaJoin', session }];
  }

  #unwatch({ session, id }: Extract<RoomEvent, { type: 'unwatch' }>): RoomAction[] {
    const member = this.#members.get(session);
    if (!member) return [];
    const done: RoomAction = { do: 'done', session, id };
    if (!member.watching) return [done];
    member.watching = false;
    this.#viewers -= 1;
    return [{ do: 'mediaLeave', session }, done];
  }

  #active(session: SessionKey, nowMs: number): void {
    const member = this.#members.get(session);
    if (member) member.activeMs = nowMs;
  }

  #tick(nowMs: number): RoomAction[] {
    const actions: RoomAction[] = [];
    for (const slot of this.#slots) {
      if (!slot || nowMs < slot.deadlineMs) continue;
      if (slot.session === undefined) actions.push(...this.#free(slot));
      else if (slot.pendingId !== undefined) actions.push(...this.#giveUp(slot, slot.session, slot.pendingId));
    }
    if (this.#members.size === 0 && (this.#closed || nowMs - this.#emptySinceMs >= this.#limits.emptyMs)) {
      actions.push({ do: 'vanish' });
    }
    return actions;
  }

  #free(slot: Slot): RoomAction[] {
    this.#slots[slot.liver.slot] = undefined;
    const member = slot.session === undefined ? undefined : this.#members.get(slot.session);
    if (member) member.slot = undefined;
    return slot.shown ? [{ do: 'left', slot: slot.shown.slot, gen: slot.shown.gen }] : [];
  }
}

function refuse(session: SessionKey, id: number, code: Code, message: string): RoomAction {
  return { do: 'refuse', session, id, code, message };
}

function liver(
  fields: { [K in keyof Liver]-?: Liver[K] | undefined } & { slot: number; gen: number; sub: string },
): Liver {
  const out: Liver = { slot: fields.slot, gen: fields.gen, sub: fields.sub };
  if (fields.name !== undefined) out.name = fields.name;
  if (fields.motion) out.motion = fields.motion;
  if (fields.voice) out.voice = fields.voice;
  return out;
}
