import { describe, expect, it } from 'vitest';
import type { ClaimResult } from '../claims/claim.ts';
import { currentSoak, lastSoak, renderSoak } from './docs.ts';
import { type LastSoak, page } from './page.ts';
import { judged } from './result.ts';
import { evidence, series } from './testing/series.ts';

const last = lastSoak();

it('docs/soak.md and its plot are what the committed results say', () => {
  expect(currentSoak()).toEqual(renderSoak(last));
});

it('the committed samples are of the run that the claim tells of, and are still judged as it says', (context) => {
  if (!last?.soak) return context.skip('operations.5 has not run yet');
  const { growth, lag, broken, skipped, end } = JSON.parse(JSON.stringify(judged(last.soak))) as typeof last.soak;
  expect(last.claim.figures).toMatchObject({ growth, lag, end, samples: last.soak.samples.length });
  expect(last.claim.skipped).toEqual(skipped);
  expect(last.claim.notes ?? []).toEqual(expect.arrayContaining(broken));
});

describe('of a result', () => {
  const claim: ClaimResult = {
    ...{ id: 'operations.5', title: '', passed: true, skipped: [], at: '2026-11-30T12:00:00.000Z', seconds: 7700 },
    commit: 'abc',
    machine: { cores: 2, cpu: 'x', memoryGiB: 4, kernel: 'k', node: 'n' },
    load: { before: [0.1, 0], after: [0.2, 0] },
    figures: {},
  };
  /** As it is once written and read again. */
  const kept = (result: LastSoak) => renderSoak(JSON.parse(JSON.stringify(result)) as LastSoak);

  it('says so when there is none', () => {
    expect(page(undefined)).toMatch(/Not run yet\.\n$/);
  });

  it('says what went well, and shows each figure over the time', () => {
    const soak = judged(evidence());
    const { heap_mb, fds } = soak.growth;
    const controls = { 'no leak': { heap_mb, fds }, 'fds leak': { heap_mb, fds: { ...fds, grown: 90, ok: false } } };
    const { page: text, plot } = kept({ claim: { ...claim, figures: { controls } }, soak });
    expect(text).toContain('Passed: 2026-11-30 12:00 UTC, commit abc');
    expect(text).toContain(`| file descriptors | ${fds.grown} | ${fds.perHour} | 10 | kept |`);
    expect(text).toContain('| 7440 | 7440 | none | 0 | 0 | 0 | 0 | 0 |');
    expect(text).toContain('All 16 gauges were back after 21.5 s');
    expect(text).toContain('| 110 to 120 |');
    expect(text).toMatch(/\| fds leak \|[^|]+: none \| 90 of 10: a leak \|/);
    expect(text).not.toMatch(/grew\*\*|Not back|NaN|undefined/i);
    expect(plot!.match(/<polyline/g)).toHaveLength(10);
    expect(plot).not.toMatch(/NaN|undefined/);
  });

  it('says what the memory is of, where that was read', () => {
    const where = series({
      change: (sample) => {
        sample.rss_mb = 260;
        sample.where_mb = sample.heap_mb === null ? null : { files: 70, heap: 60, code: 4, workers: 30 };
      },
    });
    const text = (samples = where) => kept({ claim, soak: judged(evidence(samples)) }).page;
    expect(text()).toContain('| 110 to 120 | 70 | 60 | 4 | 30 | 100 |');
    expect(text(series())).not.toContain('heaps of other threads');
  });

  it('says what did not', () => {
    const bad = series({
      change: (sample, hours) => {
        if (sample.heap_mb !== null) sample.heap_mb += 20 * hours;
        if (hours > 1.5) sample.host_late_ms = 500;
      },
    });
    const soak = judged(evidence(bad, { standing: { streams: 2 } }));
    const { broken: notes, skipped } = soak;
    const { page: text, plot } = kept({ claim: { ...claim, passed: false, notes, skipped }, soak });
    expect(text).toContain('**Falls short**: 2026');
    for (const note of notes) expect(text).toContain(`- Falls short: ${note}`);
    expect(text).toContain('- SKIPPED lag over time: the machine was later');
    expect(text).toMatch(/\| JavaScript heap[^|]+\|[^|]+\|[^|]+\| 3 \| \*\*grew\*\* \|/);
    expect(text).toMatch(/\| last quarter \| [\d.]+ \| [\d.]+ \| 36 \|/);
    expect(text).toContain('**Not back** after 21.5 s: streams 2.');
    expect(plot).not.toContain('NaN');
  });

  it('says that the run itself failed', () => {
    const { page: text, plot } = kept({ claim: { ...claim, passed: false, notes: ['it broke'] }, soak: undefined });
    expect(text).toMatch(/- Falls short: it broke\n$/);
    expect(plot).toBeUndefined();
  });
});
