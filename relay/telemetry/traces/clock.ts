/** A clock that was set is followed, not smoothed. */
const MOST_OFF_MS = 2;

let shiftMs = 0;

/** ms since 1970 with fractions: `Date.now` has none, and the spans of a gift last less than one. */
export function wallMs(): number {
  const coarse = Date.now();
  const fine = performance.timeOrigin + performance.now() + shiftMs;
  if (Math.abs(fine - coarse) <= MOST_OFF_MS) return fine;
  shiftMs += coarse - fine;
  return coarse;
}

/** The wall's time of a moment of `performance.now`. */
export function wallAt(monotonicMs: number): number {
  return wallMs() - (performance.now() - monotonicMs);
}
