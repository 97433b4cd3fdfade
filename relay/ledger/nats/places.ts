import type { LedgerHead, PlacedRecord } from '../types.ts';
import { type GiftNames, giftNames } from './names.ts';
import type { RecordBody } from './records.ts';
import { type Arrival, MOST_PLACED, type PlaceHead, type Placement, type PlaceStore } from './sequencer.ts';
import type { Entry, GiftStore } from './store.ts';

type PlacedEntry = Entry<Placement> & { region: string };

/** A region that was not reached is not asked again for so long. */
const AWAY_MS = 2000;

const newer = (a: Placement, b: Placement) => a.epoch - b.epoch || endOf(a) - endOf(b);
const endOf = ({ first, records }: Placement) => first + records.length;

/** The places of rooms, in their homes or in this region's copies of those. */
export class PlaceReader {
  readonly #store: GiftStore;
  /** When a region was not reached, ms of the process. */
  readonly #away = new Map<string, number>();

  constructor(store: GiftStore) {
    this.#store = store;
  }

  /** The newest placement of a room, as far as this region knows. */
  async last(room: string): Promise<PlacedEntry | undefined> {
    const entries = await this.#everywhere(async ({ places, placeFilter }, store) => {
      const entry = await store.last<Placement>(places, placeFilter(room));
      return entry ? [entry] : [];
    });
    return entries.sort((a, b) => newer(a.body, b.body)).at(-1);
  }

  async head(room: string): Promise<Pick<LedgerHead, 'sequence'>> {
    const last = await this.last(room);
    return { sequence: last ? endOf(last.body) - 1 : 0 };
  }

  /** Fewer where this region's copy is behind. */
  async resume(room: string, after: number, limit: number): Promise<PlacedRecord[]> {
    const wanted = after + 1;
    const firsts = Array.from({ length: MOST_PLACED }, (_, n) => wanted - n).filter((first) => first >= 1);
    const entries = await this.#everywhere(({ places, place }, store) => {
      const subjects = firsts.map((first) => place(room, first));
      return store.lastOf<Placement>(places, subjects);
    });
    const holding = entries.filter(({ body }) => body.first <= wanted && wanted < endOf(body));
    const found = holding.sort((a, b) => newer(a.body, b.body)).at(-1);
    if (!found) return [];
    const records = found.body.records.filter(({ sequence }) => sequence > after);
    const { places, placeFilter } = giftNames(found.region);
    for (let from = found.sequence + 1; records.length < limit; ) {
      const page = await this.#read(found.region, (store) =>
        store.page<Placement>(places, placeFilter(room), from, MOST_PLACED),
      );
      for (const { body } of page) records.push(...body.records);
      const last = page.at(-1);
      if (!last || page.length < MOST_PLACED) break;
      from = last.sequence + 1;
    }
    // What is not the next one is of a copy that is behind.
    const whole = records.findIndex(({ sequence }, n) => sequence !== wanted + n);
    return records.slice(0, Math.min(limit, whole < 0 ? limit : whole));
  }

  async #everywhere(read: (names: GiftNames, store: GiftStore) => Promise<Entry<Placement>[]>): Promise<PlacedEntry[]> {
    const found = await Promise.all(
      this.#store.regions.map(async (region) => {
        const entries = await this.#read(region, (store) => read(giftNames(region), store));
        return entries.map((entry) => ({ ...entry, region }));
      }),
    );
    return found.flat();
  }

  /** In the region itself, or, where that is not reached, in the copy of it here. */
  async #read<T>(region: string, read: (store: GiftStore) => Promise<T>): Promise<T> {
    const away = this.#away.get(region);
    if (region !== this.#store.region && !(away !== undefined && performance.now() - away < AWAY_MS)) {
      try {
        return await read(this.#store.at(region));
      } catch {
        this.#away.set(region, performance.now());
      }
    }
    return read(this.#store);
  }
}

/** The places of one room that has its home here, for its origin. */
export class RoomPlaces implements PlaceStore {
  readonly #store: GiftStore;
  readonly #reader: PlaceReader;
  readonly #room: string;
  readonly #epoch: number;

  constructor(store: GiftStore, room: string, epoch: number) {
    this.#store = store;
    this.#reader = new PlaceReader(store);
    this.#room = room;
    this.#epoch = epoch;
  }

  async head(): Promise<PlaceHead | undefined> {
    const names = giftNames(this.#store.region);
    const [last, own] = await Promise.all([
      this.#reader.last(this.#room),
      this.#store.last<Placement>(names.places, names.placeFilter(this.#room)),
    ]);
    const moved = last !== undefined && last.region !== this.#store.region && last.body.epoch > (own?.body.epoch ?? -1);
    if (!moved) return own && { placement: own.body, sequence: own.sequence };
    return { placement: await this.#takeFrom(last.region), sequence: own?.sequence ?? 0 };
  }

  append(placement: Placement, behind: number): Promise<number | undefined> {
    const { place, placeFilter } = giftNames(this.#store.region);
    const subject = place(this.#room, placement.first);
    return this.#store.append(subject, placement, { filter: placeFilter(this.#room), sequence: behind });
  }

  arrivals(region: string, afterId: number, on: (arrival: Arrival) => void): () => void {
    const { gifts, roomFilter } = giftNames(region);
    return this.#store.at(region).tail<RecordBody>(gifts, roomFilter(this.#room), afterId, ({ sequence: id, body }) => {
      const { nonce: _, taken: __, ...record } = body;
      on({ region, id, record });
    });
  }

  /** The room moved here: an empty placement of this epoch keeps its former home from writing further ones. */
  async #takeFrom(region: string): Promise<Placement> {
    const there = this.#store.at(region);
    const { places, place, placeFilter } = giftNames(region);
    const filter = placeFilter(this.#room);
    for (;;) {
      const last = await there.last<Placement>(places, filter);
      if (!last) throw new TypeError(`${region} has no places of ${this.#room}, and its copy has`);
      if (last.body.epoch >= this.#epoch && last.body.records.length === 0) return last.body;
      const fence = { ...last.body, epoch: this.#epoch, first: endOf(last.body), records: [] };
      const written = await there.append(place(this.#room, fence.first), fence, { filter, sequence: last.sequence });
      if (written !== undefined) return fence;
    }
  }
}
