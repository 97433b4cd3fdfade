import { hash } from 'node:crypto';
import type { LedgerRecord } from './types.ts';

export const CHECKSUM_BYTES = 16;

/** What a room's first record is chained to. */
export const CHAIN_START: Uint8Array = new Uint8Array(CHECKSUM_BYTES);

/**
 * SHA-256, cut to 16 bytes, over the room's checksum before and every field in a fixed order: a changed, exchanged or
 * missing record breaks its room's chain.
 */
export function checksumOf(record: LedgerRecord, before: Uint8Array): Uint8Array {
  const fields = JSON.stringify([
    record.id,
    record.room,
    record.sequence,
    record.kind,
    record.key,
    record.atMs,
    record.sender,
    record.liver,
    record.item,
    record.currency,
    record.reg,
    record.amount,
    record.shownAtMs,
    record.gift,
    record.reason,
  ]);
  const chained = Buffer.from(before.buffer, before.byteOffset, before.byteLength).toString('hex');
  return hash('sha256', chained + fields, 'buffer').subarray(0, CHECKSUM_BYTES);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
