import { codeError } from '@hayate/codec/messages';
import type { Logger } from 'pino';
import type { Counters } from '../telemetry/counters.ts';
import { BanTable } from './bans.ts';
import { RevocationTable, revokes, type TokenMarks } from './revocations.ts';
import {
  type AuditEntry,
  type AuditQuery,
  type Ban,
  type BanCursor,
  type CommunityStore,
  cursorOf,
  type NewAuditEntry,
  type PruneOptions,
  type Revocation,
  type RevocationCursor,
  type Visit,
} from './types.ts';

const PAGE = 1000;
/** Rows that one call of the pruning takes: others wait for about 10 ms. */
const PRUNE_ROWS = 2000;
const PRUNE_EVERY_MS = 600_000;
const DAY_MS = 86_400_000;

interface CommunityLimits {
  visitDays: number;
  maxVisits: number;
  auditDays: number;
}

export interface CommunityOptions {
  /** Closed with the community. */
  store: CommunityStore;
  limits: CommunityLimits;
  counters: Counters;
  log: Logger;
  /** ms since 1970. */
  nowMs?: () => number;
}

/** Who acts. */
export type Actor = Pick<AuditEntry, 'via' | 'actor'>;

export interface BanRequest {
  room: string;
  subject: string;
  reason: string;
  /** Null: for ever. */
  untilMs: number | null;
}

export type RevocationRequest = Pick<Revocation, 'reason' | 'untilMs'> &
  ({ kind: 'token'; jti: string } | { kind: 'subject'; subject: string; notBeforeMs: number });

export interface CommunityEvents {
  /** Ends the live sessions of the subject in the room with `banned`. */
  banned(ban: Ban): void;
  /** Ends the live sessions whose last token is meant with `token_revoked`. */
  revoked(isMeant: (token: TokenMarks) => boolean): void;
}

/**
 * Who is kept out of which room, whose tokens are revoked, who has been here before, and what moderators did. Bans and
 * revocations are in memory too, so that a join asks no disk and a failed disk lets nobody in.
 */
