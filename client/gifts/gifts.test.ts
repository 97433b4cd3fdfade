import type { HayateError } from '@hayate/codec/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GiftOutcome, GiftReceipt, RoomGift } from '../src/types.ts';
import { FakeGifts, type Fate } from '../test/fake-gifts.ts';
import { FakeRelay, TARGET } from '../test/fake-relay.ts';
import { webGiftStorage } from './storage.ts';

function start(options: Parameters<FakeRelay['entry']['connectRoom']>[1] = {}) {
  const relay = new FakeRelay();
  const gifts = new FakeGifts();
  relay.script.gifts = gifts;
  const connect = () => relay.entry.connectRoom(TARGET, options);
  return { relay, gifts, connect };
}

/** The promise's outcome once it has one. */
function watched(promise: Promise<GiftReceipt>) {
  const seen: { receipt?: GiftReceipt; error?: HayateError } = {};
  promise.then(
    (receipt) => {
      seen.receipt = receipt;
    },
    (error: HayateError) => {
      seen.error = error;
    },
  );
  return seen;
}

class MapStorage {
  readonly map = new Map<string, string>();
  get length() {
    return this.map.size;
  }
  key = (n: number) => [...this.map.keys()][n] ?? null;
  setItem = (key: string, value: string) => void this.map.set(key, value);
  removeItem = (key: string) => void this.map.delete(key);
}

describe('gift()', () => {
  it('settles with the durable answer, also when it was called before there was a session', async () => {
    const { relay, connect } = start();
    const room = connect();
    const early = watched(room.gift('early'));
    expect(early).toEqual({});
    await relay.advance(50);
    expect(early.receipt).toEqual({ number: 1, gift: 1001, atMs: 1001, repeat: false });
    const next = watched(room.gift('next'));
    await relay.advance(50);
    expect(next.receipt).toMatchObject({ number: 2 });
    room.close();
    await relay.advance(300);
    expect(relay.timers).toBe(0);
  });

  it.each<[string, Fate]>([
    ['was taken', 'lost'],
    ['was not taken', 'deaf'],
  ])('sends the same ticket on the next session when no answer came: it %s', async (_, fate) => {
    const { relay, gifts, connect } = start();
    const room = connect();
    await relay.advance(50);
    gifts.fate = () => fate;
    const outcome = watched(room.gift('one'));
    await relay.advance(50);
    expect(outcome).toEqual({});
    relay.last.transport.kill();
    gifts.fate = () => 'answered';
    await relay.advance(1000);
    expect(relay.sessions).toHaveLength(2);
    expect(outcome.receipt).toMatchObject({ number: 1, repeat: fate === 'lost' });
    expect(gifts.records).toHaveLength(1);
    room.close();
  });

  it('is asked once more when a live session gives no answer', async () => {
    const { relay, gifts, connect } = start();
    const room = connect();
    gifts.fate = () => 'lost';
    const outcome = watched(room.gift('one'));
    await relay.advance(100);
    gifts.fate = () => 'answered';
    await relay.advance(10_000);
    expect(outcome.receipt).toMatchObject({ number: 1, repeat: true });
    expect(relay.sessions).toHaveLength(1);
    room.close();
  });

  it('tries again what may be tried again, with growing waits, and rejects the rest at once', async () => {
    const { relay, gifts, connect } = start();
    const room = connect();
    await relay.advance(50);
    let tries = 0;
    gifts.fate = () => {
      tries += 1;
      return tries < 4 ? { code: 'ledger_overloaded', retryable: true } : 'answered';
    };
    const outcome = watched(room.gift('one'));
    await relay.advance(200);
    expect(tries).toBe(1);
    await relay.advance(2000);
    expect(tries).toBe(4);
    expect(outcome.receipt).toMatchObject({ number: 1 });
    gifts.fate = () => ({ code: 'ticket_expired', retryable: false });
    const refused = watched(room.gift('two'));
    await relay.advance(50);
    expect(refused.error).toMatchObject({ code: 'ticket_expired', retryable: false });
    expect(gifts.records).toHaveLength(1);
    room.close();
  });

  it('gives up by signal and by time, and the same ticket may be given again', async () => {
    const { relay, gifts, connect } = start();
    const room = connect();
    gifts.fate = () => 'lost';
    const controller = new AbortController();
    const aborted = watched(room.gift('one', { signal: controller.signal }));
    const late = watched(room.gift('two', { timeoutMs: 300 }));
    await relay.advance(200);
    controller.abort();
    await relay.advance(200);
    expect(aborted.error).toMatchObject({ code: 'closed' });
    expect(late.error).toMatchObject({ code: 'timeout', retryable: true });
    gifts.fate = () => 'answered';
    const again = watched(room.gift('one'));
    await relay.advance(50);
    expect(again.receipt).toMatchObject({ number: 1, repeat: true });
    await expect(room.gift('three', { signal: controller.signal })).rejects.toMatchObject({ code: 'closed' });
    await expect(room.gift('')).rejects.toMatchObject({ code: 'invalid_argument' });
    room.close();
  });

  it('has at most 32 under way, in the order they were given', async () => {
    const { relay, gifts, connect } = start();
    const room = connect();
    gifts.fate = () => 'deaf';
    for (let n = 0; n < 50; n++) void room.gift(`g${n}`).catch(() => {});
    await relay.advance(100);
    const sent = () => relay.last.received.filter(({ t }) => t === 'gift');
    expect(sent()).toHaveLength(32);
    gifts.fate = () => 'answered';
    relay.last.transport.kill();
    await relay.advance(1000);
    expect(gifts.records.map(({ jti }) => jti)).toEqual(Array.from({ length: 50 }, (_, n) => `g${n}`));
    room.close();
  });

  it('rejects with what ended the room, and keeps the ticket for the next page', async () => {
    const map = new MapStorage();
    const storage = webGiftStorage('gifts:demo:ann', map);
    const { relay, gifts, connect } = start({ gifts: { storage } });
    const room = connect();
    gifts.fate = () => 'lost';
    const outcome = watched(room.gift('one'));
    await relay.advance(100);
    expect([...map.map.keys()]).toEqual(['gifts:demo:ann:one']);
    room.close();
    await relay.advance(10);
    expect(outcome.error).toMatchObject({ code: 'closed' });
    await expect(room.gift('late')).rejects.toMatchObject({ code: 'closed' });
    map.setItem('another', '1');

    gifts.fate = () => 'answered';
    const next = connect();
    const settled: GiftOutcome[] = [];
    next.on('gift_settled', (each) => settled.push(each));
    await relay.advance(100);
    expect(settled).toMatchObject([{ ticket: 'one', receipt: { number: 1, repeat: true } }]);
    expect([...map.map.keys()]).toEqual(['another']);
    next.close();
  });
});

