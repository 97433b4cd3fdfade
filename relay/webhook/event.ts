import { hash } from 'node:crypto';
import type { LedgerRecord, RecordKind } from '../ledger/types.ts';

/** A ledger record as the backend sees it, the same by webhook and by pull API. */
export type GiftData = LedgerRecord & {
  /** The `webhook-id`: one for each record, for ever. */
  idempotencyKey: string;
};

export interface GiftEvent {
  type: 'gift.given' | 'gift.voided' | 'gift.refunded';
  /** When the record was claimed, ISO 8601 in UTC. */
  timestamp: string;
  data: GiftData;
}

const TYPES = { gift: 'gift.given', void: 'gift.voided', refund: 'gift.refunded' } as const;

/**
 * The idempotency key of a record, from what is claimed for ever: its kind and its `jti` or key. Not from the ledger's id:
 * a ledger restored from a backup gives the ids of what it lost to other gifts, and a lost gift sent again another id.
 */
export function idempotencyKey({ kind, key }: Pick<LedgerRecord, 'kind' | 'key'>): string {
  // A jti may hold any character, a header and the signed text may not.
  return `${kind}_${hash('sha256', key, 'buffer').toString('base64url')}`;
}

export function giftData(record: LedgerRecord): GiftData {
  return { idempotencyKey: idempotencyKey(record), ...record };
}

/** The body of a delivery: a function of the record alone, so that a repeat has the same bytes. */
export function eventBody(record: LedgerRecord): string {
  const event: GiftEvent = {
    type: TYPES[record.kind satisfies RecordKind],
    timestamp: new Date(record.atMs).toISOString(),
    data: giftData(record),
  };
  return JSON.stringify(event);
}
