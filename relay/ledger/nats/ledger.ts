import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAmendment, checkInteger, checkLimit, checkName, checkTicket, sameAmendment, sameGift } from '../check.ts';
import { ledgerError } from '../errors.ts';
import type {
  Amendment,
  DeliveryOutcome,
  GiftTicket,
  Ledger,
  LedgerHead,
  LedgerRecord,
  LedgerStats,
  OutboxEntry,
  PlacedRecord,
  Receipt,
} from '../types.ts';
import { Follower } from './follower.ts';
import { type GiftNames, giftNames } from './names.ts';
import { NatsOutbox } from './outbox.ts';
import { PlaceReader, RoomPlaces } from './places.ts';
import { amendmentBody, giftBody, type RecordBody, receiptOf, recordOf } from './records.ts';
import { type Placement, RoomSequencer } from './sequencer.ts';
import { type Entry, GiftStore, type GiftStoreOptions } from './store.ts';
import { Values } from './values.ts';

/** Another claim of the same `jti` is on its way to its quorum. */
const UNDER_WAY_MS = 5;
const MOST_WAITING = 4096;

interface KeyBody {
  gift: string;
  amount: number | null;
}

/** Makes missing streams. @throws HayateError `ledger_unavailable` */
export async function openNatsLedger(options: GiftStoreOptions): Promise<NatsLedger> {
  const store = await GiftStore.open(options);
  return new NatsLedger(store, await Follower.open(store));
}

export type { NatsLedger };

/**
 * The gifts of a region in NATS, for every relay of it: each relay has one of these. A claim is durable on a quorum of the
 * region's servers. Records get their places from their room's origin (`sequence`), so `sequence` of what is claimed, found
 * or delivered is null; `resume`, `head` and `follow` have places, of rooms of every home.
 */
class NatsLedger implements Ledger {
  readonly store: GiftStore;
  readonly #names: GiftNames;
  readonly #places: PlaceReader;
  readonly #outbox: NatsOutbox;
  readonly values: Values;
  readonly #follower: Follower;
  readonly #sequencers = new Set<RoomSequencer>();
  readonly #stats = { waiting: 0, records: 0, repeats: 0, commits: 0, overloaded: 0 };
  #closed = false;

  constructor(store: GiftStore, follower: Follower) {
    this.store = store;
    this.#names = giftNames(store.region);
    this.#places = new PlaceReader(store);
    this.values = new Values(store);
    this.#outbox = new NatsOutbox(store);
    this.#follower = follower;
  }

  claim(ticket: GiftTicket, nowMs: number): Promise<Receipt> {
    return this.#counted(async () => {
      checkTicket(ticket, nowMs);
      const { jti, room } = ticket;
      const body = giftBody(ticket, nowMs, randomUUID());
      const expected = { filter: this.#names.giftFilter(jti), sequence: 0 };
      for (;;) {
        const id = await this.store.append(this.#names.gift(jti, room), body, expected);
        if (id !== undefined) return receiptOf({ sequence: id, subject: '', body }, false);
        const first = await this.#gift(jti);
        if (!first) {
          await sleep(UNDER_WAY_MS);
          continue;
        }
        if (!sameGift(recordOf(first), ticket)) {
          throw ledgerError('gift_conflict', `${jti} was claimed with other content`);
        }
        return receiptOf(first, first.body.nonce !== body.nonce);
      }
    });
  }

