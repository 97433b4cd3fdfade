import { formatLiveLinkCsv } from '../../motion/livelink.ts';
import type { MotionFrame } from '../../motion/types.ts';
import { random } from '../random.ts';

/** A face that wanders, of a person of its own for each seed. */
export function wander(count: number, seed: number): MotionFrame[] {
  const next = random(seed);
  const values = Float32Array.from({ length: 61 }, () => next() / 2);
  return Array.from({ length: count }, () => {
    for (let channel = 0; channel < 61; channel++) {
      values[channel] = Math.min(1, Math.max(0, values[channel]! + (next() - 0.5) / 20));
    }
    return { face: true, values: values.slice() };
  });
}

export function csvOf(frames: readonly MotionFrame[], fps: 30 | 60 = 60): string {
  const rows = frames.map((frame, n) => ({ timeUs: Math.round((n * 1_000_000) / fps), frame }));
  return [...formatLiveLinkCsv(rows, { fps })].join('\n');
}
