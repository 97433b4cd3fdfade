import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../errors.ts';
import { parseDuration } from './duration.ts';
import { readOptions } from './options.ts';
import { arrivals, vuSteps } from './ramp.ts';

describe('durations', () => {
  it.each([
    ['1h30m', 5_400_000],
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1.5s', 1500],
    [250, 250],
    ['250', 250],
  ])('%s', (text, ms) => expect(parseDuration(text, 'x')).toBe(ms));

  it.each(['', 'abc', '10', '1s2', 's', '-1s', '1 s'].filter((text) => text !== '10'))('refuses "%s"', (text) => {
    expect(() => parseDuration(text, 'duration')).toThrow(ConfigError);
  });
});

describe('options', () => {
  const first = (script: unknown, flags = {}) => readOptions(script, flags).scenarios[0]!;

  it('are one iteration of one VU by default', () => {
    expect(first({})).toMatchObject({
      name: 'default',
      executor: 'per-vu-iterations',
      vus: 1,
      iterations: 1,
      exec: 'default',
    });
  });

  it('make a scenario of the short forms', () => {
    expect(first({ vus: 5, duration: '30s' })).toMatchObject({ executor: 'constant-vus', vus: 5, durationMs: 30_000 });
    expect(first({ vus: 2, iterations: 4 })).toMatchObject({ executor: 'shared-iterations', iterations: 4 });
    expect(first({ stages: [{ duration: '1s', target: 3 }] })).toMatchObject({
      executor: 'ramping-vus',
      vus: 1,
      maxVus: 3,
    });
  });

  it('give way to flags', () => {
    const script = { scenarios: { a: { executor: 'constant-vus', vus: 9, duration: '1m' } }, tags: { a: '1' } };
    expect(first(script, { vus: 2, duration: '5s', tags: { b: '2' } })).toMatchObject({ name: 'default', vus: 2 });
    expect(readOptions(script, { tags: { b: '2' } })).toMatchObject({
      scenarios: [{ name: 'a' }],
      tags: { a: '1', b: '2' },
    });
    expect(first({ stages: [{ duration: '1s', target: 3 }], vus: 7 }, { iterations: 9 })).toMatchObject({
      executor: 'shared-iterations',
      vus: 7,
      iterations: 9,
    });
  });

  it('turn rates into rates a second', () => {
    const rate = { executor: 'constant-arrival-rate', rate: 30, timeUnit: '1m', duration: '10s', preAllocatedVUs: 1 };
    expect(first({ scenarios: { a: rate } }).ramp).toEqual([
      { atMs: 0, value: 0.5 },
      { atMs: 10_000, value: 0.5 },
    ]);
  });

  it.each<[string, unknown, RegExp]>([
    ['an unknown key', { vuss: 3 }, /vuss/],
    ['an unknown executor', { scenarios: { a: { executor: 'externally-controlled' } } }, /scenarios\.a/],
    [
      'scenarios beside vus',
      { vus: 1, scenarios: { a: { executor: 'constant-vus', duration: '1s' } } },
      /one of the two/,
    ],
    ['a bad threshold', { thresholds: { m: ['p(95)<'] } }, /no expression/],
    ['a bad duration', { duration: 'soon' }, /no duration/],
    ['less than a second', { duration: '500ms' }, /under 1s/],
    ['more VUs than iterations', { vus: 5, iterations: 2 }, /leave some without/],
    ['a bad figure', { summaryTrendStats: ['p(95)', 'mode'] }, /"mode"/],
    [
      'no VU in any stage',
      { scenarios: { a: { executor: 'ramping-vus', startVUs: 0, stages: [{ duration: '1s', target: 0 }] } } },
      /no VU/,
    ],
  ])('refuse %s', (_, script, words) => {
    expect(() => readOptions(script)).toThrow(ConfigError);
    expect(() => readOptions(script)).toThrow(words);
  });
});

describe('ramps', () => {
  const ramp = fc
    .tuple(
      fc.nat(20),
      fc.array(fc.record({ lengthMs: fc.integer({ min: 0, max: 5000 }), value: fc.nat(20) }), {
        minLength: 1,
        maxLength: 5,
      }),
    )
    .map(([start, stages]) => {
      const points = [{ atMs: 0, value: start }];
      for (const { lengthMs, value } of stages) points.push({ atMs: points.at(-1)!.atMs + lengthMs, value });
      return points;
    });

  it('of VUs change by one at a time, in order, and end at the last target', () => {
    fc.assert(
      fc.property(ramp, (points) => {
        const steps = vuSteps(points);
        for (let index = 1; index < steps.length; index++) {
          expect(Math.abs(steps[index]!.vus - steps[index - 1]!.vus)).toBe(1);
          expect(steps[index]!.atMs).toBeGreaterThanOrEqual(steps[index - 1]!.atMs);
        }
        expect(steps.at(-1)!.vus).toBe(points.at(-1)!.value);
      }),
    );
  });

  it('of arrivals have as many as the area under them, evenly', () => {
    fc.assert(
      fc.property(ramp, (points) => {
        const times = [...arrivals(points)];
        let area = 0;
        for (let index = 1; index < points.length; index++) {
          area +=
            ((points[index]!.value + points[index - 1]!.value) / 2) *
            ((points[index]!.atMs - points[index - 1]!.atMs) / 1000);
        }
        expect(Math.abs(times.length - area)).toBeLessThanOrEqual(1);
        for (let index = 1; index < times.length; index++)
          expect(times[index]!).toBeGreaterThanOrEqual(times[index - 1]! - 1e-6);
        expect(times.every((time) => time >= 0 && time <= points.at(-1)!.atMs)).toBe(true);
      }),
    );
  });

  it('of a constant rate come each period, the first at once', () => {
    const points = [
      { atMs: 0, value: 10 },
      { atMs: 500, value: 10 },
    ];
    expect([...arrivals(points)].map((time) => Math.round(time))).toEqual([0, 100, 200, 300, 400]);
  });
});
