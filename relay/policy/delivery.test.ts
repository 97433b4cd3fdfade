import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changes, lagP99, type Scenario, simulate, type Way } from '../test/delivery-simulation.ts';
import { RoomDelivery } from './room.ts';
import { TUNING } from './tuning.ts';

const DIRECT = { voice: 1, holdMs: 0, repair: 'none', spacingMs: 0, layer: 'all', slots: 255, patient: 0 } as const;
const always = (way: Way) => () => way;
const runs = { seed: 7, numRuns: 25 };
const SETTLED_MS = 20_000;

function one(scenario: Omit<Scenario, 'viewers'> & { down: (atMs: number) => Way; marginMs?: number; up?: Way }) {
  const { down, marginMs, up, ...rest } = scenario;
  const viewer = { down, ...(marginMs === undefined ? {} : { marginMs }), ...(up === undefined ? {} : { up }) };
  return simulate({ ...rest, viewers: [viewer] })[0]!;
}

const last = (result: ReturnType<typeof one>) => result.decisions.at(-1)!.decision;
const voiceAt = (result: ReturnType<typeof one>, atMs: number) =>
  result.decisions.findLast((d) => d.atMs <= atMs)!.decision.delivery.voice;

describe('the lag budget', () => {
  it.each([
    [{ delayMs: 5, jitterMs: 2 }, 3, 17, 95],
    // Look-ahead 6.5, packet 20, both ways 48.6, holding 20, playout 2: what the network leaves is spent to the last ms.
    [{ delayMs: 20, jitterMs: 5 }, 2, 25, 97.5],
  ])('%j each way: %i voice packets a datagram', (way, voice, perSecond, atMostMs) => {
    const result = one({ seconds: 60, uplink: always(way), down: always(way) });
    expect(last(result).delivery).toMatchObject({ voice, repair: 'none', layer: 'all', slots: 255 });
    expect(lagP99(result, SETTLED_MS)).toBeLessThanOrEqual(atMostMs);
    const before = one({ seconds: 30, uplink: always(way), down: always(way) });
    expect((result.sent - before.sent) / 30).toBeLessThanOrEqual(perSecond + 1);
  });

  const link = fc.record({
    delayMs: fc.integer({ min: 1, max: 45 }),
    jitter: fc.double({ min: 0, max: 0.4, noNaN: true }),
  });
  const paths = fc.tuple(link, link, fc.integer({ min: 5, max: 25 }), fc.integer({ min: 80, max: 150 }));
  const way = ({ delayMs, jitter }: { delayMs: number; jitter: number }) => ({ delayMs, jitterMs: delayMs * jitter });

  it('is kept on any steady path where sending at once would keep it', () => {
    fc.assert(
      fc.property(paths, ([up, down, marginMs, budgetMs]) => {
        const scenario = { seconds: 60, uplink: always(way(up)), down: always(way(down)), marginMs, budgetMs };
        const direct = lagP99(one({ ...scenario, forced: DIRECT }), SETTLED_MS);
        expect(lagP99(one(scenario), SETTLED_MS)).toBeLessThanOrEqual(Math.max(budgetMs, direct + 1));
      }),
      runs,
    );
  });

  it('is spent: no path keeps twenty ms that one more voice packet would take', () => {
    fc.assert(
      fc.property(paths, ([up, down, marginMs, budgetMs]) => {
        const result = one({
          seconds: 60,
          uplink: always(way(up)),
          down: always(way(down)),
          marginMs,
          budgetMs,
        });
        const unused = budgetMs - TUNING.reserveMs - lagP99(result, SETTLED_MS);
        expect(last(result).delivery.voice === 4 || unused < 20 + 6).toBe(true);
      }),
      runs,
    );
  });

  it('is not spent on more voice packets a datagram than the operator has allowed, on a busy relay neither', () => {
    const voices = (maxVoice: 1 | 2 | 4, rttMs: number, busy: 0 | 1 | 2) => {
      const path = { rttMs, minRttMs: rttMs, packetsOut: 0, packetsLost: 0, dropped: 0, queueBytes: 0 };
      const room = new RoomDelivery(100, { viewerBytes: 6000, roomBytes: 50_000 }, { ...TUNING, maxVoice });
      room.watching(1);
      room.uplink(0, { received: 80, lost: 0, duplicate: 0, lagP50Ms: 6, lagP99Ms: 9, uncertaintyMs: 1 }, 20, 0);
      const step = (now: number) => room.decide(1, { ...path, packetsOut: now }, { conversing: false, busy }, now)!;
      return Array.from({ length: 20 }, (_, n) => step(500 * n).decision.delivery.voice).at(-1);
    };
    expect([voices(4, 10, 0), voices(2, 10, 0), voices(1, 10, 0)]).toEqual([4, 2, 1]);
    expect([voices(4, 160, 0), voices(4, 160, 1), voices(4, 160, 2)]).toEqual([1, 2, 3]);
    expect([voices(2, 160, 2), voices(1, 160, 2)]).toEqual([2, 1]);
  });

  it('control: a policy that takes the uplink for nothing breaks it', () => {
    const far = { delayMs: 30, jitterMs: 3 };
    const near = { delayMs: 5, jitterMs: 1 };
    const scenario = { seconds: 60, uplink: always(far), down: always(near) };
    expect(lagP99(one(scenario), SETTLED_MS)).toBeLessThanOrEqual(100);
    const blind = { ...TUNING, reserveMs: TUNING.reserveMs - 50 };
    expect(lagP99(one({ ...scenario, tuning: blind }), SETTLED_MS)).toBeGreaterThan(100);
  });

  it('comes first when the path gets longer: fewer are held at the next step but one', () => {
    const near = { delayMs: 5, jitterMs: 2 };
    const far = { delayMs: 35, jitterMs: 2 };
    const result = one({ seconds: 60, uplink: always(near), down: (atMs) => (atMs < 30_000 ? near : far) });
    expect(voiceAt(result, 29_999)).toBe(3);
    expect(voiceAt(result, 32_000)).toBe(1);
    expect(lagP99(result, 32_000)).toBeLessThanOrEqual(100);
  });
});

