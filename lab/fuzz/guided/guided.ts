import { random } from '../../../codec/bench/random.ts';
import { Coverage } from './coverage.ts';
import { Mutator } from './mutate.ts';
import type { Run, Target } from './target.ts';

/** Between two looks at the coverage, which cost about a millisecond each. */
const BATCH = 1024;
const KEPT_CRASHES = 20;

export interface Crash {
  hex: string;
  error: string;
}

export interface GuidedReport {
  inputs: number;
  /** Functions and blocks of the target's files that ran. */
  blocks: number;
  /** Inputs that reached something new, seeds included. */
  corpus: number;
  crashes: number;
  seconds: number;
}

export interface GuidedOptions {
  target: Target;
  seed: number;
  /** Beside the target's own seeds. */
  corpus?: readonly Uint8Array[];
  /** False: nothing is learnt from coverage, the seeds alone are mutated. What the negative control is held against. */
  learns?: boolean;
}

/**
 * Mutates inputs and keeps those that reach source which no other reached. Seeded: the same options give the same inputs,
 * as far as V8 counts the same. `close` it.
 */
export class Guided {
  readonly crashes: Crash[] = [];
  readonly corpus: Uint8Array[] = [];
  readonly #run: Run;
  readonly #mutator: Mutator;
  readonly #coverage: Coverage;
  readonly #learns: boolean;
  readonly #seeds: Uint8Array[];
  #inputs = 0;
  #crashed = 0;
  #ms = 0;

  private constructor(options: GuidedOptions, run: Run, seeds: Uint8Array[]) {
    const { target, seed } = options;
    this.#run = run;
    this.#learns = options.learns ?? true;
    this.#seeds = seeds;
    const words = (target.words ?? []).map((word) => new TextEncoder().encode(word));
    this.#mutator = new Mutator({ random: random(seed), maxBytes: target.maxBytes, words });
    this.#coverage = new Coverage(target.files);
  }

  static async open(options: GuidedOptions): Promise<Guided> {
    const { target, corpus = [] } = options;
    const seeds = [...(await target.seeds()), ...corpus];
    const guided = new Guided(options, await target.open(), seeds);
    guided.#coverage.skip();
    for (const each of seeds) {
      await guided.#one(each);
      if (guided.#coverage.news(true)) guided.corpus.push(each);
    }
    if (guided.corpus.length === 0) guided.corpus.push(...seeds);
    return guided;
  }

  /** Runs at least so many more inputs, and stops early when `until` says so. */
  async run(count: number, until: () => boolean = () => false): Promise<void> {
    const end = this.#inputs + count;
    const since = performance.now();
    const before = this.#ms;
    while (this.#inputs < end && !until()) {
      const from = this.#learns ? this.corpus : this.#seeds;
      const batch = Array.from({ length: Math.min(BATCH, end - this.#inputs) }, () => this.#mutator.next(from));
      await this.#batch(batch);
      if (this.#learns) await this.#learn(batch);
      this.#ms = before + performance.now() - since;
    }
  }

  report(): GuidedReport {
    return {
      inputs: this.#inputs,
      blocks: this.#coverage.blocks,
      corpus: this.corpus.length,
      crashes: this.#crashed,
      seconds: Math.round(this.#ms / 100) / 10,
    };
  }

  close(): void {
    this.#coverage.close();
  }

  /** Halves a batch that has been run until the inputs are found that reached something new. */
  async #learn(batch: Uint8Array[]): Promise<void> {
    if (!this.#coverage.news(batch.length === 1)) return;
    if (batch.length === 1) {
      this.corpus.push(batch[0]!);
      return;
    }
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      for (const each of half) await this.#again(each);
      await this.#learn(half);
    }
  }

  async #batch(batch: Uint8Array[]): Promise<void> {
    for (const each of batch) {
      const done = this.#one(each);
      if (done) await done;
    }
  }

  #one(data: Uint8Array): Promise<void> | undefined {
    this.#inputs += 1;
    try {
      const done = this.#run(data);
      return done?.catch((error: unknown) => this.#crash(data, error));
    } catch (error) {
      this.#crash(data, error);
      return undefined;
    }
  }

  async #again(data: Uint8Array): Promise<void> {
    try {
      const done = this.#run(data);
      if (done) await done;
    } catch {
      // It was told the first time.
    }
  }

  #crash(data: Uint8Array, error: unknown): void {
    this.#crashed += 1;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    // The same fault again says nothing new.
    if (this.crashes.length >= KEPT_CRASHES || this.crashes.some((crash) => crash.error === text)) return;
    this.crashes.push({ hex: Buffer.from(data).toString('hex'), error: text });
  }
}
