import { describe, expect, it } from 'vitest';
import { BenchError } from './errors.ts';
import { benchWith } from './report.ts';
import { csvOf, wander } from './testing/csv.ts';
import { fakeCodec } from './testing/fake.ts';

/** Each look at it is 1 ms later. */
function ticking(): () => number {
  let now = 0;
  return () => now++;
}

describe('benchWith', () => {
  const frames = wander(601, 5).map((frame, row) => ({ ...frame, face: row < 100 || row >= 101 }));
  const files = [
    { name: 'a.csv', text: csvOf(frames) },
    { name: 'b.csv', text: csvOf(wander(1200, 6)) },
  ];
  const progress: string[] = [];
  const options = { profile: 'std', seeds: [1, 2], onProgress: (text: string) => progress.push(text) } as const;
  const report = benchWith(fakeCodec(), files, { ...options, nowMs: ticking() });

  it('has the sizes of the units', () => {
    const [a, b] = report.files;
    expect(a).toMatchObject({ name: 'a.csv', fps: 60, frames: 601, face_frames: 600, minutes: 0.17 });
    expect(a).toMatchObject({ bytes_per_chain_unit: 62, bytes_per_key_unit: 123, bytes_per_no_face_unit: 62 });
    // 76 keys among 600 units with a face.
    expect(a!.bytes_per_frame).toBeCloseTo((76 * 123 + 524 * 62) / 600, 3);
    expect(b).toMatchObject({ bytes_per_no_face_unit: null, bytes_per_frame: 69.625 });
    expect(report.total.bytes_per_frame).toBeCloseTo((76 * 123 + 524 * 62 + 150 * 123 + 1050 * 62) / 1800, 3);
    expect(report.mean_of_files.bytes_per_frame).toBeCloseTo((a!.bytes_per_frame + 69.625) / 2, 3);
  });

  it('has the errors in steps and by group', () => {
    for (const each of [...report.files, report.total]) {
      expect(each.mismatched).toBe(0);
      expect(each.max_error_steps).toBeCloseTo(0.5, 3);
      expect(each.mean_error_steps).toBeCloseTo(0.25, 1);
      expect(Object.keys(each.error)).toEqual(['jaw', 'head']);
      expect(each.error['jaw']!.p99).toBeGreaterThan(0.0048);
      expect(each.error['jaw']!.p99).toBeLessThan(0.00501);
    }
  });

  it('times by the clock it is given, a frame with a face', () => {
    expect(report.files[0]!.encode_us).toBeCloseTo(1000 / 600, 2);
    expect(report.total.decode_us).toBeCloseTo((2 * 1000) / 1800, 2);
  });

  it('loses and repairs; without repair at 5 % many frames are not exact', () => {
    expect(report.total.loss).toHaveLength(12);
    for (const each of report.total.loss) expect(each).toMatchObject({ mismatched: 0, malformed: 0 });
    const exact = (kind: string, rate: number) =>
      report.total.loss.filter((each) => each.kind === kind && each.rate === rate).map((each) => each.exact);
    const [none, once, all] = exact('iid', 0.05);
    expect(none).toBeLessThan(0.88);
    expect(once).toBeGreaterThan(0.97);
    expect(all).toBeGreaterThan(once! - 0.01);
    expect(exact('iid', 0.01)[0]).toBeGreaterThan(none!);
    expect(report.total.loss[0]!.recovery_frames!.mean).toBeCloseTo(3.5, 0);
  });

  it('says what it does', () => {
    expect(report).toMatchObject({ profile: 'std', key_interval: 8, seeds: [1, 2] });
    expect(progress[0]).toBe('a.csv: 601 frames at 60 fps, model full');
  });

  it('thins, leaves losses out, keeps the interval', () => {
    const thin = benchWith(fakeCodec(), [files[1]!], {
      profile: 'std',
      fps: 30,
      seeds: [],
      keyInterval: 1,
      nowMs: ticking(),
    });
    expect(thin.files[0]).toMatchObject({ fps: 30, frames: 600, bytes_per_frame: 123, loss: [] });
    expect(thin.total.minutes).toBe(0.33);
  });

  it('a decoder that differs from the encoder shows', () => {
    const wrong = benchWith(fakeCodec({ skew: 0.001 }), [files[1]!], { profile: 'std', seeds: [], nowMs: ticking() });
    expect(wrong.total.mismatched).toBe(1200);
  });

  it('refuses a wrong file before it measures any', () => {
    const said: string[] = [];
    const wrong = [files[0]!, { name: 'c.csv', text: '' }];
    expect(() => benchWith(fakeCodec(), wrong, { profile: 'std', onProgress: (text) => said.push(text) })).toThrow(
      BenchError,
    );
    expect(said).toEqual([]);
  });
});
