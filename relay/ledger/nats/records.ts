import type { Amendment, GiftTicket, LedgerRecord, Receipt } from '../types.ts';
import type { Entry } from './store.ts';

/** A record as it lies in the stream: its sequence there is its id. */
export type RecordBody = Omit<LedgerRecord, 'id' | 'sequence'> & {
  /** Of the call that wrote it: tells an answer that got lost from a repeat. */
  nonce: string;
  /** Of an amendment: what is taken back of the gift, this included. */
  taken?: number;
};

export function giftBody(ticket: GiftTicket, atMs: number, nonce: string): RecordBody {
  const { jti, shownAtMs, room, sender, liver, item, currency, reg, amount } = ticket;
  const of = { room, sender, liver, item, currency, reg, amount, shownAtMs: shownAtMs ?? null };
  return { ...of, kind: 'gift', key: jti, atMs, gift: null, reason: null, nonce };
}

export function amendmentBody(
  gift: RecordBody,
  amendment: Amendment,
  taken: number,
  atMs: number,
  nonce: string,
): RecordBody {
  const { kind, key, reason } = amendment;
  const amount = kind === 'void' ? gift.amount : amendment.amount;
  return { ...gift, kind, key, reason, amount, atMs, shownAtMs: null, gift: gift.key, taken, nonce };
}

export function recordOf({ sequence: id, body }: Entry<RecordBody>): LedgerRecord {
  const { nonce: _, taken: __, ...record } = body;
  return { ...record, id, sequence: null };
}

export function receiptOf({ sequence: id, body }: Entry<RecordBody>, repeat: boolean): Receipt {
  return { id, room: body.room, sequence: null, atMs: body.atMs, repeat };
}
