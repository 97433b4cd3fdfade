import type { RoomEntry } from './types.ts';

/** What a region's bucket holds of a room. */
export interface RoomRecord extends RoomEntry {
  /**
   * Which creation of the room this is of: kept by claims and moves. Two regions may create a room each; the earlier
   * creation is the room.
   */
  born: { at: number; region: string };
}

/** A record and the region whose bucket holds it. */
export interface Held {
  bucket: string;
  record: RoomRecord;
}

/** By creation: negative when `a` was first. The same for everybody, whatever came when. */
function byBirth(a: RoomRecord, b: RoomRecord): number {
  return a.born.at - b.born.at || (a.born.region < b.born.region ? -1 : a.born.region > b.born.region ? 1 : 0);
}

/**
 * The one of several buckets that counts: an open creation before closed ones, then the earlier creation; of one creation
 * the higher epoch, then a closed record. Undefined of none.
 */
export function winner(held: readonly Held[]): Held | undefined {
  // A closed record ends its creation only where no move went past it.
  const latest: Held[] = [];
  for (const one of held) {
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

/** What `region` has to write so that creations which met become one. Each region writes its own bucket only. */
export function repairs(held: readonly Held[], region: string): Repair[] {
  const best = winner(held);
  if (!best || best.record.closed) return [];
  const others = held.filter(({ record }) => byBirth(record, best.record) !== 0);
  const out: Repair[] = [];
  const highest = Math.max(0, ...others.map(({ record }) => record.epoch));
  if (best.bucket === region && best.record.home === region && highest >= best.record.epoch) {
    out.push({ write: 'raise', bucket: region, record: { ...best.record, epoch: highest + 1 } });
  }
  for (const { bucket, record } of others) {
    if (bucket === region && !record.closed) out.push({ write: 'end', bucket, record: { ...record, closed: true } });
  }
  return out;
}

export function entryOf({ room, home, origin, epoch, closed }: RoomRecord): RoomEntry {
  return closed ? { room, home, origin, epoch, closed } : { room, home, origin, epoch };
}

export function sameEntry(a: RoomEntry | undefined, b: RoomEntry | undefined): boolean {
  return (
    a?.home === b?.home && a?.origin === b?.origin && a?.epoch === b?.epoch && a?.closed === b?.closed && !a === !b
  );
}
