/** Voice after face, ms: negative where the voice led. What the page put out, not what the playout planned. */
export class Skew {
  count = 0;
  /** Of them, those beside a face that stood still because the page did. */
  frozen = 0;
  /** Of the others. */
  least = Number.POSITIVE_INFINITY;
  most = Number.NEGATIVE_INFINITY;
  /** By whole ms from -100 on; both ends hold what is beyond. */
  readonly #bins = new Uint32Array(301);

  /** `frozen`: the page has just stood still, so that no face could be drawn; the voice went on, as it should. */
  add(ms: number, frozen = false): void {
    this.count += 1;
    if (frozen) this.frozen += 1;
    else {
      this.least = Math.min(this.least, ms);
      this.most = Math.max(this.most, ms);
    }
    this.#bins[Math.max(0, Math.min(300, Math.round(ms) + 100))]! += 1;
  }

  /** NaN before the first. */
  quantile(share: number): number {
    let left = share * this.count;
    for (const [bin, count] of this.#bins.entries()) {
      left -= count;
      if (count > 0 && left <= 0) return bin - 100;
    }
    return Number.NaN;
  }

  /** Share of the measurements from `least` to `most`, whole ms. */
  within(least: number, most: number): number {
    let inside = 0;
    for (let ms = Math.max(-100, least); ms <= Math.min(200, most); ms += 1) inside += this.#bins[ms + 100]!;
    return inside / this.count;
  }

  /** Forgets what was. */
  reset(): void {
    this.count = 0;
    this.frozen = 0;
    this.least = Number.POSITIVE_INFINITY;
    this.most = Number.NEGATIVE_INFINITY;
    this.#bins.fill(0);
  }
}
