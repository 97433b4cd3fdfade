const DAY_MS = 86_400_000;
const STEP_MS = 300_000;
const STEPS = DAY_MS / STEP_MS;
/** Days that count. */
const DAYS = 7;
/** The trend is that of so many samples. */
const TREND_MS = 30_000;
const TRENDS = 20;
/** Ahead of now a trend is believed so far; later the time of day alone. */
const TREND_BELIEVED_MS = 300_000;
/** How far ahead forecasts are held against what came: a boot. */
const CHECK_MS = 150_000;
/** Share of a new error in the remembered one. */
const ERROR_WEIGHT = 0.02;

/** What of it survives a restart. Plain JSON. */
export interface ForecastMemory {
  /** Means of five minutes by step since 1970; the last seven days. */
  steps: [step: number, load: number][];
  /** The step that goes on: its sum and count. */
  open: { step: number; sum: number; count: number };
  /** ms since 1970 and load, half a minute apart. */
  recent: [atMs: number, load: number][];
  /** Mean square of past errors, relative to the load. */
  error: number;
}

export interface Forecasted {
  load: number;
  /** One standard error, by how wrong it was in the last hours. */
  sigma: number;
}

/**
 * What a region's load will be, from the time of day (how it went on from here on past days) and the trend of the last ten
 * minutes. Any unit of load. Time comes with each call and does not go back.
 */
export class Forecast {
  readonly #steps = new Map<number, number>();
  #open = { step: -1, sum: 0, count: 0 };
  #recent: [atMs: number, load: number][] = [];
  #error = 0.05 ** 2;
  /** Made earlier, to be held against what comes. */
  #made: { forMs: number; load: number }[] = [];

  readonly #trendMs: number;

  /** @param trendMs between two samples of the trend, which takes the last twenty */
  constructor(memory?: ForecastMemory, trendMs = TREND_MS) {
    this.#trendMs = trendMs;
    if (!memory) return;
    for (const [step, load] of memory.steps) this.#steps.set(step, load);
    this.#open = { ...memory.open };
    this.#recent = memory.recent.map(([atMs, load]) => [atMs, load]);
    this.#error = memory.error;
  }