describe('steadiness', () => {
  /** Just where two packets a datagram fit and do not. */
  const edge = (tuning = TUNING) =>
    Array.from({ length: 7 }, (_, n) => {
      const result = one({
        seconds: 600,
        seed: n + 1,
        tuning,
        uplink: always({ delayMs: 20, jitterMs: 6 }),
        down: always({ delayMs: 17.5 + n / 2, jitterMs: 6 }),
      });
      return changes(result, 30_000);
    });

  it('does not swing at the edge', () => {
    for (const count of edge()) expect(count).toBeLessThanOrEqual(20);
  });

  it('control: without waiting, without a band and without a mean it swings', () => {
    const hasty = { ...TUNING, upHoldMs: 0, maxUpHoldMs: 0, upSlackMs: 0, downSlackMs: 0, roundTripMs: 0 };
    expect(Math.max(...edge(hasty))).toBeGreaterThan(100);
  });

  it('does not swing with any loss', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.15, noNaN: true }), fc.integer({ min: 1, max: 99 }), (loss, seed) => {
        const near = { delayMs: 5, jitterMs: 2 };
        const result = one({ seconds: 600, seed, uplink: always(near), down: always({ ...near, loss }) });
        expect(changes(result, 30_000)).toBeLessThanOrEqual(20);
      }),
      { ...runs, numRuns: 12 },
    );
  });
});

