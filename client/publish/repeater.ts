import { MAX_UPLINK_BUNDLE_BYTES, type TimedUnit, UNIT_KIND } from '@hayate/codec/bundle';
import type { RepairKind } from '@hayate/codec/messages';

/** When nothing new leaves, a datagram of repeats alone goes so long after the spacing. */
const ALONE_MS = 20;
/** Older ones come too late to be shown, */
const STALE_MS = 200;
/** and one unit that is too old has the relay refuse its whole datagram (500 ms, transit included). */
const STALE_CHAIN_MS = 300;
/** Bundle header on the uplink. */
const HEADER_BYTES = 12;

interface Sent {
  unit: TimedUnit;
  leftMs: number;
  repeated: boolean;
  /** Motion since and with the last key. */
  chain: boolean;
}

/** What an uplink that loses datagrams gets a second time. Pure: times are arguments, all of one clock. */
export class Repeater {
  #kind: RepairKind = 'none';
  #spacingMs = 0;
  /** In the order they left. */
  #sent: Sent[] = [];
  units = 0;
  /** Of repeated units with their headers. */
  bytes = 0;
  stale = 0;

  get active(): boolean {
    return this.#kind !== 'none';
  }

  ask(kind: RepairKind, spacingMs: number): void {
    this.#kind = kind;
    this.#spacingMs = spacingMs;
    if (kind === 'none') this.clear();
  }

  /** These left in one datagram. The payloads are kept, not copied. */
  left(units: readonly TimedUnit[], nowMs: number): void {
    if (!this.active) return;
    for (const unit of units) {
      const motion = unit.kind === UNIT_KIND.motion;
      if (motion && unit.key) for (const before of this.#sent) before.chain = false;
      this.#sent.push({ unit, leftMs: nowMs, repeated: false, chain: motion });
    }
  }

  /** The repeats that ride in the datagram that is about to leave with `units` (none: a datagram of repeats alone). */
  ride(units: readonly TimedUnit[], nowMs: number): TimedUnit[] {
    if (this.#sent.length === 0) return [];
    this.#forget(nowMs);
    let room = MAX_UPLINK_BUNDLE_BYTES - HEADER_BYTES;
    for (const unit of units) room -= unitBytes(unit);
    const riding: TimedUnit[] = [];
    for (const entry of this.#sent) {
      const due = !entry.repeated && nowMs - entry.leftMs >= this.#spacingMs;
      // What follows a key helps every frame up to the next one: it rides along again and again.
      if (!due && !(this.#kind === 'since_key' && entry.chain)) continue;
      const bytes = unitBytes(entry.unit);
      if (bytes > room) continue;
      room -= bytes;
      this.units += 1;
      this.bytes += bytes;
      entry.repeated ||= due;
      riding.push(entry.unit);
    }
    return riding;
  }

  /** When a datagram of repeats alone is due, unless another leaves before; undefined: nothing is owed. */
  get aloneAtMs(): number | undefined {
    for (const { repeated, leftMs } of this.#sent) if (!repeated) return leftMs + this.#spacingMs + ALONE_MS;
    return undefined;
  }

  clear(): void {
    this.#sent = [];
  }

  #forget(nowMs: number): void {
    this.#sent = this.#sent.filter(({ repeated, chain, leftMs }) => {
      const ageMs = nowMs - leftMs;
      if (!repeated && ageMs > STALE_MS) this.stale += 1;
      else if (!repeated) return true;
      return this.#kind === 'since_key' && chain && ageMs <= STALE_CHAIN_MS;
    });
  }
}

/** At most: with an age of two bytes. */
function unitBytes({ full, payload }: TimedUnit): number {
  return (full ? 5 : 2) + 2 + (payload.length < 64 ? 1 : 2) + payload.length;
}