describe('gifts of the room', () => {
  it('come once each and in order, over sessions; voids too', async () => {
    const { relay, gifts, connect } = start();
    gifts.add('before');
    const room = connect();
    const events: RoomGift[] = [];
    room.on('gift', (gift) => events.push(gift));
    const iterated: number[] = [];
    void (async () => {
      for await (const { number } of room.gifts) iterated.push(number!);
    })();
    await relay.advance(50);
    expect(room.giftsSeen).toBe(1);
    gifts.add('one', { name: 'Bo' });
    await relay.advance(20);
    relay.last.transport.kill();
    gifts.add('two');
    gifts.add('v', { kind: 'void', of: 'one' });
    await relay.advance(1000);
    expect(gifts.opened).toEqual([{ t: 'gifts' }, { t: 'gifts', after: 2 }]);
    expect(events).toMatchObject([
      { number: 2, kind: 'gift', jti: 'one', subject: 'bo', name: 'Bo', item: 'star', amount: 100, atMs: 1002 },
      { number: 3, jti: 'two' },
      { number: 4, kind: 'void', jti: 'v', of: 'one' },
    ]);
    expect(iterated).toEqual([2, 3, 4]);
    room.close();
  });

  it('begin where the page before had ended', async () => {
    const { relay, gifts, connect } = start({ gifts: { after: 1 } });
    for (const jti of ['one', 'two', 'three']) gifts.add(jti);
    const room = connect();
    const numbers: number[] = [];
    room.on('gift', ({ number }) => numbers.push(number!));
    await relay.advance(50);
    expect(numbers).toEqual([2, 3]);
    room.close();
  });

  it('are asked for anew after a gap, and a record that comes twice is not shown twice', async () => {
    const { relay, gifts, connect } = start();
    const room = connect();
    const numbers: number[] = [];
    const warnings: string[] = [];
    room.on('gift', ({ number }) => numbers.push(number!));
    room.on('warning', ({ code }) => warnings.push(code));
    await relay.advance(50);
    gifts.add('one');
    gifts.tell(gifts.records[0]!);
    await relay.advance(20);
    expect(numbers).toEqual([1]);
    gifts.tell({ ...gifts.records[0]!, n: 4, jti: 'four' });
    gifts.add('two');
    await relay.advance(1000);
    expect(numbers).toEqual([1, 2]);
    expect(warnings).toEqual(['protocol_error']);
    expect(relay.sessions).toHaveLength(1);
    room.close();
  });

  it('go on at another ledger, and show none twice', async () => {
    const { relay, gifts, connect } = start();
    const room = connect();
    const shown: string[] = [];
    room.on('gift', ({ jti }) => shown.push(jti));
    await relay.advance(50);
    for (const jti of ['one', 'two', 'three']) gifts.add(jti);
    await relay.advance(20);
    gifts.records = [];
    gifts.add('other');
    relay.last.transport.kill();
    await relay.advance(1000);
    gifts.add('three');
    gifts.add('four');
    await relay.advance(20);
    expect(shown).toEqual(['one', 'two', 'three', 'four']);
    room.close();
  });

  const inCluster = async () => {
    const { relay, gifts, connect } = start({ gifts: { after: 0 } });
    const room = connect();
    const told: string[] = [];
    room.on('gift', ({ jti, number }) => told.push(`${jti} ${number}`));
    room.on('gift_placed', ({ jti, number }) => told.push(`${jti} is ${number}`));
    room.on('warning', ({ code }) => told.push(code));
    room.gifts[Symbol.asyncIterator]();
    await relay.advance(50);
    return { relay, gifts, room, told };
  };
  const early = (jti: string) => {
    const { n: _, ...unplaced } = { ...record, jti };
    return unplaced;
  };

  it('are shown at once without a place, which comes later, over sessions too', async () => {
    const { relay, gifts, room, told } = await inCluster();
    gifts.tell(early('a'));
    gifts.tell(early('b'));
    gifts.tell(early('a'));
    await relay.advance(20);
    expect(room.giftsSeen).toBe(0);
    gifts.tell({ t: 'placed', n: 1, kind: 'gift', jti: 'b' });
    gifts.tell({ t: 'placed', n: 1, kind: 'gift', jti: 'b' });
    await relay.advance(20);
    expect(room.giftsSeen).toBe(1);
    // The next relay sends the whole record: it does not know what the one before had sent.
    gifts.records = [{ ...record, jti: 'b' }];
    relay.last.transport.kill();
    await relay.advance(1000);
    gifts.add('a');
    await relay.advance(20);
    expect(told).toEqual(['a undefined', 'b undefined', 'b is 1', 'a is 2']);
    expect(gifts.opened.at(-1)).toEqual({ t: 'gifts', after: 1 });
    room.close();
  });

  it('are shown once when they come with their place first', async () => {
    const { relay, gifts, room, told } = await inCluster();
    gifts.add('a');
    await relay.advance(20);
    gifts.tell(early('a'));
    await relay.advance(20);
    expect(told).toEqual(['a 1']);
    room.close();
  });

  it('are asked for anew when a place comes of one that did not', async () => {
    const { relay, gifts, room, told } = await inCluster();
    gifts.tell({ t: 'placed', n: 1, kind: 'gift', jti: 'a' });
    await relay.advance(20);
    expect(told).toEqual(['protocol_error']);
    gifts.add('a');
    await relay.advance(1000);
    expect(told).toEqual(['protocol_error', 'a 1']);
    room.close();
  });

  it('have a receipt without places', async () => {
    const { relay, gifts, room } = await inCluster();
    gifts.fate = () => 'lost';
    const outcome = watched(room.gift('one'));
    await relay.advance(50);
    const sent = relay.last.received.findLast(({ t }) => t === 'gift') as { id: number };
    gifts.tell({ t: 'gifted', id: sent.id, at: 5, repeat: false });
    await relay.advance(20);
    expect(outcome.receipt).toEqual({ atMs: 5, repeat: false });
    room.close();
  });

  it('open no stream where nobody asks for them, and tell when a relay takes none', async () => {
    const { relay, gifts, connect } = start();
    const room = connect();
    await relay.advance(50);
    expect(gifts.opened).toEqual([]);
    gifts.refuse = { t: 'error', code: 'gifts_off', message: 'none here', retryable: false };
    gifts.fate = () => ({ code: 'gifts_off', retryable: false });
    const warnings: string[] = [];
    room.on('warning', ({ code }) => warnings.push(code));
    const outcome = watched(room.gift('one'));
    await relay.advance(5000);
    expect(outcome.error).toMatchObject({ code: 'gifts_off' });
    expect(warnings).toEqual(['gifts_off']);
    expect(gifts.opened).toHaveLength(1);
    room.close();
  });

  it('end an iterator that nobody reads with an error, behind what waits for it', async () => {
    const { relay, gifts, connect } = start();
    const room = connect();
    const lazy = room.gifts[Symbol.asyncIterator]();
    await relay.advance(50);
    for (let n = 0; n < 4100; n++) gifts.add(`g${n}`);
    await relay.advance(100);
    for (let n = 1; n <= 4096; n++) expect((await lazy.next()).value).toMatchObject({ number: n });
    await expect(lazy.next()).rejects.toMatchObject({ code: 'overloaded' });
    expect(await lazy.next()).toEqual({ value: undefined, done: true });
    room.close();
  });
});

