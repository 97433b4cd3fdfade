import type { Language } from './kept.ts';

/** How much of one target is run, and what is kept with the source. */
export interface Amount {
  inputs: number;
  /** At most; Infinity: as long as the inputs take. */
  seconds: number;
  seed: number;
  keep: { crashes: boolean; corpus: boolean };
  /** Ends with the first crash. */
  first?: boolean;
}

export type Progress = (done: number, inputs: number, crashes: number) => void;

export interface TargetResult {
  language: Language;
  /** Seeds and kept inputs included. */
  inputs: number;
  /** Times in which the run was stopped included. */
  seconds: number;
  /** Edges (Rust), functions and blocks (TypeScript) that ran. */
  coverage: number;
  /** Inputs of which each reached something that no other did. */
  corpus: number;
  crashes: number;
}

/** A planted fault: after how many inputs coverage led to it, and whether as many blind ones came there. */
export interface Control {
  found_after: number | null;
  blind_inputs: number;
  blind_found: number;
}

export interface FuzzResult {
  inputs: number;
  crashes: number;
  targets: Record<string, TargetResult>;
  controls: Partial<Record<Language, Control>>;
  skipped: string[];
}
