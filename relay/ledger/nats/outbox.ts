import { checkIds, checkOutcomes } from '../check.ts';
import type { DeliveryOutcome, OutboxEntry } from '../types.ts';
import { giftNames } from './names.ts';
import { type RecordBody, recordOf } from './records.ts';
import type { GiftStore } from './store.ts';
import { Values } from './values.ts';

const NAME = 'outbox';
const PAGE = 256;

/** `[attempts, nextAtMs, dead]` */
type Open = [attempts: number, nextAtMs: number, dead: 0 | 1];

/** What the backend has of a region's records, as one value. */
interface Delivery {
  /** Up to here everything was taken, but for what is in `open`. */
  floor: number;
  /** By id: what was tried, and what is to go out again. */
  open: Record<string, Open>;
  /** Taken, above the floor. */
  done: number[];
}

const NONE: Delivery = { floor: 0, open: {}, done: [] };

/** The outbox of a region: its stream of gifts, less what was taken. Nothing is kept in memory between calls. */
export class NatsOutbox {
  readonly #store: GiftStore;
  readonly #values: Values;

  constructor(store: GiftStore) {
    this.#store = store;
    this.#values = new Values(store);
  }

  async due(nowMs: number, limit: number, afterId: number): Promise<OutboxEntry[]> {
    const { floor, open, done } = await this.#state();
    const out: OutboxEntry[] = [];
    const below = idsOf(open).filter((id) => id > afterId && id <= floor && isDue(open[id]!, nowMs));
    for (const id of below.slice(0, limit)) out.push(await this.#entry(id, open[id]!));
    const taken = new Set(done);
    for (let from = Math.max(afterId, floor) + 1; out.length < limit; ) {
      const page = await this.#store.page<RecordBody>(this.#gifts, this.#all, from, Math.min(PAGE, limit));
      if (page.length === 0) {
        // Perhaps of a copy that is behind: only the stream's leader says that this is the end.
        const next = await this.#store.next<RecordBody>(this.#gifts, this.#all, from);
        if (next) page.push(next);
      }
      for (const entry of page) {
        const at = open[entry.sequence] ?? [0, 0, 0];
        if (taken.has(entry.sequence) || !isDue(at, nowMs)) continue;
        out.push({ record: recordOf(entry), attempts: at[0], nextAtMs: at[1] });
      }
      const last = page.at(-1);
      if (!last) break;
      from = last.sequence + 1;
    }
    return out.slice(0, limit);
  }

  async dead(afterId: number, limit: number): Promise<OutboxEntry[]> {
    const { open } = await this.#state();
    const ids = idsOf(open).filter((id) => id > afterId && open[id]![2] === 1);
    return Promise.all(ids.slice(0, limit).map((id) => this.#entry(id, open[id]!)));
  }

  async settle(outcomes: readonly DeliveryOutcome[]): Promise<void> {
    checkOutcomes(outcomes);
    const last = await this.#store.lastSequence(this.#gifts);
    await this.#values.update<Delivery>(NAME, (before = NONE) => settled(before, outcomes, last));
  }

  async redeliver(ids: readonly number[]): Promise<number> {
    checkIds(ids);
    const last = await this.#store.lastSequence(this.#gifts);
    const there = [...new Set(ids)].filter((id) => id <= last);
    if (there.length === 0) return 0;
    await this.#values.update<Delivery>(NAME, (before = NONE) => {
      const open = { ...before.open };
      for (const id of there) open[id] = [0, 0, 0];
      return { ...before, open, done: before.done.filter((id) => !there.includes(id)) };
    });
    return there.length;
  }

  async #state(): Promise<Delivery> {
    return (await this.#values.get<Delivery>(NAME)) ?? NONE;
  }

  async #entry(id: number, [attempts, nextAtMs]: Open): Promise<OutboxEntry> {
    const entry = await this.#store.next<RecordBody>(this.#gifts, this.#all, id);
    if (entry?.sequence !== id) throw new TypeError(`record ${id} is not in its stream`);
    return { record: recordOf(entry), attempts, nextAtMs };
  }

  get #gifts(): string {
    return giftNames(this.#store.region).gifts;
  }

  get #all(): string {
    return `gifts.${this.#store.region}.>`;
  }
}

function idsOf(open: Delivery['open']): number[] {
  return Object.keys(open).map(Number);
}

function isDue([, nextAtMs, dead]: Open, nowMs: number): boolean {
  return dead === 0 && nextAtMs <= nowMs;
}

/** @param last id that exists; what is beyond it, taken or not in the outbox counts for nothing */
function settled(before: Delivery, outcomes: readonly DeliveryOutcome[], last: number): Delivery | undefined {
  let { floor } = before;
  const open = { ...before.open };
  const done = new Set(before.done);
  let changed = false;
  for (const each of outcomes) {
    const { id } = each;
    if (id > last || done.has(id) || (id <= floor && !open[id])) continue;
    changed = true;
    const [attempts, nextAtMs, dead] = open[id] ?? [0, 0, 0];
    if (each.outcome === 'retry') open[id] = [attempts + 1, each.nextAtMs, dead];
    else if (each.outcome === 'dead') open[id] = [attempts + 1, nextAtMs, 1];
    else {
      delete open[id];
      if (id > floor) done.add(id);
    }
  }
  if (!changed) return undefined;
  // What is open stays open below the floor too.
  while (done.delete(floor + 1) || open[floor + 1]) floor += 1;
  return { floor, open, done: [...done] };
}
