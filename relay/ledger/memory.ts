import {
  checkAmendment,
  checkIds,
  checkInteger,
  checkLimit,
  checkName,
  checkOutcomes,
  checkQuery,
  checkTicket,
  sameAmendment,
  sameGift,
} from './check.ts';
import { ledgerError } from './errors.ts';
import type {
  Amendment,
  DeliveryOutcome,
  GiftTicket,
  LedgerHead,
  LedgerQuery,
  LedgerRecord,
  LedgerStats,
  LocalLedger,
  OutboxEntry,
  PlacedRecord,
  ReadCursor,
  ReadPage,
  Receipt,
} from './types.ts';

interface Delivery {
  attempts: number;
  nextAtMs: number;
  dead: boolean;
}

/** The ledger as plain lists: durable for as long as the process. For tests, and the reference of the one on disk. */
export class MemoryLedger implements LocalLedger {
  readonly #records: PlacedRecord[] = [];
  readonly #outbox = new Map<number, Delivery>();
  readonly #delivered = new Map<number, number>();
  readonly #cursors = new Map<string, number>();
  #repeats = 0;
  #closed = false;

  async claim(ticket: GiftTicket, nowMs: number): Promise<Receipt> {
    this.#live();
    checkTicket(ticket, nowMs);
    const first = this.#byKey('gift', ticket.jti);
    if (first) {
      if (!sameGift(first, ticket)) throw ledgerError('gift_conflict', `${ticket.jti} was claimed with other content`);
      return this.#repeat(first);
    }
    const { jti, shownAtMs, room, sender, liver, item, currency, reg, amount } = ticket;
    const of = { room, sender, liver, item, currency, reg, amount, shownAtMs: shownAtMs ?? null };
    return this.#append({ ...of, kind: 'gift', key: jti, atMs: nowMs, gift: null, reason: null });
  }

  async amend(amendment: Amendment, nowMs: number): Promise<Receipt> {
    this.#live();
    checkAmendment(amendment, nowMs);
    const first = this.#byKey(amendment.kind, amendment.key);
    if (first) {
      if (!sameAmendment(first, amendment)) {
        throw ledgerError('gift_conflict', `${amendment.key} was used with other content`);
      }
      return this.#repeat(first);
    }
    const gift = this.#byKey('gift', amendment.gift);
    if (!gift) throw ledgerError('gift_unknown', `no gift ${amendment.gift}`);
    const earlier = this.#records.filter((each) => each.gift === gift.key);
    const left = earlier.reduce((sum, each) => sum - each.amount, gift.amount);
    const amount = amendment.kind === 'void' ? gift.amount : amendment.amount;
    if (amount > left) throw ledgerError('gift_amended', `${left} of ${gift.amount} are left of ${gift.key}`);
    const { kind, key, reason } = amendment;
    return this.#append({ ...gift, kind, key, reason, amount, atMs: nowMs, shownAtMs: null, gift: gift.key });
  }

  async find(jti: string): Promise<LedgerRecord | undefined> {
    this.#live();
    checkName(jti);
    return this.#byKey('gift', jti);
  }

  async resume(room: string, afterSequence: number, limit: number): Promise<PlacedRecord[]> {
    this.#live();
    checkLimit(limit);
    return this.#records.filter((each) => each.room === room && each.sequence > afterSequence).slice(0, limit);
  }

