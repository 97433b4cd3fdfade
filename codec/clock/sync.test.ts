import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Probe, wrap48 } from '../bundle/index.ts';
import { fuzz } from '../testing/fuzz.ts';
import { readVectors } from '../testing/vectors.ts';
import { ClockSync } from './index.ts';

const TOP = 2 ** 48;

function counter(): () => number {
  let id = 0;
  return () => ++id;
}

/** One exchange over a path; `offsetUs` is the true offset. Gives what `onReply` said. */
function exchange(sync: ClockSync, nowUs: number, path: { offsetUs: number; outUs: number; backUs: number }) {
  const probe = sync.nextProbe(nowUs)!;
  const t2 = Math.floor(nowUs + path.outUs + path.offsetUs);
  const t3 = t2 + 30;
  const t4 = t3 - path.offsetUs + path.backUs;
  return sync.onReply({ ...probe, t2Us: wrap48(t2), t3Us: wrap48(t3) }, t4);
}

describe('ClockSync', () => {
  it('sends eight probes 25 ms apart, then one each second', () => {
    const sync = new ClockSync({ randomId: counter() });
    const times: number[] = [];
    for (let now = 0; now <= 3_000_000; now += 1000) if (sync.nextProbe(now) !== undefined) times.push(now / 1000);
    expect(times).toEqual([0, 25, 50, 75, 100, 125, 150, 175, 1175, 2175]);
    expect(sync.nextProbeAtUs).toBe(3_175_000);
  });

  it('knows nothing before the first reply', () => {
    const sync = new ClockSync({ randomId: counter() });
    expect(sync.synced).toBe(false);
    expect(sync.offsetUs).toBeUndefined();
    expect(sync.toOwnUs(5, 5)).toBeUndefined();
    expect(sync.uncertaintyUs(0)).toBe(Number.POSITIVE_INFINITY);
  });

  it('finds the offset of a symmetric path exactly, with rtt / 2 as uncertainty that grows by 50 us a second', () => {
    const sync = new ClockSync({ randomId: counter() });
    expect(exchange(sync, 1_000_000, { offsetUs: -777_777, outUs: 5000, backUs: 5000 })).toBe('taken');
    expect(sync.offsetUs).toBe(-777_777);
    expect(sync.rttUs).toBe(10_000);
    const at = 1_000_000 + 10_030;
    expect(sync.uncertaintyUs(at)).toBe(5000);
    expect(sync.uncertaintyUs(at + 10_000_000)).toBe(5500);
    expect(sync.toOwnUs(wrap48(2_000_000 - 777_777), 2_000_000)).toBe(2_000_000);
  });

  it('errs by half the asymmetry, inside its uncertainty', () => {
    const sync = new ClockSync({ randomId: counter() });
    exchange(sync, 0, { offsetUs: 0, outUs: 60_000, backUs: 10_000 });
    expect(sync.offsetUs).toBe(25_000);
    expect(sync.uncertaintyUs(70_030)).toBe(35_000);
  });

  it('counts the least rtt of 30 s, then the least that is left', () => {
    const sync = new ClockSync({ randomId: counter() });
    const second = 1_000_000;
    exchange(sync, 0, { offsetUs: 0, outUs: 3000, backUs: 1000 });
    exchange(sync, 10 * second, { offsetUs: 0, outUs: 9000, backUs: 9000 });
    exchange(sync, 20 * second, { offsetUs: 0, outUs: 5000, backUs: 3000 });
    expect(sync.rttUs).toBe(4000);
    sync.uncertaintyUs(31 * second);
    expect(sync.rttUs).toBe(8000);
    // Without newer replies the last sample stays, and its age is told.
    expect(sync.uncertaintyUs(120 * second)).toBeGreaterThanOrEqual(4000 + 99 * 50);
    expect(sync.offsetUs).toBe(1000);
  });

  it('begins anew when a clock has jumped, and not when the path has changed or crystals drift', () => {
    const sync = new ClockSync({ randomId: counter() });
    const second = 1_000_000;
    exchange(sync, 0, { offsetUs: 7000, outUs: 2000, backUs: 2000 });
    // Another path, as unequal as can be: an offset that is true of both exists.
    exchange(sync, second, { offsetUs: 7000, outUs: 150_000, backUs: 1000 });
    exchange(sync, 29 * second, { offsetUs: 7000 + 29 * 200, outUs: 2500, backUs: 2500 });
    expect(sync.offsetUs).toBe(7000);
    // The device slept for 12 s of the peer's time.
    const slept = 12 * second;
    const at = sync.nextProbeAtUs;
    exchange(sync, at, { offsetUs: 7000 + slept, outUs: 40_000, backUs: 40_000 });
    expect(sync.offsetUs).toBe(7000 + slept);
    // And it asks as at first: the first sample after waking up may be a poor one.
    const times: number[] = [];
    for (let now = at + 80_030; now < at + second; now += 5000) if (sync.nextProbe(now)) times.push(now);
    expect(times).toHaveLength(8);
  });

  it('takes a reply once, and only one that was asked for', () => {
    const sync = new ClockSync({ randomId: counter() });
    const probe = sync.nextProbe(1000) as Probe;
    const reply = { ...probe, t2Us: 2000, t3Us: 2000 };
    expect(sync.onReply({ ...reply, id: 99 }, 3000)).toBe('unasked');
    expect(sync.onReply({ ...reply, t1Us: 1001 }, 3000)).toBe('unasked');
    expect(sync.onReply(reply, 3000)).toBe('taken');
    expect(sync.onReply(reply, 3000)).toBe('unasked');
  });

  it('takes times with fractions', () => {
    const sync = new ClockSync({ randomId: counter() });
    expect(exchange(sync, 1000.7, { offsetUs: 5, outUs: 10.5, backUs: 10.5 })).toBe('taken');
    expect(Number.isInteger(sync.offsetUs)).toBe(true);
  });

  it('refuses times that contradict each other, and replies older than 3 s', () => {
    const sync = new ClockSync({ randomId: counter() });
    const ask = (nowUs: number): Probe => sync.nextProbe(nowUs)!;
    expect(sync.onReply({ ...ask(0), t2Us: 10, t3Us: 9 }, 100)).toBe('implausible');
    expect(sync.onReply({ ...ask(25_000), t2Us: 0, t3Us: 101 }, 25_100)).toBe('implausible');
    expect(sync.onReply({ ...ask(50_000), t2Us: 0, t3Us: 0 }, 3_050_001)).toBe('unasked');
    expect(sync.synced).toBe(false);
  });

  it('forgets probes without a reply: at most 16 are held', () => {
    const sync = new ClockSync({ randomId: counter() });
    const sent: Probe[] = [];
    // Probes of one burst and 30 more, each asked the moment it is due.
    for (let n = 0; n < 38; n++) sent.push(sync.nextProbe(Math.max(0, sync.nextProbeAtUs))!);
    const now = sync.nextProbeAtUs;
    const taken = sent.filter((probe) => sync.onReply({ ...probe, t2Us: 0, t3Us: 0 }, now) === 'taken');
    expect(taken.length).toBeLessThanOrEqual(3);
  });

  it('the true offset is always within the uncertainty, whatever the paths and wraps', () => {
    const path = fc.record({
      outUs: fc.integer({ min: 0, max: 900_000 }),
      backUs: fc.integer({ min: 0, max: 900_000 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: TOP * 8 }),
        fc.integer({ min: -TOP / 2, max: TOP / 2 - 1 }),
        fc.array(path, { minLength: 1, maxLength: 40 }),
        (startUs, offsetUs, paths) => {
          const sync = new ClockSync({ randomId: counter() });
          let now = startUs;
          for (const each of paths) {
            now = Math.max(now, sync.nextProbeAtUs);
            expect(exchange(sync, now, { offsetUs, ...each })).toBe('taken');
            now += 2_000_000;
            // A peer's wire time taken now must come back as now.
            const error = sync.toOwnUs(wrap48(now + offsetUs), now)! - now;
            expect(Math.abs(error)).toBeLessThanOrEqual(sync.uncertaintyUs(now));
          }
        },
      ),
      fuzz(200),
    );
  });

  it.each(
    readVectors<Record<string, number> & { name: string; type: string }>('probe.json').filter(
      (each) => each['type'] === ('clock_sample' as never),
    ),
  )('$name', (each) => {
    const [t1, t2, t3, t4] = ['t1Us', 't2Us', 't3Us', 't4Us'].map((key) => BigInt(each[key]!));
    const half = 2n ** 47n;
    const signed = (value: bigint): bigint => BigInt.asIntN(48, value + 2n * half);
    // The protocol's formula in exact arithmetic; the sum is taken before it can wrap.
    const rtt = signed(t4! - t1!) - signed(t3! - t2!);
    expect(Number(rtt)).toBe(each['rttUs']);
    expect(Number(signed(t2! - t1!) - rtt / 2n)).toBe(each['offsetUs']);
  });
});
