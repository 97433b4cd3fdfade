import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ledgerError } from './errors.ts';
import {
  type GiftTicket,
  MemoryLedger,
  type Receipt,
  type RegionLedger,
  type SpooledGift,
  SpoolingLedger,
} from './index.ts';

const ticketOf = (jti: string, amount = 100): GiftTicket => {
  return { jti, room: 'r', sender: 'ann', liver: 'mio', item: 'star', amount, currency: 'JPY', reg: 'jp' };
};

/** What all relays of a region see; each by its own way, which may be cut. */
class Region {
  readonly ledger = new MemoryLedger();
  /** Relays that do not reach it. */
  readonly cut = new Set<string>();
  /** It writes, and the answer gets lost. */
  deaf = false;

  reach(relay: string): RegionLedger {
    const { ledger } = this;
    const guarded = new Proxy(ledger, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== 'function' || name === 'stats' || name === 'close') return value;
        return async (...args: unknown[]) => {
          if (this.cut.has(relay)) throw ledgerError('ledger_unavailable', 'cut');
          const answer = await (value as (...all: unknown[]) => Promise<unknown>).apply(target, args);
          if (this.deaf) throw ledgerError('ledger_unavailable', 'the answer got lost');
          return answer;
        };
      },
    });
    return Object.assign(guarded, { follow: () => () => {}, close: async () => {} }) as unknown as RegionLedger;
  }
}

interface Relay {
  ledger: SpoolingLedger<RegionLedger>;
  spool: MemoryLedger;
  conflicts: SpooledGift[];
  reached: boolean[];
  dead: boolean;
}

async function relays(region: Region, names: string[]): Promise<Map<string, Relay>> {
  const all = new Map<string, Relay>();
  for (const name of names) {
    const spool = new MemoryLedger();
    const relay: Omit<Relay, 'ledger'> = { spool, conflicts: [], reached: [], dead: false };
    const ledger = await SpoolingLedger.open({
      open: async () => {
        if (region.cut.has(name)) throw ledgerError('ledger_unavailable', 'cut');
        return region.reach(name);
      },
      spool,
      second: {
        store: async (gift) => {
          const [, other] = [...all].find(([key, each]) => key !== name && !each.dead) ?? [];
          if (!other) throw new Error('no other relay');
          await other.ledger.keep(gift);
        },
      },
      connected: () => true,
      onReach: (reached) => relay.reached.push(reached),
      onConflict: (gift) => relay.conflicts.push(gift),
      setTimer: () => ({}),
      clearTimer: () => {},
    });
    all.set(name, Object.assign(relay, { ledger }));
  }
  return all;
}

async function two(region = new Region()) {
  const all = await relays(region, ['a', 'b']);
  return { region, a: all.get('a')!, b: all.get('b')! };
}

