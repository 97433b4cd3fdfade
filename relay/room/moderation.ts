import type { Code } from '@hayate/codec/messages';
import type { Person } from './people.ts';
import type { Command } from './types.ts';

/** More people than this are not muted at once. */
const MAX_MUTES = 4096;

export interface Refusal {
  code: Code;
  message: string;
}

/** Which fields an action must have. */
const NEEDED: Record<Command['action'], readonly ('sub' | 'seconds')[]> = {
  mute: ['sub'],
  unmute: ['sub'],
  kick: ['sub'],
  ban: ['sub'],
  unban: ['sub'],
  slow: ['seconds'],
  delete: [],
  grant: ['sub'],
  deny: ['sub'],
  unseat: ['sub'],
  host: ['sub'],
  close: [],
};

/** They want somebody who is here. */
const PRESENT: readonly Command['action'][] = ['mute', 'kick', 'grant', 'deny', 'unseat', 'host'];
/** They spare livers and moderators. */
const SPARING: readonly Command['action'][] = ['mute', 'kick', 'ban'];

export interface Judged {
  command: Command;
  /** Who the command is about, where they are here. */
  person: Person | undefined;
  host: string | undefined;
  /** The service API asks: nobody is spared. */
  service: boolean;
}

/** Why a moderator's command is not to be carried out; undefined: it is. */
export function refusalOf({ command, person, host, service }: Judged): Refusal | undefined {
  const { action } = command;
  const missing = NEEDED[action].find((field) => command[field] === undefined);
  if (missing) return { code: 'invalid_argument', message: `${action} needs ${missing}` };
  if (command.sub !== undefined && !isSub(command.sub)) return { code: 'invalid_argument', message: 'no such sub' };
  if (action === 'delete' && (command.n === undefined) === (command.sub === undefined)) {
    return { code: 'invalid_argument', message: 'delete needs either n or sub' };
  }
  if (!person && PRESENT.includes(action)) return { code: 'no_such_member', message: 'nobody of that sub is here' };
  if (!service && person && SPARING.includes(action) && isProtected(person, host)) {
    return { code: 'not_permitted', message: 'livers and moderators are for the service API' };
  }
  return undefined;
}

/** As tokens have it. */
function isSub(text: string): boolean {
  return text.length > 0 && text.length <= 128;
}

/** Of somebody who looks after the room, by token or as its host. */
function isProtected(person: Person, host: string | undefined): boolean {
  if (person.sub === host) return true;
  for (const { identity } of person.members) {
    if (identity.roles.some((role) => role !== 'viewer') || identity.permissions.includes('moderate')) return true;
  }
  return false;
}

/** Who may not comment or react for now. */
export class Mutes {
  readonly #until = new Map<string, number>();

  /** `seconds` undefined: as long as the room lives. False: too many are muted already. */
  add(sub: string, seconds: number | undefined, nowMs: number): boolean {
    if (!this.#until.has(sub) && this.#until.size >= MAX_MUTES) return false;
    this.#until.set(sub, seconds === undefined ? Number.POSITIVE_INFINITY : nowMs + seconds * 1000);
    return true;
  }

  remove(sub: string): void {
    this.#until.delete(sub);
  }

  has(sub: string, nowMs: number): boolean {
    const untilMs = this.#until.get(sub);
    return untilMs !== undefined && nowMs < untilMs;
  }

  tick(nowMs: number): void {
    for (const [sub, untilMs] of this.#until) if (untilMs <= nowMs) this.#until.delete(sub);
  }
}
