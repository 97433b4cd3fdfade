import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectForbidden, connectNats, type NatsRig, natsServer, startNats } from '../lab/lib/nats.ts';
import {
  type Amendment,
  type GiftTicket,
  type LedgerRecord,
  MemoryLedger,
  type PlacedRecord,
} from '../relay/ledger/index.ts';
import { type NatsLedger, openNatsLedger } from '../relay/ledger/nats/ledger.ts';

const REGIONS = ['jp', 'us'];
const server = await natsServer();
const missing = 'skip' in server ? server.skip : undefined;
if (missing !== undefined) console.log(`skipped: ${missing}`);

const ticketOf = (jti: string, room = 'r', reg = 'jp'): GiftTicket => {
  return { jti, room, sender: 'ann', liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg };
};

describe.skipIf(missing !== undefined).each([
  { how: 'in clear', secure: false },
  { how: 'with TLS, accounts and permissions of a region', secure: true },
])('gifts in NATS, two regions, $how', ({ secure }) => {
  let rig: NatsRig;
  const forbidden: string[] = [];
  const connections: Awaited<ReturnType<typeof connectNats>>[] = [];
  const ledgers: NatsLedger[] = [];
  let rooms = 0;
  /** Nothing is shared between tests: the streams stay. */
  const fresh = (name: string) => `${name}-${++rooms}`;

  const open = async (region: string) => {
    const nats = await connectNats(rig.region(region), rig.access(region, `${region}-1`));
    connections.push(nats);
    void collectForbidden(nats, forbidden);
    const ledger = await openNatsLedger({ nats, region, regions: REGIONS, copies: 1 });
    ledgers.push(ledger);
    return ledger;
  };
  let jp: NatsLedger;
  let us: NatsLedger;
  beforeAll(async () => {
    rig = await startNats({ regions: REGIONS, ...(secure && { secure: { relays: ['jp-1', 'us-1'] } }) });
    [jp, us] = await Promise.all([open('jp'), open('us')]);
  }, 60_000);
  afterAll(async () => {
    for (const ledger of ledgers) await ledger.close();
    for (const nats of connections) await nats.close();
    await rig?.stop();
    expect(forbidden).toEqual([]);
  });

  // Before a server is killed: readers that begin anew for that are not counted.
  it.skipIf(secure)('are followed without a pause while many come: no reader begins anew', async () => {
    const watching = await connectNats(rig.region('jp'));
    connections.push(watching);
    let made = 0;
    const advisories = watching.subscribe('$JS.EVENT.ADVISORY.CONSUMER.CREATED.GIFTS_jp.>');
    void (async () => {
      for await (const { subject } of advisories) if (!subject.includes('JS_MIRROR')) made += 1;
    })();
    await watching.flush();
    // Control: the reader of a ledger that opens is told of.
    const following = [jp, us, await open('us')];
    await expect.poll(() => made, { timeout: 10_000 }).toBeGreaterThan(0);
    const room = fresh('busy');
    const heard = following.map(() => new Set<string>());
    const unfollow = following.map((ledger, n) => ledger.follow(room, ({ key }) => heard[n]!.add(key)));
    let given = 0;
    const give = async () => {
      await jp.claim(ticketOf(`${room}-${given++}`, room), given);
      for (const each of heard) await expect.poll(() => each.size, { interval: 100, timeout: 10_000 }).toBe(given);
    };
    await give();
    const before = made;
    // For longer than a silence after which a reader counts as broken.
    const untilMs = performance.now() + 3500;
    while (performance.now() < untilMs) await give();
    expect(made).toBe(before);
    for (const stop of unfollow) stop();
  });

  it('take a jti once, whatever room and relay it comes by, and tell a repeat from another gift', async () => {
    const other = await open('jp');
    const jti = fresh('raced');
    const answers = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => (n % 2 ? jp : other).claim(ticketOf(jti, `room-${n % 3}`), 1000 + n)),
    );
    const taken = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(taken.filter(({ repeat }) => !repeat)).toHaveLength(1);
    expect(taken).toHaveLength(4);
    expect(new Set(taken.map(({ id, room, atMs }) => `${id} ${room} ${atMs}`)).size).toBe(1);
    for (const each of answers) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'gift_conflict', retryable: false });
    }
    expect(await other.find(jti)).toMatchObject({ id: taken[0]!.id, sequence: null, sender: 'ann' });
    expect(await jp.find('nobody')).toBeUndefined();
  });

  it('keep what was answered over a server that is killed, and say when NATS does not answer', async () => {
    const jti = fresh('kept');
    const first = await jp.claim(ticketOf(jti), 5);
    const { servers } = rig.region('jp');
    await servers[0]!.kill();
    await expect(jp.claim(ticketOf(fresh('away')), 6)).rejects.toMatchObject({
      code: 'ledger_unavailable',
      retryable: true,
    });
    await servers[0]!.start();
    await rig.region('jp').ready();
    await expect
      .poll(() => jp.claim(ticketOf(jti), 7).catch(() => undefined), { timeout: 10_000 })
      .toEqual({ ...first, repeat: true });
  }, 30_000);

  it('get their places from the origin, in both regions, and are shown before', async () => {
    const room = fresh('room');
    const heard: Record<string, string[]> = { jp: [], us: [] };
    const far: PlacedRecord[] = [];
    for (const ledger of [jp, us]) {
      ledger.follow(room, ({ key, sequence }) => heard[ledger.store.region]!.push(`${key} ${sequence}`));
    }
    us.follow(room, (record) => record.sequence !== null && far.push(record as PlacedRecord));
    const [a, b] = [fresh('a'), fresh('b')];
    await us.claim(ticketOf(a, room, 'us'), 1);
    // No origin yet: both regions know of the gift, and nobody of its place.
    for (const region of REGIONS) await expect.poll(() => heard[region], { timeout: 10_000 }).toEqual([`${a} null`]);
    const stop = jp.sequence(room, 1);
    await expect.poll(() => far.length, { timeout: 10_000 }).toBe(1);
    await jp.claim(ticketOf(b, room), 2);
    await expect
      .poll(() => far.map(({ key, sequence }) => [key, sequence]))
      .toEqual([
        [a, 1],
        [b, 2],
      ]);
    for (const ledger of [jp, us]) {
      // The copy in the other region follows what is written at home.
      await expect.poll(async () => (await ledger.head(room)).sequence, { timeout: 10_000 }).toBe(2);
      await expect.poll(() => ledger.resume(room, 0, 10), { timeout: 10_000 }).toEqual(far);
      expect(await ledger.resume(room, 1, 10)).toEqual(far.slice(1));
      expect(await ledger.resume(room, 2, 10)).toEqual([]);
    }
    stop();
  });

  it('resume from any place over many placements', async () => {
    const room = fresh('many');
    const count = 300;
    // Each is synced before it is answered: all at once would be too much for a busy disk.
    for (let n = 0; n < count; n += 30) {
      await Promise.all(Array.from({ length: 30 }, (_, i) => jp.claim(ticketOf(fresh('m'), room), n + i)));
    }
    const stop = jp.sequence(room, 1);
    await expect.poll(async () => (await us.head(room)).sequence, { timeout: 10_000 }).toBe(count);
    for (const after of [0, 1, 31, 32, 33, 150, 299]) {
      const page = await us.resume(room, after, 100);
      const length = Math.min(100, count - after);
      expect(page.map(({ sequence }) => sequence)).toEqual(Array.from({ length }, (_, n) => after + 1 + n));
    }
    stop();
  }, 30_000);

  it('go on in another region after a move, without a gap, and the former origin writes no more', async () => {
    const room = fresh('moved');
    const give = async (ledger: NatsLedger) => {
      await ledger.claim(ticketOf(fresh('g'), room, ledger.store.region), 1);
    };
    const placedIn = async (ledger: NatsLedger, count: number) => {
      await expect.poll(async () => (await ledger.head(room)).sequence, { timeout: 10_000 }).toBe(count);
    };
    const former = jp.sequence(room, 1);
    await give(jp);
    await give(us);
    await placedIn(us, 2);
    const next = us.sequence(room, 2);
    await give(us);
    await placedIn(us, 3);
    await give(jp);
    await placedIn(jp, 4);
    const all = await jp.resume(room, 0, 100);
    const rest = await jp.resume(room, all.length, 100);
    const keys = [...all, ...rest].map(({ sequence }) => sequence);
    expect(keys).toEqual([1, 2, 3, 4]);
    expect(new Set([...all, ...rest].map(({ key }) => key)).size).toBe(4);
    former();
    next();
  }, 30_000);

  it('take back no more than the gift, however many refunds race', async () => {
    const jti = fresh('refunded');
    await jp.claim(ticketOf(jti), 1);
    const refund = (n: number): Amendment => {
      return { kind: 'refund', key: `${jti}-${n}`, gift: jti, amount: 30, reason: 'r' };
    };
    const answers = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => jp.amend(refund(n), 10 + n)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const each of answers) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'gift_amended' });
    }
    const at = answers.findIndex(({ status }) => status === 'fulfilled');
    const first = (answers[at] as PromiseFulfilledResult<object>).value;
    expect(await jp.amend(refund(at), 99)).toEqual({ ...first, repeat: true });
  });

  it('agrees with the model on every answer and every record', async () => {
    const few = (name: string, count: number) => fc.integer({ min: 1, max: count }).map((n) => `${name}-${n}`);
    const claim = fc.record({
      do: fc.constant('claim' as const),
      jti: few('jti', 8),
      room: few('room', 2),
      amount: fc.constantFrom(100, 100, 100, 250),
    });
    const amend = fc.record({
      do: fc.constant('amend' as const),
      kind: fc.constantFrom('void' as const, 'refund' as const),
      key: few('key', 5),
      gift: few('jti', 8),
      amount: fc.constantFrom(30, 70),
    });
    const settle = fc.record({
      do: fc.constant('settle' as const),
      id: fc.integer({ min: 1, max: 15 }),
      outcome: fc.constantFrom('delivered' as const, 'retry' as const, 'dead' as const),
    });
    const redeliver = fc.record({ do: fc.constant('redeliver' as const), id: fc.integer({ min: 1, max: 15 }) });
    const move = fc.record({ do: fc.constant('move' as const), id: fc.nat(20) });
    const step = fc.oneof(
      { weight: 6, arbitrary: claim },
      { weight: 3, arbitrary: amend },
      { weight: 2, arbitrary: settle },
      { weight: 1, arbitrary: redeliver },
      { weight: 1, arbitrary: move },
    );
    let run = 0;
    // Relays are permitted the regions that there are.
    const nats = await connectNats(rig.region('jp'), rig.accessOf('jp', { name: 'model' }));
    connections.push(nats);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        // A region of its own each time: its ledger is empty.
        const region = `m${Date.now().toString(36)}${++run}`;
        const store = { nats, region, regions: [region], copies: 1, domain: 'jp' };
        const ledger = await openNatsLedger(store);
        const model = new MemoryLedger();
        let nowMs = 1000;
        const answer = async (call: Promise<unknown>) => {
          try {
            return { value: await call };
          } catch (error) {
            return { code: (error as { code: string }).code };
          }
        };
        const same = (value: unknown) => JSON.parse(JSON.stringify(value), (k, v) => (k === 'sequence' ? null : v));
        for (const each of steps) {
          nowMs += 1;
          const both = async (call: (of: MemoryLedger | NatsLedger) => Promise<unknown>) => {
            expect(same(await answer(call(ledger)))).toEqual(same(await answer(call(model))));
          };
          if (each.do === 'claim') {
            const { do: _, ...rest } = each;
            await both((of) => of.claim({ ...ticketOf(each.jti), ...rest }, nowMs));
          } else if (each.do === 'amend') {
            const { do: _, kind, amount, ...rest } = each;
            const what = kind === 'void' ? { kind } : { kind, amount };
            await both((of) => of.amend({ ...rest, ...what, reason: 'r' } as Amendment, nowMs));
          } else if (each.do === 'settle') {
            const outcome = { id: each.id, outcome: each.outcome, atMs: 9, nextAtMs: 5 };
            await both((of) => of.settle([outcome as never]).then(() => null));
          } else if (each.do === 'redeliver') await both((of) => of.redeliver([each.id]));
          else await both((of) => of.moveCursor('backend', each.id).then(() => null));
        }
        const all = await model.since(0, 1000);
        for (const call of [
          (of: MemoryLedger | NatsLedger) => of.since(0, 1000),
          (of: MemoryLedger | NatsLedger) => of.since(3, 2),
          (of: MemoryLedger | NatsLedger) => of.outbox(5, 1000),
          (of: MemoryLedger | NatsLedger) => of.outbox(4, 1000),
          (of: MemoryLedger | NatsLedger) => of.outbox(5, 3, 2),
          (of: MemoryLedger | NatsLedger) => of.deadLetters(0, 1000),
          (of: MemoryLedger | NatsLedger) => of.cursor('backend'),
        ]) {
          expect(same(await call(ledger))).toEqual(same(await call(model)));
        }
        for (const room of ['room-1', 'room-2']) {
          const stop = ledger.sequence(room, 1);
          const count = all.filter((record: LedgerRecord) => record.room === room).length;
          await expect
            .poll(async () => (await ledger.head(room)).sequence, { interval: 5, timeout: 10_000 })
            .toBe(count);
          expect(await ledger.resume(room, 0, 1000)).toEqual(await model.resume(room, 0, 1000));
          stop();
        }
        await ledger.close();
      }),
      { seed: 20_261_129, numRuns: 12 },
    );
  }, 120_000);
});
