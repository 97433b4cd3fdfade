import { sameAmendment, sameGift } from '../check.ts';
import { CHAIN_START, checksumOf, sameBytes } from '../checksum.ts';
import { ledgerError } from '../errors.ts';
import type {
  Amendment,
  DeliveryOutcome,
  GiftTicket,
  LedgerHead,
  LedgerQuery,
  LedgerRecord,
  OutboxEntry,
  PlacedRecord,
  ReadCursor,
  ReadPage,
  ReadRecord,
  Receipt,
} from '../types.ts';
import { ledgerFailure } from './failure.ts';
import { type OpenLedger, type OpenOptions, openLedger } from './open.ts';
import { type Row, recordOf, type Statements } from './statements.ts';
import type { Head, Witnessed } from './witness.ts';

/**
 * A ledger's file, synchronously. What writes stands between `begin` and `commit` and is durable when `commit` returns.
 * Nothing is kept in memory between transactions, so other processes may write too. Arguments are checked by the caller.
 */
export class LedgerStore {
  readonly #open: OpenLedger;
  readonly #sql: Statements;
  /** The last record, once this transaction asked for it. */
  #tail: Head | undefined;
  #appended = false;
  #changed = false;
  /** What is durable. */
  #last: Witnessed;

  /** @throws HayateError of `ledgerCodes` */
  constructor(path: string, options?: OpenOptions) {
    try {
      this.#open = openLedger(path, options);
    } catch (error) {
      throw ledgerFailure(error);
    }
    this.#sql = this.#open.statements;
    this.#last = this.#open.last;
  }

  begin(): void {
    this.#open.db.exec('BEGIN IMMEDIATE');
    this.#forget();
  }

  commit(): void {
    const mark = this.#changed && !this.#appended ? (this.#sql.mark.get() as { mark: number }) : undefined;
    this.#open.db.exec('COMMIT');
    if (this.#appended || mark) {
      this.#last = { ...this.#last, ...(this.#appended ? this.#tail : {}), ...mark };
      this.#open.witness.write(this.#last);
    }
    this.#forget();
  }

