import type { HayateError } from '@hayate/codec/errors';
import { type Code, codeError, rowOf } from '@hayate/codec/messages';
import type { Community } from '../community/index.ts';
import type { Command, RoomAction } from '../room/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { HostedRoom } from './rooms.ts';
import type { Sessions } from './sessions.ts';

export interface ModeratorOptions {
  sessions: Sessions;
  community: Community;
  counters: Counters;
  /** Since 1970, ms. */
  dateMs(): number;
}

type Of<D extends RoomAction['do']> = Extract<RoomAction, { do: D }>;

/** What moderators' commands do outside the room's rules: bans, the audit log, kept comments. */
export class Moderator {
  readonly #options: ModeratorOptions;

  constructor(options: ModeratorOptions) {
    this.#options = options;
  }

  /** The ban holds at once; its answer waits for the disk. */
  async ban(hosted: HostedRoom, { session, id, sub, seconds, reason, by }: Of<'ban'>): Promise<void> {
    const { community, dateMs } = this.#options;
    const untilMs = seconds === undefined ? null : dateMs() + seconds * 1000;
    const request = { room: hosted.name, subject: sub, reason, untilMs };
    await this.#answer(session, id, community.ban(request, { via: 'session', actor: by }));
    this.#options.counters.add('moderations', 'ban');
  }

  async unban(hosted: HostedRoom, { session, id, sub, by }: Of<'unban'>): Promise<void> {
    const { community } = this.#options;
    await this.#answer(session, id, community.unban(hosted.name, sub, { via: 'session', actor: by }));
    this.#options.counters.add('moderations', 'unban');
  }

  audit({ name }: HostedRoom, { command, by }: Of<'audit'>): void {
    this.#options.counters.add('moderations', command.action);
    void this.#options.community.audit({ ...auditEntry(name, command), via: 'session', actor: by });
  }

  deleteComments(hosted: HostedRoom, { session, id, n, sub, by }: Of<'deleteComments'>): void {
    if (!deleteComments(hosted, { n, sub })) {
      this.refuse(session, id, 'no_such_comment', 'no such comment is kept');
      return;
    }
    this.#options.sessions.of(session)?.send({ t: 'done', id });
    const which = n === undefined ? { sub: sub! } : { n };
    this.audit(hosted, { do: 'audit', command: { action: 'delete', ...which }, by });
  }

  /** An answer on the control stream; a session that is gone needs none. */
  refuse(session: number, id: number, code: Code, message: string): void {
    this.#options.counters.add('refused', code);
    this.#options.sessions.of(session)?.refuse(id, code, message, codeError(code, '').retryable);
  }

  async #answer(session: number, id: number, durable: Promise<unknown>): Promise<void> {
    try {
      await durable;
      this.#options.sessions.of(session)?.send({ t: 'done', id });
    } catch (error) {
      const row = rowOf(error);
      this.refuse(session, id, row?.code ?? 'internal', row ? (error as HayateError).message : 'a fault of the relay');
    }
  }
}

/** A command's line in the audit log, but for who gave it. */
export function auditEntry(room: string, { action, sub, n, seconds, reason }: Command) {
  const detail = [seconds === undefined ? '' : `${seconds} s`, reason ?? ''].filter((part) => part !== '').join(': ');
  const target = sub ?? (n === undefined ? null : String(n));
  return { room, action, target, detail: detail || null };
}

/** False: this comment is not kept. All of a person may be none. */
export function deleteComments(
  { comments }: HostedRoom,
  which: { n?: number | undefined; sub?: string | undefined },
): boolean {
  if (which.n !== undefined) return comments.deleteComment(which.n);
  if (which.sub !== undefined) comments.deleteOf(which.sub);
  return true;
}