export class Community {
  readonly #options: Required<CommunityOptions>;
  readonly #bans = new BanTable();
  readonly #revocations = new RevocationTable();
  #events: CommunityEvents | undefined;
  #pruning: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(options: CommunityOptions) {
    this.#options = { nowMs: () => Date.now(), ...options };
  }

  /** Reads what holds. @throws HayateError `internal` when the store cannot be read */
  static async open(options: CommunityOptions): Promise<Community> {
    const community = new Community(options);
    await community.#load();
    community.#timer = setInterval(() => void community.prune(), PRUNE_EVERY_MS);
    community.#timer.unref();
    return community;
  }

  /** Who ends live sessions. One at most; set before the first session. */
  subscribe(events: CommunityEvents): void {
    this.#events = events;
  }

  /** Whether this bearer may be here, at `hello` and at `refresh`. @throws HayateError `token_revoked`, `banned` */
  check(token: TokenMarks & { room: string }): void {
    const nowMs = this.#options.nowMs();
    if (this.#revocations.has(token, nowMs)) throw codeError('token_revoked', 'the token is revoked');
    const ban = this.#bans.find(token.room, token.sub, nowMs);
    if (ban) throw codeError('banned', ban.reason === '' ? 'banned from this room' : ban.reason);
  }

  /**
   * The subject came. Undefined where the store gives no answer: that is no reason to let somebody wait or go. `count` 1: new
   * here.
   */
  async visit(room: string, subject: string): Promise<Visit | undefined> {
    const { store, counters, nowMs } = this.#options;
    try {
      return await store.visit(room, subject, nowMs());
    } catch {
      counters.add('community_visits_lost');
      return undefined;
    }
  }

  /** The subject's last session in the room ended. */
  left(room: string, subject: string): void {
    const { store, counters, nowMs } = this.#options;
    store.left(room, subject, nowMs()).catch(() => counters.add('community_visits_lost'));
  }

  /**
   * Holds at once, in memory and for live sessions; resolves when it is durable. A repeat takes the last one's place.
   * @throws HayateError `overloaded` (too many bans), or as the store: then it holds until the relay restarts
   */
  async ban({ room, subject, reason, untilMs }: BanRequest, by: Actor): Promise<Ban> {
    const atMs = this.#options.nowMs();
    const ban = { room, subject, by: by.actor, reason, atMs, untilMs };
    this.#bans.add(ban);
    this.#events?.banned(ban);
    const detail = words([untilMs === null ? 'for ever' : `until ${new Date(untilMs).toISOString()}`, reason]);
    const entry = { atMs, room, ...by, action: 'ban', target: subject, detail } as const;
    await this.#options.store.record(entry, { do: 'ban', ban });
    return ban;
  }

  /** False where there was none. @throws HayateError as the store: then it holds until the relay restarts */
  async unban(room: string, subject: string, by: Actor): Promise<boolean> {
    const atMs = this.#options.nowMs();
    const found = this.#bans.remove(room, subject, atMs);
    const entry = { atMs, room, ...by, action: 'unban', target: subject, detail: null } as const;
    await this.#options.store.record(entry, { do: 'unban', room, subject });
    return found;
  }

  /** As `ban`. @throws HayateError `overloaded` (too many revocations), or as the store */
  async revoke(request: RevocationRequest, by: Actor): Promise<Revocation> {
    const atMs = this.#options.nowMs();
    const revocation: Revocation = { ...request, by: by.actor, atMs };
    this.#revocations.add(revocation);
    this.#events?.revoked((token) => revokes(revocation, token));
    const target = request.kind === 'token' ? request.jti : request.subject;
    const detail = words([request.kind, request.reason]);
    const entry = { atMs, room: null, ...by, action: 'revoke', target, detail } as const;
    await this.#options.store.record(entry, { do: 'revoke', revocation });
    return revocation;
  }

  /** Tokens that it meant are good again. False where there was none. */
  async unrevoke({ kind, value }: RevocationCursor, by: Actor): Promise<boolean> {
    const atMs = this.#options.nowMs();
    const found = this.#revocations.remove({ kind, value });
    const entry = { atMs, room: null, ...by, action: 'unrevoke', target: value, detail: kind } as const;
    await this.#options.store.record(entry, { do: 'unrevoke', kind, value });
    return found;
  }

  /** An action that changes nothing here: `mute`, `kick`, `close`. It was done, whether or not it could be written. */
  async audit(entry: Omit<NewAuditEntry, 'atMs'>): Promise<void> {
    const { store, counters, log, nowMs } = this.#options;
    try {
      await store.record({ atMs: nowMs(), ...entry });
    } catch (error) {
      counters.add('community_audit_lost');
      log.error({ err: error, ...entry }, 'an action of a moderator is not in the audit log');
    }
  }

  /** In force now, by room and subject. `next` undefined: that was the last page. */
  async bans(room: string | undefined, after: BanCursor | undefined, limit: number): Promise<Page<Ban, BanCursor>> {
    const page = await this.#options.store.bans(room, after, limit);
    const nowMs = this.#options.nowMs();
    const last = page.length === limit ? page.at(-1) : undefined;
    return {
      items: page.filter(({ untilMs }) => untilMs === null || untilMs > nowMs),
      next: last && { room: last.room, subject: last.subject },
    };
  }

  /** In force now, by `jti` or subject. */
  async revocations(
    kind: Revocation['kind'],
    after: string | undefined,
    limit: number,
  ): Promise<Page<Revocation, string>> {
    const page = await this.#options.store.revocations({ kind, value: after ?? '' }, limit);
    const nowMs = this.#options.nowMs();
    // By kind first: what is of the other one comes after all of this one.
    const own = page.filter((revocation) => revocation.kind === kind);
    const last = page.length === limit && own.length === limit ? own.at(-1) : undefined;
    return { items: own.filter(({ untilMs }) => untilMs > nowMs), next: last && cursorOf(last).value };
  }

  auditLog(query: AuditQuery): Promise<AuditEntry[]> {
    return this.#options.store.audit(query);
  }

  /** Forgets what is over and what is too old or too much. Runs by itself every 10 minutes. */
  prune(): Promise<void> {
    this.#pruning ??= this.#prune().finally(() => {
      this.#pruning = undefined;
    });
    return this.#pruning;
  }

  stats(): { bans: number; revocations: number; waiting: number } {
    return { bans: this.#bans.size, revocations: this.#revocations.size, waiting: this.#options.store.waiting };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#options.store.close();
  }

  async #load(): Promise<void> {
    const { store, nowMs } = this.#options;
    for (let after: BanCursor | undefined; ; ) {
      const page = await store.bans(undefined, after, PAGE);
      for (const ban of page) if (ban.untilMs === null || ban.untilMs > nowMs()) this.#bans.add(ban);
      if (page.length < PAGE) break;
      after = page.at(-1);
    }
    for (let after: RevocationCursor | undefined; ; ) {
      const page = await store.revocations(after, PAGE);
      for (const revocation of page) if (revocation.untilMs > nowMs()) this.#revocations.add(revocation);
      if (page.length < PAGE) break;
      after = cursorOf(page.at(-1)!);
    }
  }

  async #prune(): Promise<void> {
    const { store, limits, log } = this.#options;
    const nowMs = this.#options.nowMs();
    this.#bans.prune(nowMs);
    this.#revocations.prune(nowMs);
    const options: PruneOptions = {
      nowMs,
      visitsBeforeMs: nowMs - limits.visitDays * DAY_MS,
      maxVisits: limits.maxVisits,
      auditBeforeMs: nowMs - limits.auditDays * DAY_MS,
      limit: PRUNE_ROWS,
    };
    try {
      for (;;) {
        const gone = await store.prune(options);
        if (Math.max(...Object.values(gone)) < PRUNE_ROWS) return;
      }
    } catch (error) {
      log.warn({ err: error }, 'old visits and audit entries stay for now');
    }
  }
}

interface Page<T, Cursor> {
  items: T[];
  next: Cursor | undefined;
}

function words(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(': ');
}
