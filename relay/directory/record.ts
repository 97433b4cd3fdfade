import type { RoomEntry } from './types.ts';

/** What a region's bucket holds of a room. */
export interface RoomRecord extends RoomEntry {
  /**
   * Which creation of the room this is of: kept by claims and moves. Two regions may create a room each; the earlier
   * creation is the room.
   */
  born: Birth;
  /**
   * Creations that had ended when this one began: what is left of them elsewhere, as the word of a move, is void. The latest
   * few.
   */
  ended?: Birth[];
}

interface Birth {
  /** ms since 1970. */
  at: number;
  region: string;
}

/** A record and the region whose bucket holds it. */
export interface Held {
  bucket: string;
  record: RoomRecord;
}

/** What is left of a creation elsewhere is forgotten within an hour, so that only the latest matter. */
const ENDED_KEPT = 8;

/** Negative when `a` was first. The same for everybody, whatever came when. */
function byBirth({ born: a }: RoomRecord, { born: b }: RoomRecord): number {
  return a.at - b.at || (a.region < b.region ? -1 : a.region > b.region ? 1 : 0);
}

const nameOf = ({ at, region }: Birth): string => `${at} ${region}`;

/** The other creations among these and what they had ended, for a record that takes their place. */
export function endedWith(held: readonly Held[], born: Birth): Birth[] {
  const all = held.flatMap(({ record }) => [record.born, ...(record.ended ?? [])]);
  const others = new Map(all.map((one) => [nameOf(one), one]));
  others.delete(nameOf(born));
  return [...others.values()].sort((a, b) => b.at - a.at).slice(0, ENDED_KEPT);
}

/** Those of a creation that another has ended count as closed. */
function judged(held: readonly Held[]): Held[] {
  const ended = new Set(held.flatMap(({ record }) => record.ended ?? []).map(nameOf));
  return held.map((one) =>
    ended.has(nameOf(one.record.born)) ? { bucket: one.bucket, record: { ...one.record, closed: true } } : one,
  );
}

/**
 * The one of several buckets that counts: an open creation before closed ones, then the earlier creation; of one creation
 * the higher epoch, then a closed record. Undefined of none.
 */
export function winner(held: readonly Held[]): Held | undefined {
  // A closed record ends its creation only where no move went past it.
  const latest: Held[] = [];
  for (const one of judged(held)) {
    const index = latest.findIndex(({ record }) => byBirth(record, one.record) === 0);
    if (index < 0) latest.push(one);
    else if (isLater(one, latest[index]!)) latest[index] = one;
  }
  let best: Held | undefined;
  for (const one of latest) {
    if (best === undefined || beats(one.record, best.record)) best = one;
  }
  return best;
}

/** Of one creation. */
function isLater(a: Held, b: Held): boolean {
  if (a.record.epoch !== b.record.epoch) return a.record.epoch > b.record.epoch;
  if (a.record.closed !== b.record.closed) return a.record.closed === true;
  // A move that leaves both buckets with one content: the new home's copy is the one to compare and set.
  return a.bucket === a.record.home && b.bucket !== b.record.home;
}

/** Of two creations. */
function beats(a: RoomRecord, b: RoomRecord): boolean {
  if (a.closed !== b.closed) return b.closed === true;
  if (a.closed) return a.epoch > b.epoch || (a.epoch === b.epoch && byBirth(a, b) < 0);
  return byBirth(a, b) < 0;
}

export type Repair =
  /** Raises the winner's epoch over all that another creation gave out, so that a higher epoch is always the later. */
  | { write: 'raise'; bucket: string; record: RoomRecord }
  /** Closes the creation that lost, so that it does not come back when the winner closes. */
  | { write: 'end'; bucket: string; record: RoomRecord };

/** What is to be written so that creations which met become one. Whoever sees it first does it. */
export function repairs(held: readonly Held[]): Repair[] {
  const best = winner(held);
  if (!best || best.record.closed) return [];
  const others = held.filter(({ record }) => byBirth(record, best.record) !== 0);
  const out: Repair[] = [];
  const highest = Math.max(0, ...others.map(({ record }) => record.epoch));
  if (highest >= best.record.epoch) {
    const { home } = best.record;
    const ended = endedWith(held, best.record.born);
    out.push({ write: 'raise', bucket: home, record: { ...best.record, epoch: highest + 1, ended } });
  }
  for (const { bucket, record } of others) {
    if (!record.closed) out.push({ write: 'end', bucket, record: { ...record, closed: true } });
  }
  // Where the winner comes home to a bucket that another holds, it takes that one's place.
  return out.filter(
    ({ write, bucket }) =>
      write === 'raise' || !out.some((other) => other.write === 'raise' && other.bucket === bucket),
  );
}

export function entryOf({ room, home, origin, epoch, closed }: RoomRecord): RoomEntry {
  return closed ? { room, home, origin, epoch, closed } : { room, home, origin, epoch };
}
