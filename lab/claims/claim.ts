import type { Machine } from '../lib/machine.ts';
import type { MachineStalls } from '../lib/machine-stalls.ts';

/** One line of an issue's "Must show": a sentence, and the run that shows it. */
export interface Claim {
  /** `relay.2`: the prefix and the line's number. */
  id: string;
  title: string;
  /** Roughly how long a run takes, seconds. */
  seconds: number;
  run(context: ClaimContext): Promise<ClaimOutcome>;
  /** Writes what is made of its result, once that is kept. */
  after?(): void;
}

export interface ClaimContext {
  /** Progress for the person who waits; goes to stderr. */
  log(text: string): void;
  /** Only the parts whose name holds one of these, of a claim that has parts. Empty: all. */
  only: readonly string[];
}

export interface ClaimOutcome {
  passed: boolean;
  /** Measured values, named with their unit. */
  figures: Record<string, unknown>;
  /** Parts that did not run, each with its reason. A claim with a skipped part counts as passed in part only. */
  skipped?: string[];
  /** What falls short and why, when `passed` is false. */
  notes?: string[];
}

export interface ClaimResult extends ClaimOutcome {
  id: string;
  title: string;
  skipped: string[];
  at: string;
  seconds: number;
  commit: string;
  machine: Machine;
  /** Of the machine itself, just before. Results of before this was measured have none. */
  stalls?: MachineStalls;
  load: { before: number[]; after: number[] };
}

/** Collects named checks of one claim: it passes when each check does. */
export class Checks {
  readonly failed: string[] = [];
  readonly figures: Record<string, unknown> = {};
  readonly skipped: string[] = [];

  figure(name: string, value: unknown): void {
    this.figures[name] = value;
  }

  check(ok: boolean, text: string): void {
    if (!ok) this.failed.push(text);
  }

  skip(reason: string): void {
    if (!this.skipped.includes(reason)) this.skipped.push(reason);
  }

  outcome(): ClaimOutcome {
    const out: ClaimOutcome = { passed: this.failed.length === 0, figures: this.figures, skipped: this.skipped };
    if (this.failed.length > 0) out.notes = this.failed;
    return out;
  }
}
