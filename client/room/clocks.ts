const READINGS = 5;
/** Clocks that differ by less are one: it is what two readings differ by where a browser rounds its clock. */
const SAME_US = 1000;

/**
 * What `own` is ahead of `other`, us; 0 where they are the same clock. A thread that loses its core between two readings sees them
 * apart by as much: the closest pair counts, and what it leaves open is no difference.
 */
export function apartUs(own: () => number, other: () => number): number {
  let least = { apart: 0, open: Number.POSITIVE_INFINITY };
  for (let n = 0; n < READINGS; n += 1) {
    const before = own();
    const theirs = other();
    const open = (own() - before) / 2;
    if (open < least.open) least = { apart: before + open - theirs, open };
  }
  return Math.abs(least.apart) <= least.open + SAME_US ? 0 : least.apart;
}
