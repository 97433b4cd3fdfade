import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutboxEntry } from '../ledger/types.ts';
import { DeliveryQueue } from './queue.ts';

const entry = (id: number, room: string, nextAtMs = 0): OutboxEntry => ({
  record: { id, room, atMs: id * 10 } as OutboxEntry['record'],
  attempts: 0,
  nextAtMs,
});
const taken = (id: number) => ({ id, outcome: 'delivered' as const, atMs: 1 });

describe('the delivery queue', () => {
  it('gives one record of a room at a time, the oldest room first', () => {
    const queue = new DeliveryQueue();
    queue.offer([entry(1, 'a'), entry(2, 'b'), entry(3, 'a'), entry(4, 'c', 50)], 0);
    const ids = [queue.take(0), queue.take(0), queue.take(0)].map((each) => each?.record.id);
    expect(ids).toEqual([1, 2, undefined]);
    expect([queue.nextDueMs(), queue.oldestAtMs()]).toEqual([50, 10]);
    queue.settle('a', taken(1), false);
    expect(queue.take(0)?.record.id).toBe(3);
    expect(queue.take(50)?.record.id).toBe(4);
    for (const [room, id] of [
      ['b', 2],
      ['a', 3],
      ['c', 4],
    ] as const)
      queue.settle(room, taken(id), false);
    expect([queue.size, queue.nextDueMs(), queue.oldestAtMs(), queue.scanFrom()]).toEqual([
      0,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('holds a room while its head waits, and lets it go when the backend is back', () => {
    const queue = new DeliveryQueue();
    queue.offer([entry(1, 'a'), entry(2, 'a'), entry(3, 'b')], 0);
    queue.take(0);
    queue.take(0);
    queue.settle('a', { id: 1, outcome: 'retry', nextAtMs: 500 }, true);
    queue.settle('b', { id: 3, outcome: 'retry', nextAtMs: 500 }, false);
    expect(queue.take(499)).toBeUndefined();
    queue.release(100);
    expect(queue.take(100)).toMatchObject({ record: { id: 1 }, attempts: 1 });
    expect(queue.take(100)).toBeUndefined();
  });

  it('puts a record of the past before later ones, not before one under way, and sees that it is due sooner', () => {
    const queue = new DeliveryQueue();
    queue.offer([entry(5, 'a'), entry(6, 'a', 900)], 0);
    expect(queue.take(0)?.record.id).toBe(5);
    queue.offer([entry(2, 'a')], 0);
    queue.settle('a', taken(5), false);
    expect(queue.take(0)?.record.id).toBe(2);
    queue.settle('a', taken(2), false);
    expect(queue.take(0)).toBeUndefined();
    queue.offer([entry(6, 'a')], 0);
    expect(queue.take(0)?.record.id).toBe(6);
  });

  it('keeps a room behind what it had no place for, also when the room comes up again', () => {
    const queue = new DeliveryQueue({ total: 2 });
    queue.offer([entry(2, 'a'), entry(3, 'b'), entry(4, 'c')], 0);
    expect([queue.take(0)?.record.id, queue.take(0)?.record.id]).toEqual([2, 3]);
    queue.settle('a', taken(2), false);
    // Of a scan that was cut off before it came to 4; the next one begins at the end.
    queue.offer([entry(1, 'c')], 0);
    queue.settle('b', taken(3), false);
    queue.offer([entry(9, 'c')], 8);
    expect(queue.take(0)?.record.id).toBe(1);
    queue.settle('c', taken(1), false);
    expect([queue.take(0), queue.scanFrom()]).toEqual([undefined, 3]);
    queue.offer([entry(4, 'c'), entry(9, 'c')], 3);
    expect(queue.take(0)?.record.id).toBe(4);
  });

  it('never sends out of order or forgets, whatever it had no place for', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), room: fc.integer({ min: 0, max: 5 }) }) },
      { weight: 3, arbitrary: fc.constant({ do: 'read' as const }) },
      { weight: 4, arbitrary: fc.constant({ do: 'take' as const }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), retry: fc.boolean(), n: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('vanish' as const), n: fc.nat(30) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const), n: fc.nat(30) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), fc.constantFrom(1, 2, 3), (steps, perRoom) => {
        const queue = new DeliveryQueue({ perRoom, total: 4 });
        const outbox = new Map<number, OutboxEntry>();
        const delivered = new Map<number, OutboxEntry>();
        /** Put back into the outbox: later ones of the room need not have waited for these. */
        const again = new Set<number>();
        const sending: OutboxEntry[] = [];
        let lastId = 0;
        let readTo = 0;
        const read = (from: number, page: number) => {
          let after = from;
          for (;;) {
            const some = [...outbox.values()]
              .filter(({ record }) => record.id > after)
              .sort((a, b) => a.record.id - b.record.id)
              .slice(0, page);
            queue.offer(some, from);
            after = some.at(-1)?.record.id ?? after;
            if (some.length < page) break;
          }
          queue.scanned(from);
          readTo = Math.max(readTo, after);
          expect(queue.size).toBeLessThanOrEqual(8);
        };
        const take = () => {
          const next = queue.take(0);
          if (!next) return false;
          const earlier = [...outbox.values()].filter(
            ({ record }) => record.room === next.record.room && record.id < next.record.id && !again.has(record.id),
          );
          expect(earlier).toEqual([]);
          sending.push(next);
          return true;
        };
        const settle = (n: number, retry: boolean) => {
          const [done] = sending.splice(n % Math.max(1, sending.length), 1);
          if (!done) return;
          const { id, room } = done.record;
          if (!retry) {
            outbox.delete(id);
            delivered.set(id, done);
          }
          queue.settle(room, retry ? { id, outcome: 'retry', nextAtMs: 0 } : taken(id), false);
        };
        for (const each of steps) {
          if (each.do === 'append') outbox.set(++lastId, entry(lastId, `room-${each.room}`));
          else if (each.do === 'read') read(Math.min(queue.scanFrom() ?? readTo, readTo), 2);
          else if (each.do === 'take') take();
          else if (each.do === 'settle') settle(each.n, each.retry);
          else if (each.do === 'again') {
            const [id, old] = [...delivered][each.n % Math.max(1, delivered.size)] ?? [];
            if (id === undefined || !old) continue;
            delivered.delete(id);
            again.add(id);
            outbox.set(id, { ...old, attempts: 0, nextAtMs: 0 });
            read(0, 2);
          } else {
            // Another process delivered what is not in memory here.
            const left = [...outbox.keys()].filter((id) => id > readTo);
            if (left.length > 0) outbox.delete(left[each.n % left.length]!);
          }
        }
        while (sending.length > 0) settle(0, false);
        for (let turn = 0; outbox.size > 0; turn++) {
          expect(turn).toBeLessThan(500);
          read(Math.min(queue.scanFrom() ?? readTo, readTo), 3);
          while (take());
          while (sending.length > 0) settle(0, false);
        }
        read(Math.min(queue.scanFrom() ?? readTo, readTo), 3);
        expect([queue.size, queue.scanFrom()]).toEqual([0, undefined]);
      }),
      { seed: 20_261_128, numRuns: 1500 },
    );
  });
});
