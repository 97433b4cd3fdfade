import { MessageReader, type RelayMessage } from '@hayate/codec/messages';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LedgerRecord, MemoryLedger, type PlacedRecord } from '../ledger/index.ts';
import { GiftFeed, type GiftSink } from './feed.ts';

const ROOM = 'r';

/** A ledger whose copy here may be behind, as in a cluster. */
class ClusterLedger extends MemoryLedger {
  follow(): () => void {
    return () => {};
  }
}

class Viewer implements GiftSink {
  readonly told: string[] = [];
  held: (() => void) | undefined;
  hold = false;

  send(bytes: Uint8Array): Promise<void> | undefined {
    const reader = new MessageReader({ from: 'relay' });
    reader.push(bytes);
    const message = reader.next() as Extract<RelayMessage, { t: 'gift' | 'placed' }>;
    this.told.push(`${message.t} ${message.jti}${message.n === undefined ? '' : ` ${message.n}`}`);
    if (!this.hold) return undefined;
    return new Promise((resolve) => {
      this.held = resolve;
    });
  }

  failed(error: unknown): void {
    throw error;
  }
}

async function rig(count: number) {
  const ledger = new ClusterLedger();
  const records: PlacedRecord[] = [];
  for (let n = 1; n <= count; n++) {
    const of = { room: ROOM, sender: 's', liver: 'l', item: 'i', amount: 1, currency: 'JPY', reg: 'jp' };
    await ledger.claim({ jti: `g${n}`, ...of }, n);
  }
  records.push(...(await ledger.resume(ROOM, 0, 1000)));
  const feed = new GiftFeed(ROOM, 0, ledger, () => undefined);
  const join = (after?: number) => {
    const viewer = new Viewer();
    const subscription = feed.subscribe(after, viewer);
    subscription.start();
    return Object.assign(viewer, { subscription });
  };
  return { ledger, feed, records, join };
}

const unplaced = (record: LedgerRecord): LedgerRecord => ({ ...record, sequence: null });
const settled = async () => {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a room in a cluster', () => {
  it('shows a record at once and tells its place later; who comes between gets the record', async () => {
    const { feed, records, join } = await rig(2);
    const [first, second] = records as [PlacedRecord, PlacedRecord];
    const early = join();
    feed.offer(unplaced(first));
    feed.offer(unplaced(first));
    const late = join();
    const back = join(0);
    await settled();
    expect([early.told, late.told, back.told]).toEqual([['gift g1'], [], ['gift g1']]);
    feed.offer(first);
    feed.offer(second);
    feed.offer(unplaced(second));
    await settled();
    expect(early.told).toEqual(['gift g1', 'placed g1 1', 'gift g2 2']);
    expect(late.told).toEqual(['gift g1 1', 'gift g2 2']);
    expect(back.told).toEqual(['gift g1', 'placed g1 1', 'gift g2 2']);
  });

  it('leaves out early ones for who is behind, and never what has a place', async () => {
    const { feed, records, join } = await rig(2);
    const slow = join();
    slow.hold = true;
    feed.offer(unplaced(records[0]!));
    feed.offer(unplaced(records[1]!));
    await settled();
    expect(slow.told).toEqual(['gift g1']);
    slow.hold = false;
    slow.held?.();
    for (const each of records) feed.offer(each);
    await settled();
    expect(slow.told).toEqual(['gift g1', 'placed g1 1', 'gift g2 2']);
  });

  it('believes a viewer that has seen more than this copy of the ledger', async () => {
    const { feed, records, join } = await rig(3);
    const ahead = join(2);
    expect(ahead.subscription.after).toBe(2);
    for (const each of records) feed.offer(each);
    await settled();
    expect(ahead.told).toEqual(['gift g3 3']);
  });

  it('gives each place once and in order, whatever order records come in', async () => {
    const step = fc.record({ at: fc.nat(199), placed: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80 }), fc.nat(79), async (steps, joinsAt) => {
        const { feed, records, join } = await rig(200);
        const viewers = [join(0)];
        for (const [n, { at, placed }] of steps.entries()) {
          if (n === joinsAt) viewers.push(join(0));
          const record = records[at % (n + 1)]!;
          feed.offer(placed ? record : unplaced(record));
          if (at % 3 === 0) await settled();
        }
        for (const record of records) feed.offer(record);
        await settled();
        for (const { told } of viewers) {
          const numbered = told.filter((each) => each.split(' ').length === 3);
          expect(numbered.map((each) => Number(each.split(' ')[2]))).toEqual(records.map(({ sequence }) => sequence));
          const whole = told.filter((each) => each.startsWith('gift')).map((each) => each.split(' ')[1]);
          expect(new Set(whole).size).toBe(records.length);
          expect(whole).toHaveLength(records.length);
        }
      }),
      { seed: 20_261_129, numRuns: 60 },
    );
  });
});
