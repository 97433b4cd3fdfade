import type { GiftTicket, LedgerRecord, Receipt } from '@hayate/relay/ledger';

export interface Acked {
  ticket: GiftTicket;
  receipt: Receipt;
}

export interface Audit {
  /** Acked, and not there as it was acked. */
  lost: number;
  /** A `jti` with two records, or two records in one place. */
  doubled: number;
  /** Places without a record. */
  gaps: number;
}

/** Compares what a ledger holds with what was acked. */
export function audit(records: readonly LedgerRecord[], acked: Iterable<Acked>): Audit {
  const byJti = new Map<string, LedgerRecord>();
  const places = new Set<string>();
  const heads = new Map<string, number>();
  let doubled = 0;
  for (const each of records) {
    const place = each.sequence === null ? undefined : `${each.room} ${each.sequence}`;
    if (byJti.has(each.key) || (place !== undefined && places.has(place))) doubled++;
    byJti.set(each.key, each);
    if (place !== undefined) places.add(place);
    heads.set(each.room, Math.max(each.sequence ?? 0, heads.get(each.room) ?? 0));
  }
  let lost = 0;
  for (const { ticket, receipt } of acked) {
    const record = byJti.get(ticket.jti);
    const same =
      record &&
      (receipt.id === null || record.id === receipt.id) &&
      record.room === ticket.room &&
      (receipt.sequence === null || record.sequence === receipt.sequence) &&
      // What two disks took may have been in the ledger before.
      (receipt.id === null || record.atMs === receipt.atMs) &&
      record.sender === ticket.sender &&
      record.liver === ticket.liver &&
      record.item === ticket.item &&
      record.amount === ticket.amount;
    if (!same) lost++;
  }
  let expected = 0;
  for (const head of heads.values()) expected += head;
  return { lost, doubled, gaps: Math.max(0, expected - places.size) };
}