type Step =
  | { do: 'give' }
  | { do: 'other' }
  | { do: 'kill' }
  | { do: 'repeat'; record: number }
  | { do: 'skip' }
  | { do: 'wait'; ms: number };

describe('whatever happens between', () => {
  it('each gift has one record and one answer, and each record is shown once and in order', async () => {
    const fate = fc.constantFrom<Fate>(
      'answered',
      'answered',
      'lost',
      'deaf',
      { code: 'rate_limited', retryable: true },
      { code: 'ledger_unavailable', retryable: true },
    );
    const step = fc.oneof<fc.Arbitrary<Step>[]>(
      fc.constant({ do: 'give' }),
      fc.constant({ do: 'other' }),
      fc.constant({ do: 'kill' }),
      fc.record({ do: fc.constant('repeat'), record: fc.nat(50) }),
      fc.constant({ do: 'skip' }),
      fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(1, 5, 30, 400) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.infiniteStream(fate), async (steps, fates) => {
        const { relay, gifts } = start();
        const map = new MapStorage();
        const room = relay.entry.connectRoom(TARGET, { gifts: { after: 0, storage: webGiftStorage('g', map) } });
        gifts.fate = () => fates.next().value;
        const shown: number[] = [];
        room.on('gift', ({ number }) => shown.push(number!));
        const given: { jti: string; outcome: ReturnType<typeof watched> }[] = [];
        for (const [index, each] of steps.entries()) {
          if (each.do === 'give') given.push({ jti: `g${index}`, outcome: watched(room.gift(`g${index}`)) });
          else if (each.do === 'other') gifts.add(`o${index}`);
          else if (each.do === 'kill') relay.sessions.at(-1)?.transport.kill();
          else if (each.do === 'wait') await relay.advance(each.ms);
          else if (each.do === 'skip') gifts.tell({ ...(gifts.records.at(-1) ?? record), n: gifts.records.length + 7 });
          else if (gifts.records.length > 0) gifts.tell(gifts.records[each.record % gifts.records.length]!);
        }
        gifts.fate = () => 'answered';
        await relay.advance(12_000);
        expect(shown).toEqual(gifts.records.map(({ n }) => n));
        for (const { jti, outcome } of given) {
          const records = gifts.records.filter((each) => each.jti === jti);
          expect(records).toHaveLength(1);
          expect(outcome.receipt?.number).toBe(records[0]!.n);
        }
        expect(map.map.size).toBe(0);
        room.close();
        await relay.advance(300);
        expect(relay.timers).toBe(0);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

const record = {
  t: 'gift',
  n: 1,
  kind: 'gift',
  jti: 'x',
  sub: 'bo',
  liver: 'mio',
  item: 'star',
  amount: 1,
  currency: 'JPY',
  at: 1,
} as const;
