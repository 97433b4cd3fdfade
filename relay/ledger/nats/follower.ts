import type { LedgerRecord } from '../types.ts';
import { giftNames, tokenOf } from './names.ts';
import { type RecordBody, recordOf } from './records.ts';
import type { Placement } from './sequencer.ts';
import type { Entry, GiftStore } from './store.ts';

type Listener = (record: LedgerRecord) => void;

/**
 * Tells of the records of rooms as they reach this region: what is durable somewhere, then with its place. One reader a
 * stream for all rooms.
 */
export class Follower {
  readonly #rooms = new Map<string, Set<Listener>>();
  /** Of these rooms: up to where each region's records have places. */
  readonly #cursors = new Map<string, Record<string, number>>();
  readonly #ends: (() => void)[] = [];

  private constructor() {}

  /** Resolves when it misses nothing from now on. @throws HayateError `ledger_unavailable` */
  static async open(store: GiftStore): Promise<Follower> {
    const follower = new Follower();
    const read = async <T>(region: string, stream: string, subject: string, on: (entry: Entry<T>) => void) => {
      const there = store.at(region);
      // Of the copy here where the region cannot be reached: it has less, and nothing is missed.
      const last = await there.lastSequence(stream).catch(() => store.lastSequence(stream));
      follower.#ends.push(there.tail(stream, subject, last, on));
    };
    await Promise.all(
      store.regions.flatMap((region) => {
        const { gifts, places } = giftNames(region);
        return [
          read<RecordBody>(region, gifts, `gifts.${region}.>`, (entry) => {
            const token = roomOf(entry, 4);
            // A reader that is behind brings what has its place already.
            if (entry.sequence > (follower.#cursors.get(token)?.[region] ?? 0)) {
              follower.#tell(token, () => [recordOf(entry)]);
            }
          }),
          read<Placement>(region, places, `giftplaces.${region}.>`, (entry) => {
            const token = roomOf(entry, 2);
            follower.#place(token, entry.body);
            follower.#tell(token, () => entry.body.records);
          }),
        ];
      }),
    );
    return follower;
  }

  /** @param last the room's last placement, as far as it is known */
  follow(room: string, listener: Listener, last: Promise<Placement | undefined>): () => void {
    const token = tokenOf(room);
    void last.then((placement) => placement && this.#place(token, placement)).catch(() => {});
    const listeners = this.#rooms.get(token) ?? new Set();
    this.#rooms.set(token, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#rooms.get(token) !== listeners) return;
      this.#rooms.delete(token);
      this.#cursors.delete(token);
    };
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  #place(token: string, { cursors }: Placement): void {
    if (!this.#rooms.has(token)) return;
    const known = this.#cursors.get(token) ?? {};
    for (const [region, id] of Object.entries(cursors)) known[region] = Math.max(id, known[region] ?? 0);
    this.#cursors.set(token, known);
  }

  #tell(token: string, records: () => LedgerRecord[]): void {
    const listeners = this.#rooms.get(token);
    if (!listeners) return;
    for (const record of records()) for (const listener of [...listeners]) listener(record);
  }
}

/** @param at which token of the subject is the room */
function roomOf({ subject }: Entry<unknown>, at: number): string {
  return subject.split('.')[at] ?? '';
}
