import { describe, expect, it } from 'vitest';
import { fuzz } from '../../testing/fuzz.ts';
import type { FuzzMessage } from '../../testing/fuzz-worker.ts';
import { MotionFuzz, type MotionFuzzReport } from '../../testing/motion-fuzz.ts';
import { runWorker } from '../../testing/worker.ts';
import type { MotionConfig, MotionDecoder } from '../types.ts';
import { createFaceDecoder } from './index.ts';

function run(createDecoder: (config: MotionConfig) => MotionDecoder): MotionFuzzReport {
  const all = new MotionFuzz({ seed: 1, createDecoder });
  all.run(300);
  return all.report;
}

/** A decoder some of whose results `change` spoils. */
function spoiled(
  change: (result: ReturnType<MotionDecoder['decode']>) => void,
): (config: MotionConfig) => MotionDecoder {
  return (config) => {
    const decoder = createFaceDecoder(config);
    const decode = decoder.decode.bind(decoder);
    decoder.decode = (...unit) => {
      const result = decode(...unit);
      change(result);
      return result;
    };
    return decoder;
  };
}

describe('mutated units', () => {
  it('give typed results, and poses in range', async () => {
    const { numRuns, seed } = fuzz(20_000);
    const last = await runWorker<FuzzMessage>('fuzz-worker.ts', { seed, count: numRuns, every: numRuns });
    if (!('report' in last)) throw new Error('no report');
    const { report } = last;
    expect(report.units).toBeGreaterThanOrEqual(numRuns);
    expect(report.faults).toEqual([]);
    for (const [kind, counts] of Object.entries(report.kinds)) {
      expect(counts.units, kind).toBeGreaterThan(report.units / 16);
      expect(counts.malformed, kind).toBeGreaterThan(0);
      expect(counts.valid, kind).toBeGreaterThan(0);
    }
    expect(report.unharmed).toBeGreaterThan(report.units / 16);
    expect(report.concealed).toBeGreaterThan(0);
  });

  it.each([
    ['not a number', (values: Float32Array) => values.fill(Number.NaN, 60, 61)],
    ['a step out of range', (values: Float32Array) => values.fill(1.27, 3, 4)],
    ['another pose', (values: Float32Array) => values.set(values.map((value) => value / 2))],
  ])('the check sees a decoder that gives %s', (_, spoil) => {
    const report = run(spoiled((result) => 'frame' in result && spoil(result.frame.values)));
    expect(report.faults.length).toBeGreaterThan(0);
  });

  it('the check sees a decoder that throws', () => {
    const report = run(
      spoiled(({ kind }) => {
        if (kind === 'malformed') throw new Error('no such byte');
      }),
    );
    expect(report.faults[0]).toContain('no such byte');
  });
});
