import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHANNEL_COUNT } from '../channels.ts';
import { BodySpace } from '../draw/body.ts';
import { HeadSpace } from '../draw/space.ts';
import { createRig } from '../rig.ts';
import { FixedStep, STEP_S } from './fixed-step.ts';
import { createLife, lifeAt, Stillness } from './life.ts';
import { AvatarMotion } from './motion.ts';
import { Strand } from './strand.ts';

const NATURE = { rootPull: 26, tipPull: 8, damping: 0.25, wind: 2, reach: 1.2 };

/** A strand of 4 points that hangs down from (x, 0), each part 0.5 long. */
function hang(strand: Strand, x: number): void {
  strand.begin();
  for (let i = 0; i < strand.count; i += 1) strand.aim(i, x, 0.5 * i);
}

describe('steps of one length', () => {
  it('come to as much as time passed, however it is cut', () => {
    const cut = fc.array(fc.double({ min: 0.0005, max: 0.09, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(cut, (parts) => {
        const clock = new FixedStep();
        clock.advance(0);
        let ms = 0;
        let steps = 0;
        for (const part of parts) {
          ms += part * 1000;
          const turn = clock.advance(ms);
          steps += turn.steps;
          expect(turn.share).toBeGreaterThanOrEqual(0);
          expect(turn.share).toBeLessThan(1);
        }
        expect(Math.abs(steps * STEP_S - ms / 1000)).toBeLessThan(STEP_S * 1.001);
      }),
      { seed: 3 },
    );
  });

  it('come to rest after a pause, and when the clock goes back', () => {
    const clock = new FixedStep();
    expect(clock.advance(5000).rest).toBe(true);
    expect(clock.advance(5016).rest).toBe(false);
    expect(clock.advance(65_016)).toMatchObject({ steps: 0, rest: true });
    expect(clock.advance(100)).toMatchObject({ steps: 0, rest: true });
    // A stall that is no pause is caught up with in part.
    expect(clock.advance(400).steps).toBe(12);
  });
});

describe('a strand', () => {
  it('lags behind its root, swings, and comes to rest', () => {
    const strand = new Strand(4, NATURE);
    hang(strand, 0);
    strand.rest();
    hang(strand, 0.3);
    const tips: number[] = [];
    for (let n = 0; n < 600; n += 1) {
      strand.step(STEP_S, 0);
      strand.show(1);
      expect(strand.x(0)).toBe(0.3);
      tips.push(strand.x(3));
    }
    // A tenth of a second later it is still behind, then it goes too far.
    expect(tips[11]).toBeLessThan(0.25);
    expect(Math.max(...tips)).toBeGreaterThan(0.31);
    expect(tips.at(-1)).toBeCloseTo(0.3, 3);
  });

  it('never leaves its root by more than its length, whatever the root and the wind do', () => {
    const jump = fc.tuple(
      fc.double({ min: -50, max: 50, noNaN: true }),
      fc.double({ min: -500, max: 500, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(jump, { minLength: 1, maxLength: 300 }), (jumps) => {
        const strand = new Strand(4, NATURE);
        hang(strand, 0);
        strand.rest();
        for (const [x, wind] of jumps) {
          hang(strand, x);
          strand.step(STEP_S, wind);
          strand.show(1);
          const far = Math.hypot(strand.x(3) - x, strand.y(3));
          expect(far).toBeLessThanOrEqual(1.5 * 1.15 + 1e-9);
          expect(Math.hypot(strand.x(3) - x, strand.y(3) - 1.5)).toBeLessThanOrEqual(NATURE.reach + 1e-9);
        }
      }),
      { seed: 5 },
    );
  });
});

describe('all that moves on a head', () => {
  const extent = (motion: AvatarMotion) => {
    const { fringe, sides, long, ahoge } = motion.hair;
    const locks = [...fringe, ...sides, ...long, ahoge, ...motion.ribbons.tails];
    return Math.max(
      ...locks.flatMap(({ strand }) =>
        Array.from({ length: strand.count }, (_, i) => Math.hypot(strand.x(i), strand.y(i))),
      ),
    );
  };
  const frame = (motion: AvatarMotion, nowMs: number, yaw: number, roll: number) => {
    const head = new HeadSpace();
    const body = new BodySpace();
    const rig = createRig();
    head.place(0, 0, 1);
    head.turn(yaw, 0, roll);
    body.place(0, 0, 1, roll, yaw, 0);
    motion.begin(new Float32Array(CHANNEL_COUNT).fill(yaw), nowMs);
    motion.follow(rig, head, body);
  };

  it('stays where it hangs at any time between frames, and after a pause', () => {
    const step = fc.tuple(
      fc.oneof(fc.double({ min: 0, max: 100, noNaN: true }), fc.double({ min: 0, max: 1e8, noNaN: true })),
      fc.double({ min: -0.6, max: 0.6, noNaN: true }),
      fc.double({ min: -0.7, max: 0.7, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const motion = new AvatarMotion(1, CHANNEL_COUNT);
        let ms = 0;
        for (const [dt, yaw, roll] of steps) {
          ms += dt;
          frame(motion, ms, yaw, roll);
          // The longest lock ends 3 down, the ribbons 3.6.
          expect(extent(motion)).toBeLessThan(5);
        }
      }),
      { seed: 11, numRuns: 60 },
    );
  });

  it('is the same for the same frames', () => {
    const tips = [0, 1].map(() => {
      const motion = new AvatarMotion(2, CHANNEL_COUNT);
      for (let n = 0; n < 90; n += 1) frame(motion, n * 16.7, Math.sin(n / 9) * 0.4, 0.1);
      return motion.hair.long.map(({ strand }) => [strand.x(5), strand.y(5)]);
    });
    expect(tips[0]).toEqual(tips[1]);
  });

  it('hair lags behind a head that turns, and more at its tips', () => {
    const motion = new AvatarMotion(0, CHANNEL_COUNT);
    for (let n = 0; n < 200; n += 1) frame(motion, n * 16.7, 0, 0);
    const [lock] = motion.hair.sides;
    const before = [1, 4].map((i) => lock!.strand.x(i));
    for (let n = 200; n < 204; n += 1) frame(motion, n * 16.7, 0.5, 0);
    const early = [1, 4].map((i, k) => lock!.strand.x(i) - before[k]!);
    for (let n = 204; n < 400; n += 1) frame(motion, n * 16.7, 0.5, 0);
    const late = [1, 4].map((i, k) => lock!.strand.x(i) - before[k]!);
    const done = early.map((moved, k) => moved / late[k]!);
    expect(done[0]).toBeGreaterThan(done[1]! + 0.1);
  });
});

describe('the body by itself', () => {
  it('blinks now and then, breathes always, within bounds', () => {
    const life = createLife();
    let closed = 0;
    let blinks = 0;
    let breaths = 0;
    let before = { blink: 0, breath: 0 };
    for (let t = 0; t < 120; t += 1 / 60) {
      lifeAt(life, 4, t);
      if (life.blink > 0.5) closed += 1 / 60;
      if (life.blink > 0.5 && before.blink <= 0.5) blinks += 1;
      if (life.breath > 0 && before.breath <= 0) breaths += 1;
      expect(Math.abs(life.breath)).toBeLessThanOrEqual(1);
      expect(Math.abs(life.yaw)).toBeLessThan(0.15);
      before = { blink: life.blink, breath: life.breath };
    }
    expect(blinks).toBeGreaterThan(25);
    expect(blinks).toBeLessThan(45);
    expect(closed).toBeLessThan(12);
    expect(breaths).toBeGreaterThan(25);
  });

  it('takes over a while after the data stopped, and gives back soon', () => {
    const stillness = new Stillness();
    const run = (seconds: number, changed: boolean) => {
      let share = 0;
      for (let t = 0; t < seconds; t += 1 / 60) share = stillness.step(1 / 60, changed);
      return share;
    };
    expect(run(5, true)).toBe(0);
    expect(run(0.4, false)).toBe(0);
    expect(run(2, false)).toBeGreaterThan(0.95);
    expect(run(0.6, true)).toBeLessThan(0.05);
  });
});
