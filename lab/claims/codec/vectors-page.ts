import { checkMotionVectors } from '@hayate/codec/testing/motion-vectors';

/** The page's half of codec.4: `checkMotionVectors(cases)` gives a text for each case that fails. */
Object.assign(globalThis, { checkMotionVectors });
