import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { carried, lastResult, page } from './capacity-docs.ts';

it('docs/capacity.md is what the committed result of loadtest.5 says', () => {
  expect(readFileSync(join(import.meta.dirname, '../../../docs/capacity.md'), 'utf8')).toBe(page(lastResult()));
});

it('what a VM carries is bounded by forwarding, by all threads, by memory, and over a month by transfer', () => {
  const row = {
    viewers: 800,
    relay_cores: 0.2,
    engine_cores: 0.16,
    runner_cores: 0.3,
    cpu_us_per_viewer_s: 250,
    engine_us_per_viewer_s: 200,
    viewers_a_core: 4000,
    rss_kb_per_viewer: 50,
    rss_mb_idle: 100,
    packets_per_viewer_s: 17,
    bytes_per_viewer_s: 5000,
    mb_per_viewer_hour: 18,
    motion_lag_p99_ms: 95,
    voice_lag_p99_ms: 99,
    motion_exact: 1,
    voice_gap: 0,
    crossed: '',
  };
  const on = carried(row);
  expect(on.byCpu).toBe(3000);
  expect(on.byMemory).toBe(Math.floor((3484 * 1024) / 50));
  expect(on.viewerHours).toBe(222_222);
  expect(on.always).toBe(304);
  expect(on.mbits).toBeCloseTo(120);
  expect([on.inPool, on.beyond].map((dollars) => dollars.toFixed(3))).toEqual(['0.108', '0.090']);
  expect(carried({ ...row, cpu_us_per_viewer_s: 600 }).byCpu).toBe(2000);
});
