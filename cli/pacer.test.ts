import { describe, expect, it } from 'vitest';
import { Pacer, type PacerClock, type Track } from './pacer.ts';
import { Take } from './recording.ts';

class TestClock implements PacerClock {
  now = 0;
  #timers: { atUs: number; run: () => void }[] = [];
  nowUs(): number {
    return this.now;
  }
  setTimer(run: () => void, delayMs: number): unknown {
    const timer = { atUs: this.now + delayMs * 1000, run };
    this.#timers.push(timer);
    return timer;
  }
  clearTimer(timer: unknown): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }
  advance(us: number): void {
    const end = this.now + us;
    for (;;) {
      this.#timers.sort((a, b) => a.atUs - b.atUs);
      const next = this.#timers[0];
      if (!next || next.atUs > end) break;
      this.#timers.shift();
      this.now = next.atUs;
      next.run();
    }
    this.now = end;
  }
  get armed(): number {
    return this.#timers.length;
  }
}

function at(instants: number[], into: [string, number, number][], name: string, clock: TestClock): Track {
  let index = 0;
  return {
    nextUs: () => instants[index],
    fire: (dueUs) => {
      index += 1;
      into.push([name, dueUs, clock.now]);
    },
  };
}

describe('pacer', () => {
  it('fires across tracks in order, when due and never early', async () => {
    const clock = new TestClock();
    const fired: [string, number, number][] = [];
    const pacer = new Pacer([at([0, 16_667, 33_333], fired, 'a', clock), at([20_000], fired, 'b', clock)], clock);
    const done = pacer.run();
    clock.advance(100_000);
    await done;
    expect(fired.map(([name, due]) => [name, due])).toEqual([
      ['a', 0],
      ['a', 16_667],
      ['b', 20_000],
      ['a', 33_333],
    ]);
    for (const [, due, now] of fired) {
      expect(now).toBeGreaterThanOrEqual(due);
      expect(now - due).toBeLessThan(1_001);
    }
    expect(clock.armed).toBe(0);
  });

  it('catches up after a stall, with the times that were due', async () => {
    const clock = new TestClock();
    const fired: [string, number, number][] = [];
    const pacer = new Pacer([at([0, 10_000, 20_000], fired, 'a', clock)], clock);
    const done = pacer.run();
    clock.now = 50_000;
    clock.advance(1);
    await done;
    expect(fired.map(([, due]) => due)).toEqual([0, 10_000, 20_000]);
  });

  it('stops', async () => {
    const clock = new TestClock();
    const fired: [string, number, number][] = [];
    const pacer = new Pacer([at([0, 10_000], fired, 'a', clock)], clock);
    const done = pacer.run();
    pacer.stop();
    await done;
    clock.advance(100_000);
    expect(fired).toHaveLength(1);
    expect(clock.armed).toBe(0);
  });
});

describe('take', () => {
  const play = (loop: boolean, count: number, afterUs?: () => number) => {
    const seen: [number, number][] = [];
    const take = new Take({
      offsetsUs: [0, 10, 20],
      beginUs: 1000,
      lapUs: 30,
      loop,
      emit: (index, captureUs) => seen.push([index, captureUs]),
      ...(afterUs && { afterUs }),
    });
    for (let i = 0; i < count; i++) {
      const due = take.nextUs();
      if (due === undefined) break;
      take.fire(due);
    }
    return seen;
  };

  it('ends, or begins again a lap later', () => {
    expect(play(false, 9)).toEqual([
      [0, 1000],
      [1, 1010],
      [2, 1020],
    ]);
    expect(play(true, 5).slice(3)).toEqual([
      [0, 1030],
      [1, 1040],
    ]);
  });

  it('leaves out of a lap what would end after it', () => {
    expect(play(true, 4, () => 15)).toEqual([
      [0, 1000],
      [1, 1010],
      [0, 1030],
      [1, 1040],
    ]);
  });
});
