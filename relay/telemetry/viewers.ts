import type { Report } from '@hayate/codec/messages';
import type { Attributes, Meter } from '@opentelemetry/api';

/** What a viewer may say that it is; another word counts as `other`, so that nobody makes time series. */
const BROWSERS = new Set(['chromium', 'firefox', 'safari', 'node']);
const NETWORKS = new Set(['wifi', 'cellular', 'ethernet']);
/** Of a good second of a viewer: its p99 from capture to presentation, ms. */
const GOOD_MS = 100;
/** A report stands for the time since the one before, at most for so long: viewers tell of themselves each four seconds. */
const MOST_SECONDS = 5;
const MOST_LAG_MS = 10_000;
const MOST_MISSED = 1000;
/** Of 150 ms each, in that time. */
const MOST_STALLS = 33;

/** Seconds. */
export const VIEWER_LAG_BOUNDS = [0.025, 0.05, 0.075, 0.09, 0.1, 0.125, 0.15, 0.2, 0.3, 0.5, 1];
export const VIEWER_JOIN_BOUNDS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5];
/** A second. */
export const VIEWER_MISSED_BOUNDS = [0, 0.1, 0.5, 1, 2, 5, 10, 20, 50];

interface Known {
  atMs: number;
  lost: number;
  stalls: number;
  joined: boolean;
  labels: Attributes;
}

/**
 * Metrics of what viewers say of themselves. All of it bears `source="viewer"`: who lies moves its own share of them, one
 * report a second, and nothing that the relay decides by.
 */
export class ViewerReports {
  readonly #known = new WeakMap<object, Known>();
  readonly #lag;
  readonly #join;
  readonly #missed;
  readonly #stalls;
  readonly #seconds;
  readonly #goodSeconds;

  constructor(meter: Meter) {
    const histogram = (name: string, description: string) => meter.createHistogram(`hayate_${name}`, { description });
    const counter = (name: string, description: string) => meter.createCounter(`hayate_${name}`, { description });
    this.#lag = histogram('viewer_lag_seconds', 'Capture to presentation, p99 of a second, as viewers report it.');
    this.#join = histogram('viewer_join_seconds', 'From the wish to watch to the first frame, as viewers report it.');
    this.#missed = histogram(
      'viewer_missed_units',
      'Units a second that were not there in time, as viewers report them.',
    );
    this.#stalls = counter(
      'viewer_stalls',
      'Times that a face stood still for want of frames, as viewers report them.',
    );
    this.#seconds = counter('viewer_seconds', 'Time watched that reports tell of.');
    this.#goodSeconds = counter('viewer_good_seconds', `Of it, with a lag of at most ${GOOD_MS} ms.`);
  }

  /** A report that was taken. @param viewer whose it is; what is known of it goes with it */
  take(viewer: object, report: Report, nowMs: number): void {
    const before = this.#known.get(viewer);
    const known = before ?? { atMs: nowMs - 1000, lost: 0, stalls: 0, joined: false, labels: labelsOf(report) };
    // Told in the first report of a session alone.
    if (!before) this.#known.set(viewer, known);
    const { labels } = known;
    const seconds = Math.min(MOST_SECONDS, Math.max(0, (nowMs - known.atMs) / 1000));
    const { lagP99Ms, lost = known.lost, stalls = known.stalls, joinMs } = report;
    // Bounds: one figure that somebody made up must not be the sum of all.
    if (lagP99Ms !== undefined) {
      this.#lag.record(Math.min(MOST_LAG_MS, Math.max(0, lagP99Ms)) / 1000, labels);
      this.#seconds.add(seconds, labels);
      if (lagP99Ms <= GOOD_MS || !before) this.#goodSeconds.add(lagP99Ms <= GOOD_MS ? seconds : 0, labels);
    }
    // A new generation of a liver counts from zero.
    const missed = Math.max(0, lost - known.lost) / Math.max(seconds, 1);
    if (before) this.#missed.record(Math.min(MOST_MISSED, missed), labels);
    const more = Math.max(0, Math.min(stalls - known.stalls, MOST_STALLS));
    // Zero once, so that it is there; each call costs as much as a histogram's.
    if (more > 0 || !before) this.#stalls.add(more, labels);
    if (joinMs !== undefined && !known.joined) {
      this.#join.record(joinMs / 1000, labels);
      known.joined = true;
    }
    Object.assign(known, { atMs: nowMs, lost, stalls });
  }
}

function labelsOf({ browser, network }: Report): Attributes {
  const of = (set: Set<string>, word: string | undefined) =>
    word === undefined ? 'unknown' : set.has(word) ? word : 'other';
  return { browser: of(BROWSERS, browser), network: of(NETWORKS, network), source: 'viewer' };
}
