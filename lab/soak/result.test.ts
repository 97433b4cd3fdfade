import { expect, it } from 'vitest';
import { judged, type SoakEvidence } from './result.ts';
import { evidence, series } from './testing/series.ts';

it('passes a run in which nothing grew and nothing was left', () => {
  const { broken, skipped, cpu } = judged(evidence());
  expect({ broken, skipped }).toEqual({ broken: [], skipped: [] });
  expect(cpu.relay).toBeCloseTo(0.175, 1);
});

it('names what grew', () => {
  const leaking = series({
    change: (sample, hours) => {
      sample.fds += Math.floor(60 * hours);
    },
  });
  expect(judged(evidence(leaking)).broken).toEqual([
    expect.stringMatching(/^fds grew by \d+.* an hour\), more than 10$/),
  ]);
});

it('skips the lag, and fails nothing, where the machine was later at the end', () => {
  const late = series({
    change: (sample, hours) => {
      if (hours < 1) return;
      sample.host_late_ms = 500;
      sample.lag_p99_ms = 300;
    },
  });
  const { broken, skipped } = judged(evidence(late));
  expect(broken).toEqual([]);
  expect(skipped).toEqual([expect.stringMatching(/^lag over time: the machine was later/)]);
});

it.each<[string, Partial<SoakEvidence['end']>]>([
  ['streams is 1 after everybody left', { standing: { streams: 1 } }],
  ['57 file descriptors at the end, 50 at the start', { fds: { before: 50, after: 57 } }],
  ['the relay ended with 1', { exit_code: 1 }],
])('%s', (why, end) => {
  expect(judged(evidence(series(), end)).broken).toEqual([why]);
});

it.each<[string, Partial<SoakEvidence['gifts']>]>([
  ['gifts lost: 1', { lost: 1 }],
  ['gifts doubled: 2', { doubled: 2 }],
  ['gifts reordered: 1', { reordered: 1 }],
  ['gifts webhook_missing: 3', { webhook_missing: 3 }],
  ['gifts forged: 1', { forged: 1 }],
  ['no gift was taken', { acked: 0 }],
])('%s', (why, gifts) => {
  const good = evidence();
  expect(judged({ ...good, gifts: { ...good.gifts, ...gifts } }).broken).toEqual([why]);
});

it('a run that nobody came to has shown nothing', () => {
  const empty = series({
    change: (sample) => {
      sample.livers = 0;
    },
  });
  expect(judged(evidence(empty)).broken).toEqual(['livers was 0 all the time']);
});
