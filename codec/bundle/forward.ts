import { captureUs } from './bundle.ts';
import type { BundleReason } from './errors.ts';
import {
  MAX_DATAGRAM_BYTES,
  MAX_SIXTEENTHS,
  MAX_UPLINK_BUNDLE_BYTES,
  signed48,
  sixteenthsToUs,
  UNIT_KIND,
  uncertaintyToSixteenths,
  usToSixteenths,
  wrap48,
} from './limits.ts';
import { UnitRate } from './rate.ts';
import { BUNDLE_TYPE, BundleScanner } from './scan.ts';
import { SequenceExtender } from './sequence.ts';
import { varintBytes, writeU48, writeVarint } from './varint.ts';

const MAX_CACHE_UNITS = 64;
const MAX_CACHE_BYTES = 8192;

export interface SlotForwarderOptions {
  /** 1..2^30-1. */
  alias: number;
  slot: number;
  generation: number;
  /** Oldest and furthest capture time taken, from the protocol's 500 and 20 ms. */
  maxAgeUs?: number;
  maxAheadUs?: number;
  /** New units that are passed on, half of them at once; 0, the default: any number. */
  unitsPerSecond?: number;
}

/** What a clock sync knows of the publisher. */
export interface PeerClock {
  /** Publisher's clock minus own clock, whole us. */
  offsetUs: number;
  /** Whole us. */
  uncertaintyUs: number;
}

export type RefuseReason = BundleReason | 'clock_unsynced' | 'capture_time_out_of_range';
export type UnitDrop = 'unsynced' | 'duplicate' | 'late' | 'overRate';

export interface ForwardResult {
  /** For every member of the room but the publisher; undefined when nothing is left to send. */
  downlink: Uint8Array | undefined;
  /** Why the whole bundle was refused. */
  refused: RefuseReason | undefined;
  unsynced: number;
  duplicate: number;
  late: number;
  /** New units that were one too many. */
  overRate: number;
  /** Units in `downlink`. */
  forwarded: number;
}

interface CachedUnit {
  sequence: number;
  /** Relay's clock, us, not wrapped. */
  captureUs: number;
  uncertainty16: number;
  /** Head with the slot written, and the sequence. */
  start: Uint8Array;
  payload: Uint8Array;
}

/**
 * The relay's rules for one publisher, docs/protocol.md section 3: bundles in, bundles out, no clock and no I/O. One for
 * each (slot, generation).
 */
export class SlotForwarder {
  readonly options: Required<SlotForwarderOptions>;
  readonly #scanner = new BundleScanner();
  readonly #rate: UnitRate;
  readonly #kinds = [new SequenceExtender(), new SequenceExtender(), new SequenceExtender()] as const;
  /** Units since the last motion key by sequence; empty when there is none or the bounds were passed. */
  #cache: CachedUnit[] = [];
  #cacheBytes = 0;

  constructor(options: SlotForwarderOptions) {
    this.options = { maxAgeUs: 500_000, maxAheadUs: 20_000, unitsPerSecond: 0, ...options };
    this.#rate = new UnitRate(this.options.unitsPerSecond);
  }

  /** Units received, lost and repeated over all kinds. */
  get counts(): { received: number; lost: number; duplicate: number } {
    const sum = { received: 0, lost: 0, duplicate: 0 };
    for (const kind of this.#kinds) {
      sum.received += kind.received;
      sum.lost += kind.lost;
      sum.duplicate += kind.duplicate;
    }
    return sum;
  }

  /** Takes one uplink datagram. `nowUs` is the relay's clock; `clock` undefined: not synced yet. Never throws. */
  forward(nowUs: number, clock: PeerClock | undefined, uplink: Uint8Array): ForwardResult {
    const scanner = this.#scanner;
    const result: ForwardResult = {
      downlink: undefined,
      refused: undefined,
      unsynced: 0,
      duplicate: 0,
      late: 0,
      overRate: 0,
      forwarded: 0,
    };
    result.refused = scanner.open(uplink) ?? this.#refuse(nowUs, clock, uplink.length);
    if (result.refused !== undefined) return result;
    const ownBaseUs = this.#ownBaseUs(nowUs, clock!);
    const uncertainty16 = uncertaintyToSixteenths(clock!.uncertaintyUs);

    const { alias, slot, generation } = this.options;
    const headerBytes = 9 + varintBytes(alias) + varintBytes(uncertainty16);
    const out = new Uint8Array(headerBytes + uplink.length - scanner.unitsStart);
    let at = headerBytes;
    while (scanner.next()) {
      const kind = this.#kinds[scanner.kind]!;
      const captured = captureUs(scanner.baseUs, scanner.age16);
      const verdict = kind.offer(scanner.sequence, scanner.full, captured);
      if (verdict !== 'new') {
        result[verdict]++;
        continue;
      }
      if (kind.began && scanner.kind === UNIT_KIND.motion) this.#forget();
      if (!this.#rate.take(nowUs)) {
        result.overRate++;
        continue;
      }
      result.forwarded++;
      out.set(uplink.subarray(scanner.unitStart, scanner.unitEnd), at);
      out[at]! |= slot << 5;
      if (scanner.kind === UNIT_KIND.motion) {
        const ownCaptureUs = ownBaseUs - sixteenthsToUs(scanner.age16);
        this.#remember(kind.extended, ownCaptureUs, uncertainty16, uplink);
      }
      at += scanner.unitEnd - scanner.unitStart;
    }
    if (result.forwarded > 0) {
      writeHeader(out, alias, slot, generation, wrap48(ownBaseUs), uncertainty16);
      result.downlink = out.subarray(0, at);
    }
    return result;
  }

