// Made by codec/bench/sketch.ts; do not edit.
import type { FoldFile } from '../seen.ts';

/** Models for measuring: each was trained without some recordings. */
export const FOLDS: readonly FoldFile[] = [];
