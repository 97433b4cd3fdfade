import { HayateError } from '../errors.ts';
import { BundleError } from './errors.ts';
import {
  MAX_ALIAS,
  MAX_DATAGRAM_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_SIXTEENTHS,
  MAX_SLOTS,
  signed48,
  sixteenthsToUs,
  type UnitKind,
  usToSixteenths,
  wrap48,
} from './limits.ts';
import { BUNDLE_TYPE, BundleScanner } from './scan.ts';
import { varintBytes, writeU32, writeU48, writeVarint } from './varint.ts';

/** A unit as it stands in a bundle. */
export interface BundleUnit {
  /** 0..7; 0 on the uplink. */
  slot: number;
  kind: UnitKind;
  /** Decodable alone. */
  key: boolean;
  /** The wire carries all 32 bits of `sequence`. */
  full: boolean;
  /** u32. Encoding a short one writes its low 8 bits; parsing a short one gives them. */
  sequence: number;
  /** Capture time before the bundle's base, in 1/16 ms, 0..16383. */
  age16: number;
  /** 0..900 bytes. After `parseBundle` a view of the datagram. */
  payload: Uint8Array;
}

export interface Bundle {
  /** 0 on the uplink. */
  alias: number;
  /** The slots that have units, lowest first, and their generations (0..255). */
  slots: { slot: number; generation: number }[];
  /** Capture time of the newest unit, us modulo 2^48, sender's clock. */
  baseUs: number;
  /** Of the base, in 1/16 ms, 0..16383. */
  uncertainty16: number;
  /** Oldest first. */
  units: BundleUnit[];
}

/** A unit with its own time, before it is put into a bundle. */
export interface TimedUnit {
  slot: number;
  generation: number;
  kind: UnitKind;
  key: boolean;
  full: boolean;
  sequence: number;
  /** Sender's clock, us; a fraction is cut off. */
  captureUs: number;
  payload: Uint8Array;
}

export interface PackOptions {
  /** Of each bundle. Default 1000; 990 on the uplink (`MAX_UPLINK_BUNDLE_BYTES`). */
  maxBytes?: number;
  /** Default 0, as on the uplink. */
  alias?: number;
  uncertainty16?: number;
}

/** Parses a bundle; payloads are views of `data`. Throws BundleError. */
export function parseBundle(data: Uint8Array): Bundle {
  const scanner = new BundleScanner();
  const reason = scanner.open(data);
  if (reason !== undefined) throw new BundleError(reason);
  const slots: Bundle['slots'] = [];
  for (let slot = 0; slot < MAX_SLOTS; slot++) {
    if ((scanner.slots & (1 << slot)) !== 0) slots.push({ slot, generation: scanner.generations[slot]! });
  }
  const units: BundleUnit[] = [];
  while (scanner.next()) {
    units.push({
      slot: scanner.slot,
      kind: scanner.kind as UnitKind,
      key: scanner.key,
      full: scanner.full,
      sequence: scanner.sequence,
      age16: scanner.age16,
      payload: scanner.payload(),
    });
  }
  return { alias: scanner.alias, slots, baseUs: scanner.baseUs, uncertainty16: scanner.uncertainty16, units };
}

/**
 * Encodes one datagram. Throws HayateError `datagram_too_large` over 1000 bytes, and BundleError with the reason that a
 * receiver would find.
 */
export function encodeBundle(bundle: Bundle): Uint8Array {
  const { units } = bundle;
  if (units.length === 0) throw new BundleError('no_unit');
  checkInteger(bundle.alias, MAX_ALIAS, 'alias');
  checkInteger(bundle.uncertainty16, MAX_SIXTEENTHS, 'uncertainty16');
  checkInteger(bundle.baseUs, 2 ** 48 - 1, 'baseUs');
  const generations = new Map<number, number>();
  for (const { slot, generation } of bundle.slots) {
    checkInteger(slot, MAX_SLOTS - 1, 'slot');
    checkInteger(generation, 255, 'generation');
    generations.set(slot, generation);
  }
  checkUnits(units, generations);

  const size = bundleBytes(bundle.alias, generations.size, bundle.uncertainty16, units);
  if (size > MAX_DATAGRAM_BYTES) {
    throw new HayateError('datagram_too_large', `a bundle of ${size} bytes is over ${MAX_DATAGRAM_BYTES}`);
  }
  const out = new Uint8Array(size);
  out[0] = BUNDLE_TYPE;
  let at = writeVarint(out, 1, bundle.alias);
  const slotsAt = at++;
  let slots = 0;
  for (let slot = 0; slot < MAX_SLOTS; slot++) {
    const generation = generations.get(slot);
    if (generation === undefined) continue;
    slots |= 1 << slot;
    out[at++] = generation;
  }
  out[slotsAt] = slots;
  writeU48(out, at, bundle.baseUs);
  at = writeVarint(out, at + 6, bundle.uncertainty16);
  for (const unit of units) {
    out[at++] = (unit.slot << 5) | (unit.kind << 3) | (unit.key ? 4 : 0) | (unit.full ? 2 : 0);
    if (unit.full) {
      writeU32(out, at, unit.sequence);
      at += 4;
    } else {
      out[at++] = unit.sequence;
    }
    at = writeVarint(out, at, unit.age16);
    at = writeVarint(out, at, unit.payload.length);
    out.set(unit.payload, at);
    at += unit.payload.length;
  }
  return out;
}

