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
          read<RecordBody>(region, gifts, `gifts.${region}.>`, (entry) =>
            follower.#tell(entry, 4, () => [recordOf(entry)]),
          ),
          read<Placement>(region, places, `giftplaces.${region}.>`, (entry) => {
            follower.#tell(entry, 2, () => entry.body.records);
          }),
        ];
      }),
    );
    return follower;
  }

  follow(room: string, listener: Listener): () => void {
    const token = tokenOf(room);
    const listeners = this.#rooms.get(token) ?? new Set();
    this.#rooms.set(token, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#rooms.get(token) === listeners) this.#rooms.delete(token);
    };
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  /** @param at which token of the subject is the room */
  #tell({ subject }: Entry<unknown>, at: number, records: () => LedgerRecord[]): void {
    const listeners = this.#rooms.get(subject.split('.')[at] ?? '');
    if (!listeners) return;
    for (const record of records()) for (const listener of [...listeners]) listener(record);
  }
}
