import type { LedgerRecord } from '@hayate/relay/ledger';
import type { Delivered } from '../lib/app-backend.ts';
import { type Acked, audit } from './audit.ts';

/** What one client was shown of its room, in order. */
export interface Shown {
  room: string;
  gifts: readonly { number: number; jti: string }[];
}

export interface GiftEvidence {
  /** The ledger, by id. */
  records: readonly LedgerRecord[];
  acked: readonly Acked[];
  /** Each watched its room from the first record on. */
  shown: readonly Shown[];
  /** In the order they came. */
  delivered: readonly Delivered[];
}

export interface GiftAudit {
  /** Acked, and not in the ledger as it was acked, or not shown to a client of the room. */
  lost: number;
  /** Twice in the ledger, shown twice to one client, or delivered under two webhook ids. */
  doubled: number;
  /** A client saw its room's sequence go back or leave a place out, or another gift in a place than the ledger has. */
  reordered: number;
  /** In the ledger and never delivered as it is there, or before an earlier one of its room. */
  webhook_missing: number;
}

/** Compares what clients were told, what they were shown, what the ledger holds and what the backend got. */
export function auditGifts({ records, acked, shown, delivered }: GiftEvidence): GiftAudit {
  const ledger = audit(records, acked);
  const places = new Map(records.map((each) => [`${each.room} ${each.sequence}`, each.key]));
  const out: GiftAudit = {
    lost: ledger.lost,
    doubled: ledger.doubled,
    reordered: ledger.gaps,
    webhook_missing: undelivered(records, delivered),
  };
  const ackedOf = Map.groupBy(acked, ({ ticket }) => ticket.room);
  for (const { room, gifts } of shown) {
    const seen = new Set<string>();
    let last = 0;
    for (const { number, jti } of gifts) {
      if (seen.has(jti)) out.doubled++;
      else if (number !== last + 1 || places.get(`${room} ${number}`) !== jti) out.reordered++;
      seen.add(jti);
      last = number;
    }
    for (const { ticket } of ackedOf.get(room) ?? []) if (!seen.has(ticket.jti)) out.lost++;
  }
  for (const ids of Map.groupBy(delivered, ({ data }) => data.key).values()) {
    out.doubled += new Set(ids.map(({ id }) => id)).size - 1;
  }
  return out;
}

/** Records that were never delivered as they are, or before an earlier one of their room. */
export function undelivered(records: readonly LedgerRecord[], delivered: readonly Delivered[]): number {
  const first = new Map<string, { data: LedgerRecord; at: number }>();
  for (const [at, { data }] of delivered.entries()) if (!first.has(data.key)) first.set(data.key, { data, at });
  const latest = new Map<string, number>();
  let count = 0;
  for (const record of records) {
    const got = first.get(record.key);
    const same =
      got &&
      (['id', 'room', 'sequence', 'sender', 'liver', 'item', 'currency', 'amount', 'atMs'] as const).every(
        (field) => got.data[field] === record[field],
      );
    if (!same || got.at < (latest.get(record.room) ?? -1)) count++;
    if (got) latest.set(record.room, Math.max(got.at, latest.get(record.room) ?? -1));
  }
  return count;
}