  memory(): ForecastMemory {
    return { steps: [...this.#steps], open: { ...this.#open }, recent: [...this.#recent], error: this.#error };
  }

  observe(nowMs: number, load: number): void {
    this.#step(nowMs, load);
    const last = this.#recent.at(-1);
    if (last && nowMs - last[0] < this.#trendMs) return;
    this.#recent.push([nowMs, load]);
    while (this.#recent.length > TRENDS || nowMs - this.#recent[0]![0] > this.#trendMs * TRENDS * 2)
      this.#recent.shift();
    this.#check(nowMs, load);
  }

  /** Undefined before anything was observed. */
  at(nowMs: number, aheadMs: number): Forecasted | undefined {
    const level = this.#level(nowMs);
    if (level === undefined) return undefined;
    const { load: now, slope } = level;
    const growth = this.#growth(nowMs, aheadMs);
    const trended = Math.max(0, now + slope * Math.min(aheadMs, TREND_BELIEVED_MS));
    let load: number;
    // Nobody knows how it goes on without a day to go by: a load that falls may stop falling.
    if (growth === undefined) load = aheadMs > TREND_BELIEVED_MS ? Math.max(now, trended) : trended;
    else if (aheadMs > TREND_BELIEVED_MS) load = now * growth;
    else load = (now * growth + trended) / 2;
    return { load, sigma: load * Math.sqrt(this.#error) };
  }

  /** The highest load of a time to come, with `sigmas` standard errors. */
  highest(nowMs: number, fromMs: number, toMs: number, sigmas: number): number {
    let highest = 0;
    for (let aheadMs = fromMs; ; aheadMs = Math.min(toMs, aheadMs + STEP_MS / 2)) {
      const { load, sigma } = this.at(nowMs, aheadMs) ?? { load: 0, sigma: 0 };
      highest = Math.max(highest, load + sigmas * sigma);
      if (aheadMs >= toMs) return highest;
    }
  }

  /** Mean over a time to come, by the past days at their own level (not today's): undefined without a day. */
  typical(fromMs: number, toMs: number): number | undefined {
    const means: number[] = [];
    for (let day = 1; day <= DAYS; day += 1) {
      const values: number[] = [];
      for (let at = fromMs; at < toMs; at += STEP_MS) {
        const value = this.#steps.get(stepOf(at - day * DAY_MS));
        if (value !== undefined) values.push(value);
      }
      if (values.length > 0) means.push(values.reduce((sum, each) => sum + each, 0) / values.length);
    }
    return means.length === 0 ? undefined : means.reduce((sum, each) => sum + each, 0) / means.length;
  }

  #step(nowMs: number, load: number): void {
    const step = stepOf(nowMs);
    if (step !== this.#open.step) {
      const { step: ended, sum, count } = this.#open;
      if (count > 0) this.#steps.set(ended, sum / count);
      this.#open = { step, sum: 0, count: 0 };
      for (const old of this.#steps.keys()) {
        if (old < step - DAYS * STEPS - 2) this.#steps.delete(old);
        else break;
      }
    }
    this.#open.sum += load;
    this.#open.count += 1;
  }

  /** A straight line through the last ten minutes, at now. */
  #level(nowMs: number): { load: number; slope: number } | undefined {
    const count = this.#recent.length;
    if (count === 0) return undefined;
    let [sumX, sumY, sumXX, sumXY] = [0, 0, 0, 0];
    for (const [atMs, load] of this.#recent) {
      const x = atMs - nowMs;
      sumX += x;
      sumY += load;
      sumXX += x * x;
      sumXY += x * load;
    }
    const spread = count * sumXX - sumX * sumX;
    // A few samples make any slope.
    const slope = count < 4 || spread === 0 ? 0 : (count * sumXY - sumX * sumY) / spread;
    return { load: Math.max(0, (sumY - slope * sumX) / count), slope };
  }

  /** By which factor past days went on from this time: their median. */
  #growth(nowMs: number, aheadMs: number): number | undefined {
    const ratios: number[] = [];
    for (let day = 1; day <= DAYS; day += 1) {
      const from = this.#past(nowMs - day * DAY_MS);
      const to = this.#past(nowMs + aheadMs - day * DAY_MS);
      if (from !== undefined && to !== undefined && from > 0) ratios.push(to / from);
    }
    if (ratios.length === 0) return undefined;
    ratios.sort((a, b) => a - b);
    const middle = ratios.length >> 1;
    return ratios.length % 2 === 1 ? ratios[middle]! : (ratios[middle - 1]! + ratios[middle]!) / 2;
  }

  /** Between the middles of two steps. */
  #past(atMs: number): number | undefined {
    const place = atMs / STEP_MS - 0.5;
    const step = Math.floor(place);
    const [before, after] = [this.#steps.get(step), this.#steps.get(step + 1)];
    if (before === undefined || after === undefined) return before ?? after;
    return before + (after - before) * (place - step);
  }

  #check(nowMs: number, load: number): void {
    const due = this.#made.filter(({ forMs }) => forMs <= nowMs);
    this.#made = this.#made.filter(({ forMs }) => forMs > nowMs);
    const last = due.at(-1);
    if (last && nowMs - last.forMs <= this.#trendMs && load > 0) {
      const relative = (load - last.load) / Math.max(load, last.load);
      this.#error += ERROR_WEIGHT * (relative * relative - this.#error);
    }
    const made = this.at(nowMs, CHECK_MS);
    if (made) this.#made.push({ forMs: nowMs + CHECK_MS, load: made.load });
  }
}

const stepOf = (atMs: number): number => Math.floor(atMs / STEP_MS);
