/** Delays between capture and presentation, taken every so often; and how many units were due and there so far. */
export interface Window {
  face: number[];
  voice: number[];
  counts: Record<'motion' | 'voice', { expected: number; onTime: number }>;
}

export const SAMPLE_MS = 100;
