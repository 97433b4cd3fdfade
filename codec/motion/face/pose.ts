import { ARKIT_CHANNELS } from '../channels.ts';
import type { MotionFrame } from '../types.ts';
import type { QuantisedFrame } from './frame-coder.ts';
import { CODED, MERGED, MINUS, PLUS, type Quantiser } from './layout.ts';

const EXTRAS_FROM = ARKIT_CHANNELS.length;

/** Steps to natural units, coded channels to the 61 and extras. */
export function writeFrame(frame: QuantisedFrame, quantiser: Quantiser, out: MotionFrame): void {
  const { step, extraStep } = quantiser;
  const { values } = out;
  out.face = frame.face;
  for (let c = 0; c < CODED; c++) {
    const value = frame.values[c]!;
    const minus = MINUS[c]!;
    if (minus < 0) {
      values[PLUS[c]!] = value * step[c]!;
    } else {
      values[PLUS[c]!] = value > 0 ? value * step[c]! : 0;
      values[minus] = value < 0 ? -value * step[c]! : 0;
    }
  }
  for (let i = 0; i < MERGED.length; i++) {
    const overlap = frame.overlaps[i]!;
    if (overlap === 0) continue;
    const c = MERGED[i]!;
    const value = frame.values[c]!;
    values[PLUS[c]!] = (overlap + Math.max(value, 0)) * step[c]!;
    values[MINUS[c]!] = (overlap + Math.max(-value, 0)) * step[c]!;
  }
  for (let i = 0; i < frame.extras.length; i++) values[EXTRAS_FROM + i] = frame.extras[i]! * extraStep;
}

/** Range of each channel of a decoded frame, natural units. */
export function limitsOf(quantiser: Quantiser, channels: number): { low: Float32Array; high: Float32Array } {
  const { step, low, high, extraStep, extraHigh } = quantiser;
  const limits = {
    low: new Float32Array(channels).fill(-extraHigh * extraStep),
    high: new Float32Array(channels).fill(extraHigh * extraStep),
  };
  for (let c = 0; c < CODED; c++) {
    const minus = MINUS[c]!;
    for (const channel of minus < 0 ? [PLUS[c]!] : [PLUS[c]!, minus]) {
      limits.low[channel] = minus < 0 ? low[c]! * step[c]! : 0;
      limits.high[channel] = high[c]! * step[c]!;
    }
  }
  return limits;
}
