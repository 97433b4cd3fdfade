import type { Checks } from './claim.ts';

/** A load whose faces are made up costs other bytes, and its makers more: that part of a claim did not run. */
export function needsRecordedFace(checks: Checks, motion: string): void {
  if (motion === 'recording') return;
  checks.skip('a recorded face: ../shared/data/motion is not there, a made up one moved instead');
}