describe('loss', () => {
  const near = { delayMs: 5, jitterMs: 2 };

  it.each([0.01, 0.03, 0.05])('of %d is repaired in time', (loss) => {
    const scenario = { seconds: 120, uplink: always(near), down: always({ ...near, loss }) };
    const result = one(scenario);
    const share = ({ missing, lags }: ReturnType<typeof one>) => missing.length / (missing.length + lags.length);
    expect(share(result)).toBeLessThan(0.005);
    expect(lagP99(result, SETTLED_MS)).toBeLessThanOrEqual(95);
    expect(share(one({ ...scenario, forced: DIRECT }))).toBeGreaterThan(0.8 * loss);
  });

  it('of next to nothing costs no repair', () => {
    const result = one({ seconds: 300, uplink: always(near), down: always({ ...near, loss: 0.0003 }) });
    const repaired = result.decisions.filter(({ decision }) => decision.delivery.repair !== 'none');
    expect(repaired.length / result.decisions.length).toBeLessThan(0.1);
  });

  it('in bursts gets all motion since the key, and is forgotten after them', () => {
    const bursts = { ...near, burst: { goodMs: 1500, badMs: 250 } };
    const result = one({
      seconds: 150,
      uplink: always(near),
      down: (atMs) => (atMs >= 30_000 && atMs < 50_000 ? bursts : near),
    });
    expect(voiceAt(result, 29_999)).toBe(3);
    const during = result.decisions.filter(({ atMs }) => atMs >= 35_000 && atMs < 50_000);
    expect(during.every(({ decision }) => decision.delivery.repair === 'since_key')).toBe(true);
    expect(last(result).delivery).toMatchObject({ voice: 3, repair: 'none', layer: 'all', slots: 255 });
    expect(last(result).level).toBe(0);
  });
});

describe('congestion', () => {
  const up = { delayMs: 20, jitterMs: 3 };
  const narrow = (rateKbps: number, tuning = TUNING) =>
    one({
      seconds: 300,
      tuning,
      uplink: always({ delayMs: 5, jitterMs: 2 }),
      up,
      down: always({ ...up, rateKbps, queueMs: 200 }),
    });
  const lossAfter = ({ missing, lags }: ReturnType<typeof one>) => {
    const lost = missing.filter(({ atMs }) => atMs > SETTLED_MS).length;
    return lost / (lost + lags.filter(({ atMs }) => atMs > SETTLED_MS).length);
  };

  it.each([64, 48])('fits into %i kbit/s by larger datagrams', (rate) => {
    const result = narrow(rate);
    expect(lossAfter(result)).toBeLessThan(0.005);
    expect(changes(result, 30_000)).toBeLessThanOrEqual(20);
  });

  it('control: without the ladder 48 kbit/s lose a tenth', () => {
    expect(lossAfter(narrow(48, { ...TUNING, worseMs: 1e12, upHoldMs: 1e12 }))).toBeGreaterThan(0.1);
  });

  it('gives up motion before voice', () => {
    const result = narrow(40);
    const layers = new Set(result.decisions.map(({ decision }) => decision.delivery.layer));
    expect(layers).toContain('keys');
  });

  it('comes back step by step when the path is wide again', () => {
    const result = one({
      seconds: 400,
      uplink: always({ delayMs: 5, jitterMs: 2 }),
      up,
      down: (atMs) => ({ ...up, ...(atMs > 30_000 && atMs < 60_000 ? { rateKbps: 30 } : {}) }),
    });
    const at = (atMs: number) => result.decisions.findLast((d) => d.atMs <= atMs)!.decision;
    const worst = result.decisions.filter(({ atMs }) => atMs > 30_000 && atMs < 60_000);
    expect(Math.max(...worst.map(({ decision }) => decision.level))).toBeGreaterThanOrEqual(3);
    expect(last(result)).toMatchObject({ level: 0, delivery: { layer: 'all', repair: 'none' } });
    expect(last(result).delivery.voice).toBe(at(29_000).delivery.voice);
    for (let n = 1; n < result.decisions.length; n++) {
      const step = result.decisions[n - 1]!.decision.level - result.decisions[n]!.decision.level;
      expect(step).toBeLessThanOrEqual(1);
    }
  });

  it('is not seen in a longer route, nor in plain loss', () => {
    const route = one({
      seconds: 120,
      uplink: always({ delayMs: 5, jitterMs: 2 }),
      down: (atMs) => ({ delayMs: atMs < 40_000 ? 20 : 90, jitterMs: 3, loss: 0.03 }),
    });
    expect(last(route).level).toBe(0);
  });
});

