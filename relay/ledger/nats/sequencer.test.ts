import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Arrival, nextPlacement, type Placement, type PlaceStore, RoomSequencer } from './sequencer.ts';

const REGIONS = ['jp', 'us'];

const record = (key: string) => ({
  ...{ room: 'r', kind: 'gift' as const, key, atMs: 1, sender: 's', liver: 'l', item: 'i', currency: 'JPY', reg: 'jp' },
  ...{ amount: 1, shownAtMs: null, gift: null, reason: null },
});

/** The streams of two regions, and the places of one room, in memory: what it has written stays, whoever dies. */
class Streams {
  readonly placements: Placement[] = [];
  readonly gifts: Record<string, Arrival[]> = { jp: [], us: [] };
  readonly #readers = new Set<{ region: string; seen: number; on: (arrival: Arrival) => void }>();

  give(region: string): void {
    const id = this.gifts[region]!.length + 1;
    this.gifts[region]!.push({ region, id, record: record(`${region}-${id}`) });
  }

  /** Lets every reader have what is new. */
  flow(): void {
    for (const reader of this.#readers) {
      const next = this.gifts[reader.region]!.filter(({ id }) => id > reader.seen);
      for (const arrival of next) {
        if (!this.#readers.has(reader)) break;
        reader.seen = arrival.id;
        reader.on(arrival);
      }
    }
  }

  /** As one origin sees it. @param fate asked for each append */
  store(fate: () => Fate): PlaceStore {
    return {
      head: async () => {
        const placement = this.placements.at(-1);
        return placement && { placement, sequence: this.placements.length };
      },
      append: async (placement, behind) => {
        const what = fate();
        if (what === 'lost') throw new Error('NATS did not answer');
        const fits = behind === this.placements.length;
        if (fits) this.placements.push(placement);
        if (what === 'unanswered') throw new Error('the answer got lost');
        return fits ? this.placements.length : undefined;
      },
      arrivals: (region, seen, on) => {
        const reader = { region, seen, on };
        this.#readers.add(reader);
        return () => this.#readers.delete(reader);
      },
    };
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Every record of both regions once, from 1, without gaps, each region's in their order. */
  check(): void {
    const placed = this.placements.flatMap(({ records }) => records);
    expect(placed.map(({ sequence }) => sequence)).toEqual(placed.map((_, n) => n + 1));
    for (const region of REGIONS) {
      const of = placed.filter(({ key }) => key.startsWith(region)).map(({ id }) => id);
      expect(of).toEqual(of.map((_, n) => n + 1));
      expect(this.placements.at(-1)?.cursors[region] ?? 0).toBe(of.length);
    }
  }

  get whole(): boolean {
    const count = this.placements.reduce((sum, { records }) => sum + records.length, 0);
    return count === this.gifts['jp']!.length + this.gifts['us']!.length;
  }
}

type Fate = 'written' | 'lost' | 'unanswered';

const settled = async () => {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
};

function begin(streams: Streams, epoch: number, fate: () => Fate = () => 'written'): RoomSequencer {
  const sleep = () => new Promise<void>((resolve) => setImmediate(resolve));
  return new RoomSequencer({ regions: REGIONS, epoch, store: streams.store(fate), sleep });
}

describe('places of a room', () => {
  it('are given by one append each step, many records together', async () => {
    const streams = new Streams();
    for (let n = 0; n < 40; n++) streams.give('jp');
    const origin = begin(streams, 1);
    await settled();
    streams.flow();
    await settled();
    expect(streams.placements.map(({ records }) => records.length)).toEqual([32, 8]);
    streams.check();
    origin.stop();
    expect(await origin.ended).toBe('stopped');
    expect(streams.readers).toBe(0);
  });

  it('go on after the last one when another relay becomes the origin; the one before gives up', async () => {
    const streams = new Streams();
    let away = false;
    const first = begin(streams, 1, () => (away ? 'lost' : 'written'));
    await settled();
    streams.give('us');
    streams.flow();
    await settled();
    away = true;
    const second = begin(streams, 2);
    await settled();
    streams.give('jp');
    streams.flow();
    await settled();
    away = false;
    expect(await first.ended).toBe('deposed');
    streams.give('us');
    streams.flow();
    await settled();
    streams.check();
    expect(streams.placements.map(({ epoch }) => epoch)).toEqual([1, 2, 2]);
    second.stop();
  });

  it('keep no more than 1024 arrivals in memory, and come all the same', async () => {
    const streams = new Streams();
    for (let n = 0; n < 3000; n++) streams.give(n % 3 ? 'jp' : 'us');
    const origin = begin(streams, 1);
    for (let turn = 0; turn < 200 && !streams.whole; turn++) {
      await settled();
      streams.flow();
    }
    expect(streams.whole).toBe(true);
    streams.check();
    origin.stop();
  });

  it('would be given twice or left out without cursors and expectations', () => {
    const arrivals: Arrival[] = [{ region: 'jp', id: 1, record: record('jp-1') }];
    const first = nextPlacement(undefined, arrivals, 1)!;
    expect(nextPlacement(first, arrivals, 1)).toBeUndefined();
    expect(nextPlacement({ ...first, cursors: {} }, arrivals, 1)).toMatchObject({ first: 2 });
  });

  it('are each given once and without gaps, whatever dies, races or gets lost', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('give' as const), region: fc.constantFrom(...REGIONS) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('flow' as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const), newer: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), which: fc.nat(5) }) },
    );
    const fates = fc.infiniteStream(
      fc.constantFrom<Fate>('written', 'written', 'written', 'written', 'lost', 'unanswered'),
    );
    let races = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), fates, async (steps, fate) => {
        const streams = new Streams();
        let epoch = 1;
        let faulty = true;
        const all: RoomSequencer[] = [];
        const origins: RoomSequencer[] = [];
        const start = () => {
          const origin = begin(streams, epoch, () => (faulty ? fate.next().value : 'written'));
          all.push(origin);
          origins.push(origin);
        };
        for (const each of steps) {
          if (each.do === 'give') streams.give(each.region);
          else if (each.do === 'flow') streams.flow();
          else if (each.do === 'turn') await new Promise((resolve) => setImmediate(resolve));
          else if (each.do === 'begin') {
            if (each.newer) epoch += 1;
            start();
            if (origins.length > 1) races += 1;
          } else {
            // Whatever it was about to do: what is under way is written or not.
            const [dying] = origins.splice(each.which % (origins.length + 1), 1);
            dying?.stop();
          }
        }
        faulty = false;
        epoch += 1;
        start();
        for (let turn = 0; turn < 300 && !streams.whole; turn++) {
          streams.flow();
          await settled();
        }
        expect(streams.whole).toBe(true);
        streams.check();
        for (const origin of origins) origin.stop();
        await Promise.all(all.map(({ ended }) => ended));
        expect(streams.readers).toBe(0);
      }),
      { seed: 20_261_129, numRuns: 300 },
    );
    expect(races).toBeGreaterThan(50);
  }, 60_000);
});