  async head(room: string): Promise<LedgerHead> {
    this.#live();
    return { sequence: this.#records.filter((each) => each.room === room).length, id: this.#records.length };
  }

  async since(afterId: number, limit: number): Promise<LedgerRecord[]> {
    this.#live();
    checkLimit(limit);
    return this.#records.filter((each) => each.id > afterId).slice(0, limit);
  }

  async read(query: LedgerQuery, after: ReadCursor | undefined, limit: number): Promise<ReadPage> {
    this.#live();
    checkQuery(query);
    checkLimit(limit);
    const inside = this.#records
      .filter((each) => each.atMs >= query.fromMs && each.atMs < query.toMs)
      .filter((each) => query.liver === undefined || each.liver === query.liver)
      .filter((each) => !after || each.atMs > after.atMs || (each.atMs === after.atMs && each.id > after.id))
      .sort((a, b) => a.atMs - b.atMs || a.id - b.id);
    const records = inside
      .slice(0, limit)
      .map((each) => ({ ...each, deliveredAtMs: this.#delivered.get(each.id) ?? null }));
    const last = records.at(-1);
    return { records, next: inside.length > limit && last ? { atMs: last.atMs, id: last.id } : undefined };
  }

  async cursor(name: string): Promise<number> {
    this.#live();
    checkName(name);
    return this.#cursors.get(name) ?? 0;
  }

  async moveCursor(name: string, id: number): Promise<void> {
    this.#live();
    checkName(name);
    checkInteger('id', id, 0);
    this.#cursors.set(name, Math.max(id, this.#cursors.get(name) ?? 0));
  }

  async outbox(nowMs: number, limit: number, afterId = 0): Promise<OutboxEntry[]> {
    this.#live();
    checkLimit(limit);
    return this.#entries(({ dead, nextAtMs }) => !dead && nextAtMs <= nowMs)
      .filter(({ record }) => record.id > afterId)
      .slice(0, limit);
  }

  async settle(outcomes: readonly DeliveryOutcome[]): Promise<void> {
    this.#live();
    checkOutcomes(outcomes);
    for (const each of outcomes) {
      const entry = this.#outbox.get(each.id);
      if (!entry) continue;
      entry.attempts++;
      if (each.outcome === 'retry') entry.nextAtMs = each.nextAtMs;
      else if (each.outcome === 'dead') entry.dead = true;
      else {
        this.#outbox.delete(each.id);
        this.#delivered.set(each.id, each.atMs);
      }
    }
  }

  async deadLetters(afterId: number, limit: number): Promise<OutboxEntry[]> {
    this.#live();
    checkLimit(limit);
    return this.#entries(({ dead }) => dead)
      .filter(({ record }) => record.id > afterId)
      .slice(0, limit);
  }

  async redeliver(ids: readonly number[]): Promise<number> {
    this.#live();
    checkIds(ids);
    const there = [...new Set(ids)].filter((id) => this.#records[id - 1] !== undefined);
    for (const id of there) this.#outbox.set(id, { attempts: 0, nextAtMs: 0, dead: false });
    return there.length;
  }

  stats(): LedgerStats {
    const records = this.#records.length;
    return { waiting: 0, records, repeats: this.#repeats, commits: records, overloaded: 0 };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #live(): void {
    if (this.#closed) throw ledgerError('ledger_closed', 'the ledger is closed');
  }

  #byKey(kind: string, key: string): LedgerRecord | undefined {
    return this.#records.find((each) => each.kind === kind && each.key === key);
  }

  #repeat({ id, room, sequence, atMs }: LedgerRecord): Receipt {
    this.#repeats++;
    return { id, room, sequence, atMs, repeat: true };
  }

  #append(fields: Omit<LedgerRecord, 'id' | 'sequence'>): Receipt {
    const id = this.#records.length + 1;
    const sequence = this.#records.filter((each) => each.room === fields.room).length + 1;
    this.#records.push({ ...fields, id, sequence });
    this.#outbox.set(id, { attempts: 0, nextAtMs: 0, dead: false });
    return { id, room: fields.room, sequence, atMs: fields.atMs, repeat: false };
  }

  #entries(wanted: (delivery: Delivery) => boolean): OutboxEntry[] {
    return [...this.#outbox]
      .filter(([, delivery]) => wanted(delivery))
      .sort(([a], [b]) => a - b)
      .map(([id, { attempts, nextAtMs }]) => ({ record: this.#records[id - 1]!, attempts, nextAtMs }));
  }
}
