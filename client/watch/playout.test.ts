import { describe, expect, it } from 'vitest';
import { LagHistogram } from './histogram.ts';
import { PlayoutClock } from './playout.ts';

const STEP = 1000 / 60;

function frame(value: number, face = true) {
  return { face, values: Float32Array.of(value, ...new Float32Array(60)) };
}

/** Frames 0..count-1 at 60 fps; `value(i)`, arriving `lag(i)` ms after capture. */
function play(clock: PlayoutClock, count: number, value: (i: number) => number, lag: (i: number) => number) {
  for (let i = 0; i < count; i++) {
    clock.pushFrame({ frame: frame(value(i)), captureMs: i * STEP, receivedMs: i * STEP + lag(i) });
  }
}

describe('playout', () => {
  it('shows nothing before the first frame', () => {
    expect(new PlayoutClock().sample(0)).toBeUndefined();
  });

  it('delays as long as one unit in 200 needs, and no more than the cap', () => {
    const steady = new PlayoutClock();
    play(
      steady,
      200,
      () => 0,
      () => 30,
    );
    expect(steady.delayMs).toBeCloseTo(30, 6);
    const jittery = new PlayoutClock();
    play(
      jittery,
      200,
      () => 0,
      (i) => 30 + (i % 20),
    );
    expect(jittery.delayMs).toBeCloseTo(49, 6);
    const wild = new PlayoutClock({ maxJitterMs: 25 });
    play(
      wild,
      200,
      () => 0,
      (i) => (i % 4 === 3 ? 400 : 30),
    );
    expect(wild.delayMs).toBeCloseTo(55, 6);
    expect(new PlayoutClock({ minDelayMs: 80 }).delayMs).toBe(0);
    const padded = new PlayoutClock({ minDelayMs: 80 });
    play(
      padded,
      3,
      () => 0,
      () => 30,
    );
    expect(padded.delayMs).toBe(80);
  });

  it('does not take a joiner’s backlog for lag', () => {
    const clock = new PlayoutClock();
    for (let i = 0; i < 8; i++) {
      const unit = { frame: frame(i / 10), captureMs: i * STEP, receivedMs: 7 * STEP + 30 };
      clock.pushFrame({ ...unit, backlog: i < 7 });
    }
    expect(clock.delayMs).toBeCloseTo(30, 6);
    expect(clock.sample(7 * STEP + 30)).toMatchObject({ kind: 'exact' });
  });

  it('grows as fast as time may slow down, and shrinks slowly', () => {
    const clock = new PlayoutClock();
    play(
      clock,
      100,
      () => 0,
      () => 20,
    );
    for (let i = 100; i < 130; i++) {
      clock.pushFrame({ frame: frame(0), captureMs: i * STEP, receivedMs: i * STEP + 50 });
    }
    expect(clock.delayMs).toBeCloseTo(50, 6);
    for (let i = 130; i < 130 + 500; i++) {
      clock.pushFrame({ frame: frame(0), captureMs: i * STEP, receivedMs: i * STEP + 20 });
    }
    // The trouble leaves the window of 512 frames bit by bit.
    expect(clock.delayMs).toBeCloseTo(50, 6);
    for (let i = 630; i < 630 + 30; i++) {
      clock.pushFrame({ frame: frame(0), captureMs: i * STEP, receivedMs: i * STEP + 20 });
    }
    expect(clock.delayMs).toBeGreaterThan(20);
    expect(clock.delayMs).toBeLessThan(40);
  });

  it('interpolates between frames that are there', () => {
    const clock = new PlayoutClock({ minDelayMs: 100 });
    play(
      clock,
      10,
      (i) => i / 10,
      () => 10,
    );
    const pose = clock.sample(100 + 4.5 * STEP)!;
    expect(pose).toMatchObject({ kind: 'between', face: true });
    expect(pose.values[0]).toBeCloseTo(0.45, 5);
    expect(pose.lagMs).toBeCloseTo(100, 6);
    expect(clock.sample(100 + 4 * STEP)).toMatchObject({ kind: 'exact', captureMs: 4 * STEP });
    expect(clock.sample(100 + 4 * STEP + 0.4)!.kind).toBe('exact');
  });

  it('extrapolates past the newest frame, damped and clamped', () => {
    const clock = new PlayoutClock();
    play(
      clock,
      10,
      (i) => i / 10,
      () => 10,
    );
    const newest = 9 * STEP;
    const at = (aheadMs: number) => clock.sample(newest + clock.delayMs + aheadMs)!;
    const velocity = 0.1 / STEP;
    expect(at(10).kind).toBe('ahead');
    const first = at(10).values[0]!;
    expect(first).toBeGreaterThan(0.9);
    expect(first).toBeLessThan(0.9 + velocity * 10);
    expect(at(100).values[0]).toBeLessThanOrEqual(1);
    expect(at(100).values[0]).toBeCloseTo(1, 5);
    // All other channels stood still.
    expect(at(100).values[1]).toBe(0);
  });

  it('eases to rest after 150 ms without data and comes back', () => {
    const clock = new PlayoutClock();
    play(
      clock,
      10,
      () => 0.8,
      () => 10,
    );
    const newest = 9 * STEP;
    const at = (aheadMs: number) => clock.sample(newest + 10 + aheadMs)!;
    expect(at(150).values[0]).toBeCloseTo(0.8, 5);
    const easing = [160, 200, 275, 350, 399].map((ms) => at(ms).values[0]!);
    expect(easing.toSorted((a, b) => b - a)).toEqual(easing);
    expect(at(275).kind).toBe('rest');
    expect(at(275).values[0]).toBeCloseTo(0.4, 2);
    expect(at(401).values[0]).toBe(0);
    expect(at(100_000).lagMs).toBeCloseTo(100_010, 6);
    clock.pushFrame({ frame: frame(0.8), captureMs: newest + 500, receivedMs: newest + 510 });
    expect(clock.sample(newest + 510)!).toMatchObject({ kind: 'exact' });
    expect(clock.sample(newest + 510)!.values[0]).toBeCloseTo(0.8, 5);
  });

  it('eases to rest while the tracker sees no face', () => {
    const clock = new PlayoutClock();
    for (let i = 0; i < 40; i++) {
      clock.pushFrame({ frame: frame(0.5, i < 10), captureMs: i * STEP, receivedMs: i * STEP });
    }
    const pose = clock.sample(39 * STEP)!;
    expect(pose).toMatchObject({ face: false, kind: 'rest' });
    expect(pose.values[0]).toBe(0);
    clock.pushFrame({ frame: frame(0.5), captureMs: 40 * STEP, receivedMs: 40 * STEP });
    expect(clock.sample(40 * STEP)!).toMatchObject({ face: true, kind: 'exact' });
  });

  it('takes late frames into the past and repeats not at all', () => {
    const clock = new PlayoutClock({ minDelayMs: 100 });
    for (const i of [0, 1, 3, 2, 3]) {
      clock.pushFrame({ frame: frame(i / 10), captureMs: i * STEP, receivedMs: 3 * STEP + 5 });
    }
    expect(clock.sample(100 + 2 * STEP)!.values[0]).toBeCloseTo(0.2, 5);
    expect(clock.sample(100 + 1.5 * STEP)!.values[0]).toBeCloseTo(0.15, 5);
  });

  it('keeps voice and face on one delay and drops late voice', () => {
    const clock = new PlayoutClock();
    play(
      clock,
      100,
      () => 0,
      () => 30,
    );
    expect(clock.voiceTime({ captureMs: 1000, receivedMs: 1025 }, 1025)).toBeCloseTo(1030, 6);
    expect(clock.voiceTime({ captureMs: 1020, receivedMs: 1100 }, 1100)).toBeUndefined();
    expect(clock.lateVoice).toBe(1);
  });

  it('starts over for another liver', () => {
    const clock = new PlayoutClock();
    play(
      clock,
      10,
      () => 1,
      () => 80,
    );
    clock.reset();
    expect([clock.delayMs, clock.sample(1000)]).toEqual([0, undefined]);
  });
});

describe('lag histogram', () => {
  it('gives percentiles within 2 %', () => {
    const histogram = new LagHistogram();
    for (let i = 1; i <= 10_000; i++) histogram.record(i / 100);
    for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
      expect(histogram.percentile(share) / (share * 100)).toBeCloseTo(1, 1.6);
    }
    expect(histogram.count).toBe(10_000);
  });

  it('takes zero, less, and more than it can tell', () => {
    const histogram = new LagHistogram();
    expect(histogram.percentile(0.5)).toBe(0);
    for (const ms of [-5, 0, 1e12]) histogram.record(ms);
    expect(histogram.percentile(0.5)).toBe(0);
    expect(histogram.percentile(1)).toBeGreaterThan(33_000);
  });
});
