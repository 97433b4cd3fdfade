import type { RouteReport, WatchStats } from '@hayate/client';
import { describe, expect, it } from 'vitest';
import { HOPS, msOf, totalOf } from './chart.ts';
import { bitrate } from './costs.ts';
import { Meter } from './meter.ts';

const SLOT = 2;
const unit = (lagMs: number, receivedMs: number, slot = SLOT) => ({
  ...{ slot, lagMs, receivedMs, uncertaintyMs: 3, backlog: false },
});
const lags = { p50: 0, p95: 0, p99: 0 };
const counts = (received: number, lost: number, behind: number, repeats: number) => ({
  ...{ received, lost, late: behind, duplicate: repeats, undecodable: 0, lagMs: lags, uncertaintyMs: 0, jitterMs: 0 },
});

function stats(n: number, more: Partial<WatchStats> = {}): WatchStats {
  const kind = (late: number) => ({ expected: 0, onTime: 0, late, stale: 0, lagMs: lags });
  const playout = { delayMs: 80, voiceDelayMs: 80, exactRatio: 1, voiceGapRatio: 0, marginMs: 0 };
  return {
    slots: new Map([
      [
        SLOT,
        {
          motion: counts(60 * n, n, 2 * n, 0),
          voice: counts(50 * n, 0, 0, 3 * n),
          playout: { ...playout, motion: kind(n), voice: kind(n), skewMs: { least: 0, most: 0 } },
        },
      ],
    ]),
    dropped: {},
    rttMs: 10,
    clockUncertaintyMs: 5,
    bundles: { datagrams: 25 * n, bytes: 2500 * n, units: 110 * n, voiceUnits: 50 * n, heldMs: 1100 * n },
    asked: 4 * n,
    ...more,
  };
}

const route = (from?: { relay: string; rttMs: number }): RouteReport => ({
  slots: [{ slot: SLOT, lagMs: { p50: 8, p99: 12 }, uncertaintyMs: 2, loss: 0, ...(from && { from }) }],
});

/** A second of units whose lags are 20 to 40 ms, and of counts. */
function fed(): Meter {
  const meter = new Meter();
  for (let n = 0; n <= 20; n += 1) meter.unit(unit(20 + n, 1000 + n * 40));
  meter.unit(unit(900, 1500, 5));
  meter.read(SLOT, stats(1), { delayMs: 80 }, 900);
  return meter;
}

describe('meter', () => {
  it('splits the time from capture to presentation by hops that add up to it', () => {
    const meter = fed();
    meter.route = route();
    const { hops, arrival } = meter.read(SLOT, stats(2), { delayMs: 80 }, 1900);
    expect(arrival).toEqual({ ms: 30, uncertaintyMs: 3 });
    // 10 ms a unit in the datagrams; what is left of 30 ms is the way from the relay.
    expect(hops).toEqual({
      up: { ms: 8, uncertaintyMs: 2 },
      trunk: undefined,
      hold: 10,
      down: { ms: 12, uncertaintyMs: 5 },
      playout: 50,
    });
    expect(totalOf(hops!)).toBe(80);
  });

  it('shows the way between two relays apart, as wrong as it can be', () => {
    const meter = fed();
    meter.route = route({ relay: 'jp-1', rttMs: 6 });
    const { hops } = meter.read(SLOT, stats(2), { delayMs: 80 }, 1900);
    expect(hops).toMatchObject({ up: { ms: 5, uncertaintyMs: 2 }, trunk: { ms: 3, uncertaintyMs: 3 } });
    expect(HOPS.map((hop) => msOf(hops!, hop))).toEqual([5, 3, 10, 12, 50]);
  });

  it('invents nothing: no hops without the relay’s word, nor where nothing came', () => {
    const meter = fed();
    expect(meter.read(SLOT, stats(2), { delayMs: 80 }, 1900).hops).toBeUndefined();
    meter.route = { slots: [{ slot: SLOT, uncertaintyMs: 2, loss: 0 }] };
    expect(meter.read(SLOT, stats(2), { delayMs: 80 }, 1900).hops).toBeUndefined();
    meter.route = route();
    const later = meter.read(SLOT, stats(2), { delayMs: 80 }, 4000);
    expect([later.arrival, later.hops]).toEqual([undefined, undefined]);
  });

  it('counts by the second, and begins anew with another session', () => {
    const meter = fed();
    expect(meter.read(SLOT, stats(2), { delayMs: 80 }, 1900).perSecond).toEqual({
      ...{ datagrams: 25, bytes: 2500, asked: 4 },
      ...{ lost: 1, late: 2, behind: 2, repeats: 3 },
    });
    const half = meter.read(SLOT, stats(3), { delayMs: 80 }, 2400);
    expect(half.perSecond.datagrams).toBeCloseTo(50 / 1.5, 6);
    expect(half.total).toEqual({ units: 333, lost: 3, late: 6, behind: 6, repeats: 9 });
    expect(meter.read(SLOT, stats(1), { delayMs: 80 }, 2500).perSecond.datagrams).toBe(0);
  });
});

it('counts headers in what media costs', () => {
  expect(bitrate({ bytes: 1000, datagrams: 10 })).toBe(8 * (1000 + 10 * 54));
});
