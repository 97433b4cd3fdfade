import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../errors.ts';
import { Histogram } from './histogram.ts';
import { parseSubMetric, Registry } from './registry.ts';
import { createSink, percentileOf } from './sinks.ts';
import { checkThreshold, evaluateThreshold, parseThreshold } from './threshold.ts';

const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }), { minLength: 1 });

/** k6's percentile on the sorted values themselves. */
function exactQuantile(list: number[], fraction: number): number {
  const sorted = list.toSorted((a, b) => a - b);
  const position = fraction * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  return below === position ? low : low + (sorted[below + 1]! - low) * (position - below);
}

function filled(list: number[]): Histogram {
  const histogram = new Histogram();
  for (const value of list) histogram.add(value);
  return histogram;
}

describe('histogram', () => {
  it('gives quantiles within 0.1 % of the values around them', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, fraction) => {
        const sorted = list.toSorted((a, b) => a - b);
        const below = Math.floor(fraction * (list.length - 1));
        const around = Math.max(Math.abs(sorted[below]!), Math.abs(sorted[Math.min(below + 1, list.length - 1)]!));
        const found = filled(list).quantile(fraction);
        expect(Math.abs(found - exactQuantile(list, fraction))).toBeLessThanOrEqual(around * 0.001 + 1e-300);
      }),
    );
  });

  it('has min, max and count exact', () => {
    fc.assert(
      fc.property(values, (list) => {
        const histogram = filled(list);
        expect([histogram.min, histogram.max, histogram.count]).toEqual(
          [Math.min(...list) + 0, Math.max(...list) + 0, list.length].map((value) => expect.closeTo(value, 15)),
        );
      }),
    );
  });

  it('merged from parts is the histogram of the whole, in any order', () => {
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 6 }), (parts) => {
        const whole = filled(parts.flat());
        for (const order of [parts, parts.toReversed()]) {
          const merged = new Histogram();
          for (const part of order) merged.merge(filled(part));
          expect(merged.count).toBe(whole.count);
          for (const fraction of [0, 0.1, 0.5, 0.9, 0.99, 1]) {
            expect(merged.quantile(fraction)).toBe(whole.quantile(fraction));
          }
        }
      }),
    );
  });

  it('is zero while empty, and takes neither NaN nor infinity', () => {
    const histogram = filled([Number.NaN, Number.POSITIVE_INFINITY]);
    expect([histogram.count, histogram.min, histogram.max, histogram.mean, histogram.quantile(0.5)]).toEqual([
      0, 0, 0, 0, 0,
    ]);
  });
});

describe('thresholds', () => {
  it.each([
    ['p(95)<100', 'p(95)', 99, 100],
    ['rate > 0.99', 'rate', 1, 0.99],
    ['count==3', 'count', 3, 2],
    ['avg<=1e2', 'avg', 100, 101],
    ['value!=0', 'value', 1, 0],
    ['med>=-1.5', 'med', -1.5, -1.6],
  ])('%s', (source, figure, good, bad) => {
    const threshold = parseThreshold(source);
    expect(threshold.figure).toBe(figure);
    expect([threshold.holds(good), threshold.holds(bad)]).toEqual([true, false]);
  });

  it.each(['', 'p(95)', 'p95<1', '<100', 'p(95)<', 'p(95)<abc', 'p(95)=>3', 'p(95)<1 && avg<2'])(
    'refuses "%s"',
    (source) => {
      expect(() => parseThreshold(source)).toThrow(ConfigError);
    },
  );

  it.each([
    ['p(101)<1', 'trend'],
    ['count<1', 'trend'],
    ['avg<1', 'counter'],
    ['p(95)<1', 'rate'],
    ['rate<1', 'gauge'],
  ] as const)('%s is nothing that a %s has', (source, type) => {
    expect(() => checkThreshold(parseThreshold(source), 'm', type)).toThrow(ConfigError);
  });

  it('hold while there is no sample', () => {
    expect(evaluateThreshold(parseThreshold('count>3'), createSink('counter'), 1000)).toBe(true);
  });

  it('look at rates over the duration of the test', () => {
    const sink = createSink('counter');
    sink.add(10);
    expect(evaluateThreshold(parseThreshold('rate>4'), sink, 2000)).toBe(true);
    expect(evaluateThreshold(parseThreshold('rate>6'), sink, 2000)).toBe(false);
  });
});

describe('registry', () => {
  it('counts samples into the parts whose tags they carry', () => {
    const registry = new Registry(() => 0);
    registry.watch('lag{room:a}', [parseThreshold('max<5')]);
    const lag = registry.create('lag', 'trend', 'time');
    registry.series(lag, { room: 'a', x: '1' }).add(3);
    registry.series(lag, { room: 'b' }).add(9);
    expect(lag.sink.figure('max', 0)).toBe(9);
    expect(lag.submetrics[0]!.sink.figure('max', 0)).toBe(3);
    expect(registry.unknown()).toEqual([]);
  });

  it('tells outputs of every sample, and names what nobody made', () => {
    const registry = new Registry(() => 77);
    registry.watch('nothing', []);
    const points: unknown[] = [];
    registry.onSample(({ metric, timeMs, value, tags }) => points.push([metric.name, timeMs, value, tags]));
    registry.series(registry.create('c', 'counter'), { a: 'b' }).add(2);
    expect(points).toEqual([['c', 77, 2, { a: 'b' }]]);
    expect(registry.unknown()).toEqual(['nothing']);
  });

  it('refuses one name for two types, and names that are none', () => {
    const registry = new Registry(() => 0);
    registry.create('m', 'counter');
    expect(() => registry.create('m', 'trend')).toThrow(ConfigError);
    expect(() => registry.create('1m', 'counter')).toThrow(ConfigError);
  });

  it('reads sub-metrics', () => {
    expect(parseSubMetric('m{a:b, c:"d e"}')).toEqual({ metric: 'm', tags: { a: 'b', c: 'd e' } });
    expect(parseSubMetric('m')).toEqual({ metric: 'm', tags: undefined });
    expect(() => parseSubMetric('m{a}')).toThrow(ConfigError);
  });
});

it('percentiles are from 0 to 100', () => {
  expect([percentileOf('p(0)'), percentileOf('p(99.9)'), percentileOf('p(100)')]).toEqual([0, 99.9, 100]);
  expect([percentileOf('p(100.1)'), percentileOf('p95'), percentileOf('p()')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
