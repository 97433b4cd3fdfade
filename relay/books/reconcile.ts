import { HayateError } from '@hayate/codec/errors';
import type { DeliveryStatus, LedgerSnapshot, SnapshotQuery, SnapshotRecord } from '../ledger/sqlite/snapshot.ts';
import { idempotencyKey } from '../webhook/event.ts';
import type { Booked } from './against.ts';
import type { Days } from './days.ts';

/** Records told one by one; the rest is counted. */
const MAX_EXAMPLES = 100;
const PROGRESS_RECORDS = 10_000;

export interface Sum {
  records: number;
  /** Gifts less voids and refunds, in the currency's minor unit. */
  amount: number;
}

/** One liver, day and currency. `ledger` is what was claimed; the others say where it is. */
export interface DayRow {
  day: string;
  liver: string;
  currency: string;
  ledger: Sum;
  delivered: Sum;
  waiting: Sum;
  dead: Sum;
  /** `ledger` less the other three: neither delivered nor on its way. */
  difference: Sum;
}

interface Example {
  idempotencyKey: string;
  /** Undefined for what the ledger does not have. */
  id?: number;
  ledger?: number;
  backend?: number;
}

interface Found {
  count: number;
  /** The first hundred. */
  examples: Example[];
}

/** The backend's records against the ledger's. */
export interface AgainstReport {
  /** Delivered, but not booked. */
  missing: Found;
  /** Booked, but never in this ledger. */
  extra: Found;
  /** Booked with another amount or currency. */
  differing: Found;
  /** Booked more than once. */
  doubled: Found;
  /** Not booked, but not delivered either. */
  notYet: number;
}

export interface Reconciliation {
  rows: DayRow[];
  /** Deliveries and outbox entries of records that are not in the ledger. */
  orphans: number;
  against: AgainstReport | undefined;
  /** False: there is a difference. */
  equal: boolean;
}

export interface ReconcileOptions {
  query: SnapshotQuery;
  days: Days;
  /** The backend's own records, by idempotency key. Emptied. */
  booked?: Map<string, Booked>;
  /** What waits or is dead is a difference too. */
  strict?: boolean;
  onProgress?: (records: number) => void;
}

/** Compares what was claimed with what was delivered, by liver and day, and with what the backend says that it has. */
export function reconcile(snapshot: LedgerSnapshot, options: ReconcileOptions): Reconciliation {
  const { query, days, booked, strict = false, onProgress } = options;
  const rows = new Map<string, DayRow>();
  const against = booked && new Against(booked);
  let read = 0;
  for (const record of snapshot.records(query)) {
    const day = days.of(record.atMs);
    const { liver, currency } = record;
    const name = JSON.stringify([day, liver, currency]);
    let row = rows.get(name);
    if (!row) {
      row = { day, liver, currency, ledger: sum(), delivered: sum(), waiting: sum(), dead: sum(), difference: sum() };
      rows.set(name, row);
    }
    const amount = record.kind === 'gift' ? record.amount : -record.amount;
    add(row.ledger, amount);
    add(row[PLACE[record.status]], amount);
    against?.compare(record);
    if (++read % PROGRESS_RECORDS === 0) onProgress?.(read);
  }
  if (against && against.left > 0) {
    // Of other days or livers: booked rightly, only not asked for.
    for (const record of snapshot.records()) against.forget(record);
  }
  const report = against?.report();
  const orphans = snapshot.orphans();
  const sorted = [...rows.values()].sort(
    (a, b) => order(a.day, b.day) || order(a.liver, b.liver) || order(a.currency, b.currency),
  );
  const nothing = ({ records }: Sum) => records === 0;
  const equal =
    orphans === 0 &&
    sorted.every(
      ({ difference, waiting, dead }) => nothing(difference) && (!strict || (nothing(waiting) && nothing(dead))),
    ) &&
    (!report || [report.missing, report.extra, report.differing, report.doubled].every(({ count }) => count === 0)) &&
    (!strict || !report || report.notYet === 0);
  return { rows: sorted, orphans, against: report, equal };
}

const PLACE = {
  delivered: 'delivered',
  waiting: 'waiting',
  dead: 'dead',
  missing: 'difference',
} as const satisfies Record<DeliveryStatus, keyof DayRow>;

const sum = (): Sum => ({ records: 0, amount: 0 });

function add(to: Sum, amount: number): void {
  to.records++;
  to.amount += amount;
  if (!Number.isSafeInteger(to.amount))
    throw new HayateError('invalid_argument', 'a sum is over 2^53: ask for less time');
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

class Against {
  readonly #booked: Map<string, Booked>;
  readonly #missing = found();
  readonly #differing = found();
  readonly #doubled = found();
  #notYet = 0;

  constructor(booked: Map<string, Booked>) {
    this.#booked = booked;
  }

  get left(): number {
    return this.#booked.size;
  }

  compare(record: SnapshotRecord): void {
    const key = idempotencyKey(record);
    const theirs = this.#booked.get(key);
    this.#booked.delete(key);
    const { id, amount } = record;
    if (!theirs) {
      if (record.status === 'delivered') note(this.#missing, { idempotencyKey: key, id, ledger: amount });
      else this.#notYet++;
      return;
    }
    const example = { idempotencyKey: key, id, ledger: amount, backend: theirs.amount };
    const otherCurrency = theirs.currency !== undefined && theirs.currency !== record.currency;
    if (theirs.amount !== amount || otherCurrency) note(this.#differing, example);
    if (theirs.times > 1) note(this.#doubled, example);
  }

  forget(record: SnapshotRecord): void {
    this.#booked.delete(idempotencyKey(record));
  }

  report(): AgainstReport {
    const extra = found();
    for (const [idempotencyKey, { amount }] of this.#booked) note(extra, { idempotencyKey, backend: amount });
    return {
      missing: this.#missing,
      extra,
      differing: this.#differing,
      doubled: this.#doubled,
      notYet: this.#notYet,
    };
  }
}

const found = (): Found => ({ count: 0, examples: [] });

function note(into: Found, example: Example): void {
  into.count++;
  if (into.examples.length < MAX_EXAMPLES) into.examples.push(example);
}
