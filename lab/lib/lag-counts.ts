/** One-way lag of bundles by their base time, for a receiver that shares the relay's clock. No allocation a datagram. */
export class LagCounts {
  static readonly #STEP_US = 20;
  readonly #counts = new Uint32Array(100_000);
  received = 0;

  reset(): void {
    this.#counts.fill(0);
    this.received = 0;
  }

  /** A datagram handler: bundles of one slot are counted, anything else passes by. */
  readonly add = (data: Uint8Array, receivedAtUs: number): void => {
    if (data[0] !== 1) return;
    // type, alias (varint), slots, generation, then the base time as u48.
    const at = 3 + (1 << (data[1]! >> 6));
    const base =
      (data[at]! * 0x1000000 + ((data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!)) * 0x10000 +
      ((data[at + 4]! << 8) | data[at + 5]!);
    const lag = Math.max(0, receivedAtUs - base);
    const last = this.#counts.length - 1;
    this.#counts[Math.min(last, Math.floor(lag / LagCounts.#STEP_US))]! += 1;
    this.received += 1;
  };

  /** In ms. */
  percentile(q: number): number {
    let left = this.received * q;
    for (let i = 0; i < this.#counts.length; i += 1) {
      left -= this.#counts[i]!;
      if (left <= 0) return Number((((i + 1) * LagCounts.#STEP_US) / 1000).toFixed(2));
    }
    return (this.#counts.length * LagCounts.#STEP_US) / 1000;
  }

  summary(): { p50: number; p95: number; p99: number; max: number } {
    return {
      p50: this.percentile(0.5),
      p95: this.percentile(0.95),
      p99: this.percentile(0.99),
      max: this.percentile(1),
    };
  }
}
