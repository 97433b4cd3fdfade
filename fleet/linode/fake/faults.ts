/** What goes wrong with a call. `made`: whether what it asks for is done all the same; a number is how likely. */
export type Fault =
  | { kind: 'status'; status: number; reason?: string; made?: boolean | number; retryAfterS?: number }
  /** The connection ends without an answer. */
  | { kind: 'cut'; made?: boolean | number };

interface Rule {
  /** `POST /linode/instances`, with N for numbers; `*`: any. */
  call: string;
  fault: Fault;
  /** In [0, 1]. */
  chance: number;
  /** How often yet. */
  times: number;
}

/** Faults that were asked for: the next so many, or some of all by chance. The first that fits holds. */
export class Faults {
  readonly #random: () => number;
  #rules: Rule[] = [];
  /** How many there were. */
  readonly counts = new Map<string, number>();

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The next call, or the next few, of this operation. */
  next(call: string, fault: Fault, times = 1): void {
    this.#rules.unshift({ call, fault, chance: 1, times });
  }

  /** Some of all calls of this operation. @param chance in [0, 1] */
  often(call: string, chance: number, fault: Fault): void {
    this.#rules.push({ call, fault, chance, times: Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.#rules = [];
  }

  /** @param operation `POST /linode/instances/N/boot` */
  pick(operation: string): { fault: Fault; made: boolean } | undefined {
    for (const rule of this.#rules) {
      if (rule.call !== '*' && rule.call !== operation) continue;
      if (rule.chance < 1 && this.#random() >= rule.chance) continue;
      rule.times -= 1;
      if (rule.times <= 0) this.#rules = this.#rules.filter((each) => each !== rule);
      const { fault } = rule;
      const { made = false } = fault;
      const name = fault.kind === 'cut' ? 'cut' : String(fault.status);
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      return { fault, made: typeof made === 'number' ? this.#random() < made : made };
    }
    return undefined;
  }
}