  /** For one new viewer: the motion units since the last key, in bundles of their own. */
  joinBundles(): Uint8Array[] {
    const bundles: Uint8Array[] = [];
    let from = 0;
    while (from < this.#cache.length) {
      const to = this.#bundleEnd(from);
      bundles.push(this.#joinBundle(this.#cache.slice(from, to)));
      from = to;
    }
    return bundles;
  }

  #refuse(nowUs: number, clock: PeerClock | undefined, bytes: number): RefuseReason | undefined {
    const scanner = this.#scanner;
    if (bytes > MAX_UPLINK_BUNDLE_BYTES) return 'limit';
    if (scanner.slots !== 1) return 'slot_not_listed';
    if (clock === undefined) return 'clock_unsynced';
    const newestUs = this.#ownBaseUs(nowUs, clock);
    const oldestUs = newestUs - sixteenthsToUs(scanner.oldestAge16);
    const { maxAgeUs, maxAheadUs } = this.options;
    const tooOld = oldestUs < nowUs - maxAgeUs - clock.uncertaintyUs;
    const tooNew = newestUs > nowUs + maxAheadUs + clock.uncertaintyUs;
    return tooOld || tooNew ? 'capture_time_out_of_range' : undefined;
  }

  #ownBaseUs(nowUs: number, clock: PeerClock): number {
    return nowUs + signed48(this.#scanner.baseUs - (nowUs + clock.offsetUs));
  }

  #remember(sequence: number, ownCaptureUs: number, uncertainty16: number, uplink: Uint8Array): void {
    const scanner = this.#scanner;
    const bytes = scanner.unitEnd - scanner.payloadStart;
    const first = this.#cache[0];
    if (scanner.key) {
      // A key that comes after a newer one changes nothing for a joiner.
      if (first !== undefined && ((sequence - first.sequence) | 0) < 0) return;
      this.#cache = this.#cache.filter((unit) => ((unit.sequence - sequence) | 0) > 0);
      this.#cacheBytes = this.#cache.reduce((sum, unit) => sum + unit.payload.length, 0);
    } else if (first === undefined || ((sequence - first.sequence) | 0) < 0) {
      return;
    }
    if (this.#cache.length >= MAX_CACHE_UNITS || this.#cacheBytes + bytes > MAX_CACHE_BYTES) {
      this.#forget();
      return;
    }
    const start = uplink.slice(scanner.unitStart, scanner.unitStart + (scanner.full ? 5 : 2));
    start[0]! |= this.options.slot << 5;
    const unit = { sequence, captureUs: ownCaptureUs, uncertainty16, start, payload: scanner.payload().slice() };
    let place = this.#cache.length;
    while (place > 0 && ((this.#cache[place - 1]!.sequence - sequence) | 0) > 0) place--;
    this.#cache.splice(place, 0, unit);
    this.#cacheBytes += bytes;
  }

  #forget(): void {
    this.#cache = [];
    this.#cacheBytes = 0;
  }

  /** One past the last unit that fits into a bundle beginning at `from`. */
  #bundleEnd(from: number): number {
    const { alias } = this.options;
    let units = 0;
    let to = from;
    // One bundle holds each low byte once: units 256 apart (after a loss) would be a duplicate identity there.
    const lowBytes = new Set<number>();
    while (to < this.#cache.length) {
      const next = this.#cache[to]!;
      const previous = this.#cache[Math.max(from, to - 1)]!;
      const length = next.payload.length;
      // Room for the longest age and uncertainty, so that the split does not depend on them.
      units += next.start.length + 2 + varintBytes(length) + length;
      if (11 + varintBytes(alias) + units > MAX_DATAGRAM_BYTES) break;
      const span = next.captureUs - this.#cache[from]!.captureUs;
      if (lowBytes.has(next.sequence & 0xff)) break;
      lowBytes.add(next.sequence & 0xff);
      if (next.captureUs < previous.captureUs || usToSixteenths(span) > MAX_SIXTEENTHS) break;
      to++;
    }
    return to;
  }

  #joinBundle(units: readonly CachedUnit[]): Uint8Array {
    const { alias, slot, generation } = this.options;
    const baseUs = units.at(-1)!.captureUs;
    const uncertainty16 = Math.max(...units.map((unit) => unit.uncertainty16));
    const out = new Uint8Array(MAX_DATAGRAM_BYTES);
    let at = writeHeader(out, alias, slot, generation, wrap48(baseUs), uncertainty16);
    for (const unit of units) {
      out.set(unit.start, at);
      at = writeVarint(out, at + unit.start.length, usToSixteenths(baseUs - unit.captureUs));
      at = writeVarint(out, at, unit.payload.length);
      out.set(unit.payload, at);
      at += unit.payload.length;
    }
    return out.slice(0, at);
  }
}

function writeHeader(
  out: Uint8Array,
  alias: number,
  slot: number,
  generation: number,
  base48: number,
  uncertainty16: number,
): number {
  out[0] = BUNDLE_TYPE;
  let at = writeVarint(out, 1, alias);
  out[at++] = 1 << slot;
  out[at++] = generation;
  writeU48(out, at, base48);
  at = writeVarint(out, at + 6, uncertainty16);
  return at;
}