/**
 * Packs units into as few datagrams as their slots allow: all in one where they fit, else split by slot, and a slot that
 * does not fit alone by unit. Repeats of a unit get a datagram of their own. Bundles are oldest first inside.
 */
export function packBundles(units: readonly TimedUnit[], options: PackOptions = {}): Uint8Array[] {
  const alias = options.alias ?? 0;
  const uncertainty16 = options.uncertainty16 ?? 0;
  const maxBytes = options.maxBytes ?? MAX_DATAGRAM_BYTES;
  const make = (list: readonly TimedUnit[]): Bundle => toBundle(list, alias, uncertainty16);
  const isOne = (bundle: Bundle): boolean => {
    if (bundle.units[0]!.age16 > MAX_SIXTEENTHS || hasRepeat(bundle.units)) return false;
    return bundleBytes(alias, bundle.slots.length, uncertainty16, bundle.units) <= maxBytes;
  };
  const fits = (list: readonly TimedUnit[]): boolean => isOne(make(list));

  if (units.length === 0) return [];
  const sorted = [...units].sort((a, b) => a.captureUs - b.captureUs);
  const whole = make(sorted);
  if (isOne(whole)) return [encodeBundle(whole)];

  const bins: TimedUnit[][] = [];
  for (let slot = 0; slot < MAX_SLOTS; slot++) {
    const ofSlot = sorted.filter((unit) => unit.slot === slot);
    if (ofSlot.length === 0) continue;
    const last = bins.at(-1);
    const joined = last === undefined ? ofSlot : merge(last, ofSlot);
    if (last !== undefined && fits(joined)) bins[bins.length - 1] = joined;
    else bins.push(...splitByUnit(ofSlot, fits));
  }
  return bins.map((list) => encodeBundle(make(list)));
}

function splitByUnit(units: readonly TimedUnit[], fits: (list: readonly TimedUnit[]) => boolean): TimedUnit[][] {
  const bins: TimedUnit[][] = [];
  for (const unit of units) {
    // First fit, so that a run of repeats fills one second datagram and not one each.
    const bin = bins.find((list) => fits([...list, unit]));
    if (bin !== undefined) bin.push(unit);
    else if (fits([unit])) bins.push([unit]);
    else throw new HayateError('datagram_too_large', `a payload of ${unit.payload.length} bytes does not fit`);
  }
  return bins;
}

function merge(a: readonly TimedUnit[], b: readonly TimedUnit[]): TimedUnit[] {
  return [...a, ...b].sort((x, y) => x.captureUs - y.captureUs);
}

function toBundle(list: readonly TimedUnit[], alias: number, uncertainty16: number): Bundle {
  // Clocks of browsers have fractions; the wire has none.
  const baseUs = Math.floor(list.at(-1)!.captureUs);
  const generations = new Map<number, number>();
  for (const unit of list) generations.set(unit.slot, unit.generation);
  return {
    alias,
    slots: [...generations].map(([slot, generation]) => ({ slot, generation })).sort((a, b) => a.slot - b.slot),
    baseUs: wrap48(baseUs),
    uncertainty16,
    units: list.map((unit) => ({
      slot: unit.slot,
      kind: unit.kind,
      key: unit.key,
      full: unit.full,
      sequence: unit.sequence,
      age16: usToSixteenths(baseUs - Math.floor(unit.captureUs)),
      payload: unit.payload,
    })),
  };
}

/** Capture time of a unit, us modulo 2^48, in the clock of the bundle's sender. */
export function captureUs(baseUs: number, age16: number): number {
  return wrap48(baseUs - sixteenthsToUs(age16));
}

/** `laterUs - earlierUs` of two wire times, whatever wrapped in between. */
export function elapsedUs(laterUs: number, earlierUs: number): number {
  return signed48(laterUs - earlierUs);
}

function checkUnits(units: readonly BundleUnit[], generations: ReadonlyMap<number, number>): void {
  const used = new Set<number>();
  let age = MAX_SIXTEENTHS;
  for (const unit of units) {
    if (!generations.has(unit.slot)) throw new BundleError('slot_not_listed');
    if (!(unit.kind === 0 || unit.kind === 1 || unit.kind === 2)) throw new BundleError('reserved_kind');
    checkInteger(unit.sequence, 0xffff_ffff, 'sequence');
    checkInteger(unit.age16, MAX_SIXTEENTHS, 'age16');
    checkInteger(unit.payload.length, MAX_PAYLOAD_BYTES, 'payload length');
    if (unit.age16 > age) throw new BundleError('age_order');
    age = unit.age16;
    used.add(unit.slot);
  }
  if (used.size !== generations.size) throw new BundleError('empty_slot');
  if (hasRepeat(units)) throw new BundleError('duplicate_identity');
}

function hasRepeat(units: readonly BundleUnit[]): boolean {
  if (units.length === 1) return false;
  const seen = new Set<number>();
  for (const unit of units) seen.add((unit.slot << 10) | (unit.kind << 8) | (unit.sequence & 0xff));
  return seen.size !== units.length;
}

function checkInteger(value: number, max: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new BundleError('limit', `${what} ${value} is not an integer in 0..${max}`);
  }
}

function bundleBytes(alias: number, slots: number, uncertainty16: number, units: readonly BundleUnit[]): number {
  let bytes = 1 + varintBytes(alias) + 1 + slots + 6 + varintBytes(uncertainty16);
  for (const unit of units) {
    const length = unit.payload.length;
    bytes += (unit.full ? 5 : 2) + varintBytes(unit.age16) + varintBytes(length) + length;
  }
  return bytes;
}
