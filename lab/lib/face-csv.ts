import { ARKIT_CHANNELS, formatLiveLinkCsv } from '@hayate/codec/motion';

/** A Live Link Face recording of a face that moves, for rigs that must do without a real one. */
export function faceCsv(frames: number, fps: 30 | 60): string {
  const timed = Array.from({ length: frames }, (_, n) => ({
    timeUs: Math.round((n * 1_000_000) / fps),
    frame: { face: true, values: Float32Array.from(ARKIT_CHANNELS, (_, i) => (Math.sin(n / 20 + i) + 1) / 4) },
  }));
  return `${[...formatLiveLinkCsv(timed, { fps })].join('\n')}\n`;
}