describe('reports', () => {
  const near = { delayMs: 5, jitterMs: 2 };
  const honest = { down: always({ ...near, loss: 0.02 }) };
  const calm = { down: always(near) };
  const uplink = always({ delayMs: 20, jitterMs: 3 });

  it('that lie change nothing for the others, and gain nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double(), fc.constantFrom(0, -1, 1e9, Number.POSITIVE_INFINITY)), {
          minLength: 1,
          maxLength: 40,
        }),
        (lies) => {
          const reportMs = (atMs: number) => lies[Math.floor(atMs / 1000) % lies.length]!;
          const truth = simulate({ seconds: 60, uplink, viewers: [calm, honest, calm] });
          const lied = simulate({ seconds: 60, uplink, viewers: [{ ...calm, reportMs }, honest, calm] });
          expect(lied[1]).toEqual(truth[1]);
          expect(lied[2]).toEqual(truth[2]);
          // No repair without loss, and datagrams no sooner than at once.
          expect(lied[0]!.decisions.every(({ decision }) => decision.delivery.repair === 'none')).toBe(true);
          const direct = simulate({ seconds: 60, uplink, viewers: [calm, honest, calm], forced: DIRECT });
          expect(lied[0]!.bytes).toBeLessThanOrEqual(direct[0]!.bytes);
        },
      ),
      { ...runs, numRuns: 10 },
    );
  });

  it('control: the margin does count for the viewer itself', () => {
    const voice = (marginMs: number) =>
      simulate({ seconds: 30, uplink, viewers: [{ ...calm, reportMs: () => marginMs }] })[0]!.decisions.at(-1)!.decision
        .delivery.voice;
    expect([voice(2), voice(60)]).toEqual([3, 1]);
  });

  it('without any, the margin is 20 ms', () => {
    const [silent] = simulate({ seconds: 30, uplink, viewers: [{ ...calm, reportMs: () => Number.NaN }] });
    const [twenty] = simulate({ seconds: 30, uplink, viewers: [{ ...calm, reportMs: () => 20 }] });
    expect(silent!.decisions.at(-1)).toEqual(twenty!.decisions.at(-1));
  });

  it('and bad paths cost the others nothing', () => {
    const satellite = { down: always({ delayMs: 300, jitterMs: 30, loss: 0.1, rateKbps: 40 }) };
    const alone = simulate({ seconds: 60, uplink, viewers: [honest, honest] });
    const beside = simulate({ seconds: 60, uplink, viewers: [honest, satellite] });
    const classes = (result: (typeof alone)[number]) => result.decisions.map(({ decision }) => decision.delivery);
    expect(classes(beside[0]!).at(-1)).toEqual(classes(alone[0]!).at(-1));
    expect(lagP99(beside[0]!, SETTLED_MS)).toBeLessThanOrEqual(95);
  });
});