  /** Also after a failed `commit`; SQLite may have rolled back by itself. */
  rollback(): void {
    if (this.#open.db.isTransaction) this.#open.db.exec('ROLLBACK');
    this.#forget();
  }

  claim(ticket: GiftTicket, nowMs: number): Receipt {
    const first = this.find(ticket.jti);
    if (first) {
      if (!sameGift(first, ticket)) throw ledgerError('gift_conflict', `${ticket.jti} was claimed with other content`);
      return repeatOf(first);
    }
    const { jti, shownAtMs, room, sender, liver, item, currency, reg, amount } = ticket;
    const of = { room, sender, liver, item, currency, reg, amount, shownAtMs: shownAtMs ?? null };
    return this.#append({ ...of, kind: 'gift', key: jti, atMs: nowMs, gift: null, reason: null });
  }

  amend(amendment: Amendment, nowMs: number): Receipt {
    const first = this.#byKey(amendment.kind, amendment.key);
    if (first) {
      if (sameAmendment(first, amendment)) return repeatOf(first);
      throw ledgerError('gift_conflict', `${amendment.key} was used with other content`);
    }
    const gift = this.find(amendment.gift);
    if (!gift) throw ledgerError('gift_unknown', `no gift ${amendment.gift}`);
    const { taken } = this.#sql.taken.get(gift.key) as { taken: number };
    const left = gift.amount - taken;
    const amount = amendment.kind === 'void' ? gift.amount : amendment.amount;
    if (amount > left) throw ledgerError('gift_amended', `${left} of ${gift.amount} are left of ${gift.key}`);
    const { kind, key, reason } = amendment;
    return this.#append({ ...gift, kind, key, reason, amount, atMs: nowMs, shownAtMs: null, gift: gift.key });
  }

  find(jti: string): LedgerRecord | undefined {
    return this.#byKey('gift', jti);
  }

  resume(room: string, afterSequence: number, limit: number): LedgerRecord[] {
    return this.#checkedAll(this.#sql.inRoom.all(room, afterSequence, limit));
  }

  head(room: string): LedgerHead {
    const last = this.#sql.head.get(room) as { sequence: number } | undefined;
    const tail = this.#sql.tail.get() as { id: number } | undefined;
    return { sequence: last?.sequence ?? 0, id: tail?.id ?? 0 };
  }

  since(afterId: number, limit: number): LedgerRecord[] {
    return this.#checkedAll(this.#sql.since.all(afterId, limit));
  }

  read({ fromMs, toMs, liver }: LedgerQuery, after: ReadCursor | undefined, limit: number): ReadPage {
    const place = after ?? { atMs: fromMs, id: 0 };
    const rows = this.#sql.byTime.all(fromMs, toMs, place.atMs, place.id, liver ?? null, limit + 1);
    const records = rows.slice(0, limit).map((row): ReadRecord => {
      const { deliveredAtMs } = row as unknown as ReadRecord;
      return { ...this.#checked(row as unknown as Row), deliveredAtMs };
    });
    const last = records.at(-1);
    return { records, next: rows.length > limit && last ? { atMs: last.atMs, id: last.id } : undefined };
  }

  cursor(name: string): number {
    return (this.#sql.cursor.get(name) as { id: number } | undefined)?.id ?? 0;
  }

  moveCursor(name: string, id: number): void {
    if (this.#sql.moveCursor.run(name, id).changes > 0) this.#changed = true;
  }

  outbox(nowMs: number, limit: number, afterId = 0): OutboxEntry[] {
    return this.#entries(this.#sql.due.all(nowMs, afterId, limit));
  }

  deadLetters(afterId: number, limit: number): OutboxEntry[] {
    return this.#entries(this.#sql.dead.all(afterId, limit));
  }

  settle(outcomes: readonly DeliveryOutcome[]): void {
    this.#changed ||= outcomes.length > 0;
    for (const each of outcomes) {
      if (each.outcome === 'retry') this.#sql.retry.run(each.id, each.nextAtMs);
      else if (each.outcome === 'dead') this.#sql.bury.run(each.id);
      else if (this.#sql.dequeue.run(each.id).changes === 1) this.#sql.delivered.run(each.id, each.atMs);
    }
  }

  redeliver(ids: readonly number[]): number {
    const there = [...new Set(ids)].filter((id) => this.#sql.checksumOf.get(id) !== undefined);
    this.#changed ||= there.length > 0;
    for (const id of there) this.#sql.enqueue.run(id);
    return there.length;
  }

  close(): void {
    this.#open.witness.close();
    this.#open.db.close();
  }

  #forget(): void {
    this.#tail = undefined;
    this.#appended = false;
    this.#changed = false;
  }

  #byKey(kind: string, key: string): LedgerRecord | undefined {
    const row = this.#sql.byKey.get(kind, key) as Row | undefined;
    return row && this.#checked(row);
  }

  #append(fields: Omit<LedgerRecord, 'id' | 'sequence'>): Receipt {
    this.#tail ??= (this.#sql.tail.get() as Head | undefined) ?? { id: 0, checksum: CHAIN_START };
    const head = this.#sql.head.get(fields.room) as { sequence: number; checksum: Uint8Array } | undefined;
    const record: PlacedRecord = { ...fields, id: this.#tail.id + 1, sequence: (head?.sequence ?? 0) + 1 };
    const checksum = checksumOf(record, head?.checksum ?? CHAIN_START);
    const { id, room, sequence, kind, key, atMs, sender, liver, item, currency, reg, amount } = record;
    const { shownAtMs, gift, reason } = record;
    const names = [id, room, sequence, kind, key, atMs, sender, liver, item, currency, reg];
    this.#sql.append.run(...names, amount, shownAtMs, gift, reason, checksum);
    this.#sql.enqueue.run(id);
    this.#tail = { id, checksum };
    this.#appended = true;
    return { id, room, sequence, atMs, repeat: false };
  }

  #checkedAll(rows: readonly unknown[]): PlacedRecord[] {
    return rows.map((row) => this.#checked(row as Row));
  }

  /** Each read compares a record with its checksum and that with the one before in its room. */
  #checked(row: Row): PlacedRecord {
    const record = recordOf(row);
    const before = row.sequence === 1 ? undefined : this.#sql.checksumAt.get(row.room, row.sequence - 1);
    const { checksum } = (before as { checksum: Uint8Array } | undefined) ?? { checksum: CHAIN_START };
    if (!sameBytes(checksumOf(record, checksum), row.checksum)) {
      throw ledgerError('ledger_corrupt', `record ${row.id} (${row.room} ${row.sequence}) does not fit its checksum`);
    }
    return record;
  }

  #entries(rows: readonly unknown[]): OutboxEntry[] {
    return (rows as { id: number; attempts: number; nextAtMs: number }[]).map(({ id, attempts, nextAtMs }) => ({
      record: this.#checked(this.#sql.byId.get(id) as unknown as Row),
      attempts,
      nextAtMs,
    }));
  }
}

function repeatOf({ id, room, sequence, atMs }: LedgerRecord): Receipt {
  return { id, room, sequence, atMs, repeat: true };
}