describe('a gift while NATS is away', () => {
  it('is taken by two disks, and brought to the region by either when NATS is back', async () => {
    for (const dies of ['a', 'b', 'neither'] as const) {
      const { region, a, b } = await two();
      region.cut.add('a').add('b');
      const receipt = await a.ledger.claim(ticketOf('one'), 5);
      expect(receipt).toEqual({ id: null, room: 'r', sequence: null, atMs: 5, repeat: false });
      expect(await a.ledger.claim(ticketOf('one'), 9)).toMatchObject({ atMs: 5, repeat: true });
      expect(await a.ledger.find('one')).toMatchObject({ key: 'one', sequence: null });
      expect(await b.spool.find('one')).toMatchObject({ atMs: 5 });
      region.cut.clear();
      // With its disk.
      if (dies !== 'a') await a.ledger.retry();
      if (dies !== 'b') await b.ledger.retry();
      const records = await region.ledger.since(0, 10);
      expect(records.map(({ key, atMs }) => [key, atMs])).toEqual([['one', 5]]);
      expect(a.reached).toEqual(dies === 'a' ? [true, false] : [true, false, true]);
      const again = await b.ledger.claim(ticketOf('one'), 99);
      expect(again).toMatchObject({ id: 1, atMs: 5, repeat: true });
    }
  });

  it('is held by both disks until each has brought it: neither machine may go before', async () => {
    const { region, a, b } = await two();
    region.cut.add('a').add('b');
    await a.ledger.claim(ticketOf('one'), 5);
    expect([await a.ledger.held(), await b.ledger.held()]).toEqual([1, 1]);
    region.cut.clear();
    await a.ledger.retry();
    expect([await a.ledger.held(), await b.ledger.held()]).toEqual([0, 1]);
    await b.ledger.retry();
    expect(await b.ledger.held()).toBe(0);
  });

  it('is refused without a second disk, and nobody knows whether it was taken', async () => {
    const { region, a, b } = await two();
    region.cut.add('a');
    b.dead = true;
    const away = { code: 'ledger_unavailable', retryable: true };
    await expect(a.ledger.claim(ticketOf('one'), 5)).rejects.toMatchObject(away);
    await expect(a.ledger.find('two')).rejects.toMatchObject(away);
    b.dead = false;
    // Nobody was told of it: this is the first answer.
    expect(await a.ledger.claim(ticketOf('one'), 6)).toMatchObject({ atMs: 5, repeat: false });
    expect(await a.ledger.claim(ticketOf('one'), 7)).toMatchObject({ atMs: 5, repeat: true });
  });

  it('is one gift when the region had written it and only the answer was lost', async () => {
    const { region, a } = await two();
    region.deaf = true;
    expect(await a.ledger.claim(ticketOf('one'), 5)).toMatchObject({ id: null, repeat: false });
    region.deaf = false;
    await a.ledger.retry();
    expect(await region.ledger.since(0, 10)).toHaveLength(1);
    expect(await a.spool.outbox(1e9, 10)).toEqual([]);
  });

  it('is told of when its jti turns out to be another gift', async () => {
    const { region, a, b } = await two();
    await b.ledger.claim(ticketOf('one', 100), 1);
    region.cut.add('a');
    expect(await a.ledger.claim(ticketOf('one', 999), 2)).toMatchObject({ repeat: false });
    region.cut.clear();
    await a.ledger.retry();
    expect(a.conflicts).toEqual([{ ticket: ticketOf('one', 999), atMs: 2 }]);
    expect(await a.spool.deadLetters(0, 10)).toHaveLength(1);
  });

  it('can be the first of all: a relay that starts without NATS', async () => {
    const region = new Region();
    region.cut.add('a').add('b');
    const { a } = await two(region);
    expect(a.ledger.reached).toBe(false);
    await a.ledger.claim(ticketOf('one'), 5);
    region.cut.clear();
    await a.ledger.retry();
    expect(a.ledger.reached).toBe(true);
    expect(await region.ledger.since(0, 10)).toHaveLength(1);
  });

  it('is neither lost nor doubled whatever is cut, lost or dies', async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('claim' as const),
          relay: fc.nat(2),
          jti: fc.integer({ min: 1, max: 9 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), relay: fc.nat(2), on: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('deaf' as const), on: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('retry' as const), relay: fc.nat(2) }) },
    );
    let spooled = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), fc.nat(2), async (steps, dies) => {
        const region = new Region();
        const names = ['a', 'b', 'c'];
        const all = [...(await relays(region, names)).values()];
        const acked = new Map<string, Receipt[]>();
        let now = 0;
        for (const each of steps) {
          now += 1;
          if (each.do === 'claim') {
            const jti = `jti-${each.jti}`;
            const receipt = await all[each.relay]!.ledger.claim(ticketOf(jti), now).catch(() => undefined);
            if (receipt?.id === null) spooled += 1;
            if (receipt) acked.set(jti, [...(acked.get(jti) ?? []), receipt]);
          } else if (each.do === 'cut') {
            if (each.on) region.cut.add(names[each.relay]!);
            else region.cut.delete(names[each.relay]!);
          } else if (each.do === 'deaf') region.deaf = each.on;
          else await all[each.relay]!.ledger.retry();
        }
        // One of them for ever, with its disk.
        region.cut.clear();
        region.deaf = false;
        for (const [n, relay] of all.entries()) if (n !== dies) await relay.ledger.retry();
        const records = await region.ledger.since(0, 1000);
        const keys = records.map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        for (const [jti, receipts] of acked) {
          expect(keys).toContain(jti);
          const ids = receipts.flatMap(({ id }) => id ?? []);
          expect(new Set(ids).size).toBeLessThanOrEqual(1);
        }
      }),
      { seed: 20_261_129, numRuns: 200 },
    );
    expect(spooled).toBeGreaterThan(100);
  });
});
