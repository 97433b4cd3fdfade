import type { BundleReason } from './errors.ts';
import { MAX_ALIAS, MAX_DATAGRAM_BYTES, MAX_PAYLOAD_BYTES, MAX_SIXTEENTHS, MAX_SLOTS } from './limits.ts';
import { readU32, readU48, readVarint, varintBytesFrom } from './varint.ts';

export const BUNDLE_TYPE = 0x01;

/**
 * Reads bundles without allocating. `open()` checks a whole datagram; afterwards `next()` steps through its units and
 * leaves each one's fields here. One scanner serves one datagram at a time; the fields change at the next call.
 */
export class BundleScanner {
  alias = 0;
  /** Bit s set = slot s has units. */
  slots = 0;
  /** By slot; only those set in `slots` mean something. */
  readonly generations = new Uint8Array(MAX_SLOTS);
  /** Modulo 2^48, sender's clock. */
  baseUs = 0;
  /** 1/16 ms. */
  uncertainty16 = 0;
  unitCount = 0;
  /** Age of the first, and so the oldest unit. */
  oldestAge16 = 0;
  /** Offset of the first unit. */
  unitsStart = 0;

  slot = 0;
  kind = 0;
  key = false;
  full = false;
  /** 32 bits when `full`, else the low 8. */
  sequence = 0;
  /** 1/16 ms before the base. */
  age16 = 0;
  unitStart = 0;
  payloadStart = 0;
  unitEnd = 0;

  #data: Uint8Array = new Uint8Array(0);
  #at = 0;
  // One bit for each (slot, kind, low 8 bits of the sequence) seen in this bundle.
  readonly #seen = new Uint32Array(MAX_SLOTS * 4 * 8);

  /** Checks the datagram. Returns why it is malformed, or undefined: then `next()` gives its units. */
  open(data: Uint8Array): BundleReason | undefined {
    this.#data = data;
    const length = data.length;
    if (length === 0 || data[0] !== BUNDLE_TYPE) return 'not_a_bundle';
    if (length > MAX_DATAGRAM_BYTES) return 'limit';
    this.#at = 1;
    this.alias = this.#varint();
    if (this.alias < 0) return 'truncated';
    if (this.alias > MAX_ALIAS) return 'limit';
    if (this.#at >= length) return 'truncated';
    this.slots = data[this.#at++]!;
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      if ((this.slots & (1 << slot)) === 0) continue;
      if (this.#at >= length) return 'truncated';
      this.generations[slot] = data[this.#at++]!;
    }
    if (this.#at + 6 > length) return 'truncated';
    this.baseUs = readU48(data, this.#at);
    this.#at += 6;
    this.uncertainty16 = this.#varint();
    if (this.uncertainty16 < 0) return 'truncated';
    if (this.uncertainty16 > MAX_SIXTEENTHS) return 'limit';
    this.unitsStart = this.#at;
    return this.#checkUnits();
  }

  /** Steps to the next unit of a datagram that `open()` accepted; false at its end. */
  next(): boolean {
    if (this.#at >= this.#data.length) return false;
    this.#readUnit();
    return true;
  }

  /** Back to before the first unit. */
  rewind(): void {
    this.#at = this.unitsStart;
  }

  /** The present unit's payload: a view of the datagram, not a copy. */
  payload(): Uint8Array {
    return this.#data.subarray(this.payloadStart, this.unitEnd);
  }

  #checkUnits(): BundleReason | undefined {
    this.#seen.fill(0);
    let used = 0;
    let age = MAX_SIXTEENTHS;
    this.unitCount = 0;
    while (this.#at < this.#data.length) {
      const reason = this.#readUnit();
      if (reason !== undefined) return reason;
      if (this.unitCount === 0) this.oldestAge16 = this.age16;
      if (this.age16 > age) return 'age_order';
      age = this.age16;
      const word = (((this.slot << 2) | this.kind) << 3) | ((this.sequence & 0xff) >>> 5);
      const bit = 1 << (this.sequence & 31);
      if ((this.#seen[word]! & bit) !== 0) return 'duplicate_identity';
      this.#seen[word]! |= bit;
      used |= 1 << this.slot;
      this.unitCount++;
    }
    if (this.unitCount === 0) return 'no_unit';
    if (used !== this.slots) return 'empty_slot';
    this.rewind();
    return undefined;
  }

  #readUnit(): BundleReason | undefined {
    const data = this.#data;
    this.unitStart = this.#at;
    const head = data[this.#at++]!;
    if ((head & 1) !== 0) return 'reserved_bit';
    this.kind = (head >>> 3) & 3;
    if (this.kind === 3) return 'reserved_kind';
    this.slot = head >>> 5;
    if ((this.slots & (1 << this.slot)) === 0) return 'slot_not_listed';
    this.key = (head & 4) !== 0;
    this.full = (head & 2) !== 0;
    if (this.#at + (this.full ? 4 : 1) > data.length) return 'truncated';
    if (this.full) {
      this.sequence = readU32(data, this.#at);
      this.#at += 4;
    } else {
      this.sequence = data[this.#at++]!;
    }
    this.age16 = this.#varint();
    if (this.age16 < 0) return 'truncated';
    if (this.age16 > MAX_SIXTEENTHS) return 'limit';
    const length = this.#varint();
    if (length < 0) return 'truncated';
    if (length > MAX_PAYLOAD_BYTES) return 'limit';
    this.payloadStart = this.#at;
    if (this.#at + length > data.length) return 'truncated';
    this.#at += length;
    this.unitEnd = this.#at;
    return undefined;
  }

  #varint(): number {
    const data = this.#data;
    const at = this.#at;
    if (at >= data.length) return -1;
    const bytes = varintBytesFrom(data[at]!);
    if (at + bytes > data.length) return -1;
    this.#at = at + bytes;
    return readVarint(data, at);
  }
}

const shared = new BundleScanner();

/**
 * Checks a whole bundle, then calls `visit` for each unit with one reused scanner: no allocation. `visit` must not call
 * `forEachUnit` again. Returns why the datagram is malformed (nothing was visited then), or undefined.
 */
export function forEachUnit(data: Uint8Array, visit: (unit: BundleScanner) => void): BundleReason | undefined {
  const reason = shared.open(data);
  if (reason !== undefined) return reason;
  while (shared.next()) visit(shared);
  return undefined;
}