  amend(amendment: Amendment, nowMs: number): Promise<Receipt> {
    return this.#counted(async () => {
      checkAmendment(amendment, nowMs);
      const { kind, key, gift: jti } = amendment;
      const nonce = randomUUID();
      const subject = this.#names.key(kind, key);
      const wanted: KeyBody = { gift: jti, amount: kind === 'void' ? null : amendment.amount };
      for (;;) {
        const reserved = await this.store.last<KeyBody>(this.#names.keys, subject);
        if (reserved && !(reserved.body.gift === jti && reserved.body.amount === wanted.amount)) {
          throw ledgerError('gift_conflict', `${key} was used with other content`);
        }
        const gift = await this.#gift(jti);
        if (!gift) throw ledgerError('gift_unknown', `no gift ${jti}`);
        const earlier = await this.#amendments(gift.body);
        const first = earlier.find(({ body }) => body.kind === kind && body.key === key);
        if (first && sameAmendment(recordOf(first), amendment)) return receiptOf(first, first.body.nonce !== nonce);
        const last = earlier.at(-1);
        const taken = last?.body.taken ?? 0;
        const amount = kind === 'void' ? gift.body.amount : amendment.amount;
        const left = gift.body.amount - taken;
        if (amount > left) throw ledgerError('gift_amended', `${left} of ${gift.body.amount} are left of ${jti}`);
        // First the key, which is one over all gifts; then the gift, whose amendments exclude each other.
        if (!reserved && (await this.store.append(subject, wanted, { filter: subject, sequence: 0 })) === undefined) {
          continue;
        }
        const body = amendmentBody(gift.body, amendment, taken + amount, nowMs, nonce);
        const at = this.#names.amendment(jti, gift.body.room);
        const id = await this.store.append(at, body, { filter: at, sequence: last?.sequence ?? 0 });
        if (id !== undefined) return receiptOf({ sequence: id, subject: at, body }, false);
      }
    });
  }

  async find(jti: string): Promise<LedgerRecord | undefined> {
    this.#live();
    checkName(jti);
    const gift = await this.#gift(jti);
    return gift && recordOf(gift);
  }

  async resume(room: string, afterSequence: number, limit: number): Promise<PlacedRecord[]> {
    this.#live();
    checkName(room);
    checkInteger('afterSequence', afterSequence, 0);
    checkLimit(limit);
    return this.#places.resume(room, afterSequence, limit);
  }

  async head(room: string): Promise<LedgerHead> {
    this.#live();
    checkName(room);
    const [{ sequence }, id] = await Promise.all([this.#places.head(room), this.store.lastSequence(this.#names.gifts)]);
    return { sequence, id };
  }

  async since(afterId: number, limit: number): Promise<LedgerRecord[]> {
    this.#live();
    checkInteger('afterId', afterId, 0);
    checkLimit(limit);
    const all = `gifts.${this.store.region}.>`;
    return (await this.store.page<RecordBody>(this.#names.gifts, all, afterId + 1, limit)).map(recordOf);
  }

  async cursor(name: string): Promise<number> {
    this.#live();
    checkName(name);
    return (await this.values.get<number>(`cursor ${name}`)) ?? 0;
  }

  async moveCursor(name: string, id: number): Promise<void> {
    this.#live();
    checkName(name);
    checkInteger('id', id, 0);
    await this.values.update<number>(`cursor ${name}`, (before = 0) => (id > before ? id : undefined));
  }

  async outbox(nowMs: number, limit: number, afterId = 0): Promise<OutboxEntry[]> {
    this.#live();
    checkLimit(limit);
    return this.#outbox.due(nowMs, limit, afterId);
  }

  async settle(outcomes: readonly DeliveryOutcome[]): Promise<void> {
    this.#live();
    await this.#outbox.settle(outcomes);
  }

  async deadLetters(afterId: number, limit: number): Promise<OutboxEntry[]> {
    this.#live();
    checkLimit(limit);
    return this.#outbox.dead(afterId, limit);
  }

  async redeliver(ids: readonly number[]): Promise<number> {
    this.#live();
    return this.#outbox.redeliver(ids);
  }

  follow(room: string, listener: (record: LedgerRecord) => void): () => void {
    const last = this.#places.last(room).then((entry) => entry?.body);
    return this.#follower.follow(room, listener, last);
  }

  /**
   * This relay is the origin of the room, whose home is this region: it gives records their places until the returned
   * function is called, or an origin of a newer epoch does.
   */
  sequence(room: string, epoch: number, onPlaced?: (placement: Placement) => void): () => void {
    const sequencer = new RoomSequencer({
      regions: this.store.regions,
      epoch,
      store: new RoomPlaces(this.store, room, epoch),
      sleep: async (ms) => void (await sleep(ms)),
      ...(onPlaced && { onPlaced }),
    });
    this.#sequencers.add(sequencer);
    void sequencer.ended.then(() => this.#sequencers.delete(sequencer));
    return () => sequencer.stop();
  }

  stats(): LedgerStats {
    return { ...this.#stats };
  }

  /** Ends what it follows and sequences. The connection stays: it is not this one's. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#follower.close();
    for (const sequencer of this.#sequencers) sequencer.stop();
    await Promise.all([...this.#sequencers].map(({ ended }) => ended));
  }

  #gift(jti: string): Promise<Entry<RecordBody> | undefined> {
    return this.store.last<RecordBody>(this.#names.gifts, this.#names.giftFilter(jti));
  }

  async #amendments({ key, room }: RecordBody): Promise<Entry<RecordBody>[]> {
    const out: Entry<RecordBody>[] = [];
    const { gifts, amendment } = this.#names;
    for (let from = 1; ; ) {
      const next = await this.store.next<RecordBody>(gifts, amendment(key, room), from);
      if (!next) return out;
      out.push(next);
      from = next.sequence + 1;
    }
  }

  async #counted(call: () => Promise<Receipt>): Promise<Receipt> {
    this.#live();
    if (this.#stats.waiting >= MOST_WAITING) {
      this.#stats.overloaded += 1;
      throw ledgerError('ledger_overloaded', `${MOST_WAITING} calls wait for NATS`);
    }
    this.#stats.waiting += 1;
    try {
      const receipt = await call();
      if (receipt.repeat) this.#stats.repeats += 1;
      else {
        this.#stats.records += 1;
        this.#stats.commits += 1;
      }
      return receipt;
    } finally {
      this.#stats.waiting -= 1;
    }
  }

  #live(): void {
    if (this.#closed) throw ledgerError('ledger_closed', 'the ledger is closed');
  }
}