describe('repair on request', () => {
  const near = { delayMs: 5, jitterMs: 2, loss: 0.04 };
  const uplink = always({ delayMs: 5, jitterMs: 2 });

  it('serves a near viewer that asks, with fewer packets and half the bytes, in the budget', () => {
    const [asking, silent] = simulate({
      seconds: 120,
      uplink,
      viewers: [
        { down: always(near), up: { delayMs: 5, jitterMs: 2 }, asks: true },
        { down: always(near), up: { delayMs: 5, jitterMs: 2 } },
      ],
    });
    expect(last(asking!).delivery.repair).toBe('request');
    expect(last(asking!).delivery.voice).toBeGreaterThanOrEqual(2);
    // Control: who does not say that it asks is repeated to.
    expect(silent!.decisions.every(({ decision }) => decision.delivery.repair !== 'request')).toBe(true);
    expect(asking!.bytes).toBeLessThan(0.65 * silent!.bytes);
    const missing = asking!.missing.filter(({ atMs }) => atMs > SETTLED_MS).length;
    expect(missing / (80 * 90)).toBeLessThan(0.002);
    expect(lagP99(asking!, SETTLED_MS)).toBeLessThanOrEqual(95);
    expect(changes(asking!, SETTLED_MS)).toBeLessThanOrEqual(4);
  });

  it('is not for a round trip that does not fit, nor for bursts', () => {
    for (const down of [
      { delayMs: 35, jitterMs: 10, loss: 0.04 },
      { delayMs: 5, jitterMs: 2, burst: { goodMs: 6000, badMs: 400 } },
    ]) {
      const [result] = simulate({ seconds: 90, uplink, viewers: [{ down: always(down), asks: true }] });
      const late = result!.decisions.filter(({ atMs }) => atMs > SETTLED_MS);
      expect(late.filter(({ decision }) => decision.delivery.repair === 'request').length).toBeLessThan(8);
    }
  });
});

describe('repair bytes', () => {
  const lossy = { down: always({ delayMs: 5, jitterMs: 2, loss: 0.05 }) };
  const uplink = always({ delayMs: 5, jitterMs: 2 });
  const viewers = Array.from({ length: 10 }, () => lossy);
  const repairing = (roomRepairBytes: number) =>
    simulate({ seconds: 60, uplink, viewers, roomRepairBytes }).filter(
      (result) => result.decisions.at(-1)!.decision.delivery.repair !== 'none',
    ).length;

  it('stay below the bound of the room', () => {
    expect(repairing(1e9)).toBe(10);
    const some = repairing(16_000);
    expect(some).toBeGreaterThanOrEqual(2);
    expect(some).toBeLessThanOrEqual(4);
    expect(repairing(0)).toBe(0);
  });

  it('of a viewer that may not have them are told as denied', () => {
    const [result] = simulate({ seconds: 60, uplink, viewers: [lossy], roomRepairBytes: 0 });
    expect(result!.decisions.at(-1)!.decision.repairDenied).toBe(true);
  });

  it('that the motion since the key makes too dear leave the viewer one repeat, for a minute', () => {
    const room = new RoomDelivery(100, { viewerBytes: 6000, roomBytes: 1e6 });
    room.watching(1);
    const path = { rttMs: 10, minRttMs: 9, packetsOut: 0, packetsLost: 0, dropped: 0, queueBytes: 0 };
    const counts = { received: 100, lost: 0, duplicate: 0, lagP99Ms: 27, uncertaintyMs: 1 };
    const traffic = { members: 1, bytesOut: 0, repairBytesOut: 0 };
    let kind = '';
    const seconds = (from: number, to: number, repairBytes: number) => {
      for (let second = from; second < to; second += 1) {
        const now = 1000 * second;
        room.uplink(0, counts, 20, now);
        traffic.bytesOut += 4000 + repairBytes;
        traffic.repairBytesOut += repairBytes;
        room.traffic({ ...traffic }, now);
        path.packetsOut += 80;
        path.packetsLost += 12;
        kind = room.decide(1, { ...path }, { conversing: false, busy: 0 }, now)!.decision.delivery.repair;
      }
    };
    seconds(0, 8, 4000);
    expect(kind).toBe('since_key');
    seconds(8, 10, 9000);
    expect(kind).toBe('repeat');
    seconds(10, 60, 4000);
    expect(kind).toBe('repeat');
    seconds(60, 80, 4000);
    expect(kind).toBe('since_key');
  });
});
