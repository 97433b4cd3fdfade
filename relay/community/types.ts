import type { Moderation } from '@hayate/codec/messages';

/**
 * What a relay remembers of its rooms' people over restarts. Rooms and subjects (`sub` of tokens) are texts of 1 to 128
 * characters, times ms since 1970.
 */
export interface Ban {
  room: string;
  subject: string;
  /** Who banned: a `sub`, or what the backend's request named. */
  by: string;
  reason: string;
  atMs: number;
  /** Null: for ever. */
  untilMs: number | null;
}

/** Tokens that open nothing any more, though their signature is good and their time not over. */
export type Revocation = {
  by: string;
  reason: string;
  atMs: number;
  /** When the last token that it means has expired: it is forgotten then. */
  untilMs: number;
} & (
  | { kind: 'token'; jti: string }
  /** Every token of the subject that was issued up to then; one without `iat` too. */
  | { kind: 'subject'; subject: string; notBeforeMs: number }
);

/** `api`: the service API. `session`: a message on a control stream. */
type AuditVia = 'api' | 'session';

/** What `moderate` asks for, and what only the service API does. */
type AuditAction = Moderation | 'revoke' | 'unrevoke';

export interface AuditEntry {
  /** From 1, rising: the cursor. */
  id: number;
  atMs: number;
  /** Null: of no one room. */
  room: string | null;
  via: AuditVia;
  actor: string;
  action: AuditAction;
  /** A `sub`, a `jti`, or a comment's number. */
  target: string | null;
  /** What else there is to know, in words. At most 1000 characters. */
  detail: string | null;
}

export type NewAuditEntry = Omit<AuditEntry, 'id'>;

export interface AuditQuery {
  room?: string | undefined;
  actor?: string | undefined;
  target?: string | undefined;
  /** Entries with greater ids only. */
  afterId: number;
  /** 1 to 1000. */
  limit: number;
}

/** What an audited action changes. */
export type Change =
  | { do: 'ban'; ban: Ban }
  | { do: 'unban'; room: string; subject: string }
  | { do: 'revoke'; revocation: Revocation }
  | ({ do: 'unrevoke' } & RevocationCursor);

export interface Visit {
  firstAtMs: number;
  /** When the subject was last seen before this; `firstAtMs` on the first visit. */
  lastAtMs: number;
  /** This one included. A return within `VISIT_GAP_MS` is the same visit. */
  count: number;
}

export const VISIT_GAP_MS = 1_800_000;

/** The last one of the page before. */
export type BanCursor = Pick<Ban, 'room' | 'subject'>;

export interface RevocationCursor {
  kind: Revocation['kind'];
  /** The `jti` or subject. */
  value: string;
}

export function cursorOf(revocation: Revocation): RevocationCursor {
  const { kind } = revocation;
  return { kind, value: kind === 'token' ? revocation.jti : revocation.subject };
}

export interface PruneOptions {
  nowMs: number;
  /** Visits last seen before this go. */
  visitsBeforeMs: number;
  /** More visits than this: the oldest go. */
  maxVisits: number;
  auditBeforeMs: number;
  /** Rows of one kind at most, so that others get their turn; call again while it is reached. */
  limit: number;
}

/** Rows that went, by kind. */
export interface Pruned {
  bans: number;
  revocations: number;
  visits: number;
  audit: number;
}

/**
 * Where it is kept. Calls take effect in their order. Every one rejects with HayateError `overloaded` (too many wait) or
 * `internal` (the disk; nothing was written), both retryable.
 */
export interface CommunityStore {
  /** Appends to the audit log and makes the change, in one transaction, durable when it resolves. Gives the entry's id. */
  record(entry: NewAuditEntry, change?: Change): Promise<number>;
  /** Also those that are over, until `prune`. By room and subject. */
  bans(room: string | undefined, after: BanCursor | undefined, limit: number): Promise<Ban[]>;
  /** By kind and value (`jti` or subject); also those that are over, until `prune`. */
  revocations(after: RevocationCursor | undefined, limit: number): Promise<Revocation[]>;
  audit(query: AuditQuery): Promise<AuditEntry[]>;
  /** The subject came. Lost with the machine's power at most, never with the process. */
  visit(room: string, subject: string, nowMs: number): Promise<Visit>;
  /** The subject left: its visit lasted until now. Nothing where it is not known. */
  left(room: string, subject: string, nowMs: number): Promise<void>;
  prune(options: PruneOptions): Promise<Pruned>;
  /** Calls that wait. */
  readonly waiting: number;
  /** Answers what waits. Idempotent. */
  close(): Promise<void>;
}
