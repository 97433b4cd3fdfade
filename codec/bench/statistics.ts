/** Nearest rank; sorts `values` in place. NaN when there are none. */
function percentile(values: Float64Array, q: number): number {
  values.sort();
  return values[Math.max(0, Math.ceil(values.length * q) - 1)] ?? Number.NaN;
}

/** NaN when there are none. */
export function mean(values: Iterable<number>): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    sum += value;
    count++;
  }
  return sum / count;
}

/** Grows; plain arrays of a million numbers are slow to sort. */
export class Samples {
  #values = new Float64Array(1024);
  #count = 0;

  get values(): Float64Array {
    return this.#values.subarray(0, this.#count);
  }

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const wider = new Float64Array(this.#count * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#count++] = value;
  }

  addAll(other: Samples): void {
    for (const value of other.values) this.add(value);
  }

  get mean(): number {
    return mean(this.values);
  }

  percentile(q: number): number {
    return percentile(this.values, q);
  }
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
