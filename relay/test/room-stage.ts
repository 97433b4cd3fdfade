import type { Moderation, RelayMessage } from '@hayate/codec/messages';
import { Room } from '../room/room.ts';
import type { Command, Identity, RoomAction, RoomEvent, RoomLimits } from '../room/types.ts';
import type { Role } from '../token/token.ts';
import { identity } from './identity.ts';

const STAGE_LIMITS: RoomLimits = { maxViewers: 200, lingerMs: 5000, emptyMs: 30_000 };

/** One room in simulated time, and the messages that it has its sessions told. */
export class RoomStage {
  nowMs = 1000;
  readonly room: Room;
  /** Of `tell` and `news`, by session. */
  readonly heard = new Map<number, RelayMessage[]>();
  #id = 100;

  constructor(limits: Partial<RoomLimits> = {}) {
    this.room = new Room({ ...STAGE_LIMITS, ...limits }, this.nowMs);
  }

  /** Events that the edge owes are not sent: sessions that are to close stay until `leave`. */
  send(event: RoomEvent): RoomAction[] {
    const actions = this.room.handle(event, this.nowMs);
    for (const action of actions) {
      if (action.do !== 'tell' && action.do !== 'news') continue;
      for (const session of action.to) this.messages(session).push(action.message);
    }
    return actions;
  }

  /** What this session was told. */
  messages(session: number): RelayMessage[] {
    const list = this.heard.get(session) ?? [];
    this.heard.set(session, list);
    return list;
  }

  /** As `messages`, and forgets them. */
  take(session: number): RelayMessage[] {
    const list = this.messages(session);
    this.heard.delete(session);
    return list;
  }

  join(session: number, who: { sub?: string; roles?: Role[]; isNew?: boolean; resume?: number } = {}): RoomAction[] {
    const { sub = `s${session}`, roles = ['viewer'], isNew, resume } = who;
    return this.send({
      type: 'join',
      session,
      identity: this.identity(sub, roles),
      ...(isNew === undefined ? {} : { isNew }),
      ...(resume === undefined ? {} : { resume }),
    });
  }

  identity(sub: string, roles: Role[]): Identity {
    return identity(sub, roles);
  }

  leave(session: number, clean = true): RoomAction[] {
    return this.send({ type: 'leave', session, clean });
  }

  lose(session: number): RoomAction[] {
    return this.leave(session, false);
  }

  presence(session: number): RoomAction[] {
    return this.send({ type: 'presence', session, id: this.#id++, on: true });
  }

  speak(session: number, want = true): RoomAction[] {
    return this.send({ type: 'speak', session, id: this.#id++, want });
  }

  moderate(session: number, action: Moderation, fields: Omit<Command, 'action'> = {}): RoomAction[] {
    return this.send({ type: 'moderate', session, id: this.#id++, command: { action, ...fields } });
  }

  /** Publishes and syncs; undefined where it was refused. */
  live(session: number): { slot: number; gen: number } | undefined {
    const asked = this.send({ type: 'publish', session, id: this.#id++ }).find((a) => a.do === 'mediaPublish');
    if (!asked) return undefined;
    const { slot, gen } = asked;
    this.send({ type: 'synced', session, slot, gen });
    return { slot, gen };
  }

  /** Lets time pass, a tick each second. */
  pass(ms: number): RoomAction[] {
    const actions: RoomAction[] = [];
    for (let left = ms; left > 0; left -= 1000) {
      this.nowMs += Math.min(left, 1000);
      actions.push(...this.send({ type: 'tick' }));
    }
    return actions;
  }
}

/** The code of the refusal among these; undefined: there is none. */
export function refusedWith(actions: readonly RoomAction[]): string | undefined {
  return actions.find((a) => a.do === 'refuse')?.code;
}
