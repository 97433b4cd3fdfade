import { BundleError } from './errors.ts';
import { MAX_ALIAS, type UnitKind } from './limits.ts';
import { DATAGRAM_TYPE } from './probe.ts';
import { readU32, readVarint, varintBytes, varintBytesFrom, writeU32, writeVarint } from './varint.ts';

export const MAX_MISSING_ENTRIES = 16;
const ENTRY_BYTES = 7;

/** Up to nine units of one kind that a receiver lacks. */
export interface MissingEntry {
  slot: number;
  kind: UnitKind;
  generation: number;
  /** Extended, u32. */
  first: number;
  /** Bit i: `first` + 1 + i as well. */
  more: number;
}

export interface Missing {
  /** Of the room, as in its bundles. */
  alias: number;
  /** 1 to 16. */
  entries: MissingEntry[];
}

/** Throws BundleError `no_unit` and `limit` for no entry or too many, and for an alias out of range. */
export function encodeMissing({ alias, entries }: Missing): Uint8Array {
  if (entries.length === 0) throw new BundleError('no_unit');
  if (entries.length > MAX_MISSING_ENTRIES || !(alias >= 0 && alias <= MAX_ALIAS)) throw new BundleError('limit');
  const out = new Uint8Array(1 + varintBytes(alias) + entries.length * ENTRY_BYTES);
  out[0] = DATAGRAM_TYPE.missing;
  let at = writeVarint(out, 1, alias);
  for (const { slot, kind, generation, first, more } of entries) {
    out[at] = (slot << 5) | (kind << 3);
    out[at + 1] = generation;
    writeU32(out, at + 2, first);
    out[at + 6] = more;
    at += ENTRY_BYTES;
  }
  return out;
}

/**
 * Throws BundleError, in this order: `truncated` (empty), `not_a_bundle` (another type), `truncated` (alias), `limit` (alias,
 * entries), `no_unit`, then for each entry `reserved_bit`, `reserved_kind`, `truncated`.
 */
export function parseMissing(data: Uint8Array): Missing {
  if (data.length === 0) throw new BundleError('truncated');
  if (data[0] !== DATAGRAM_TYPE.missing) throw new BundleError('not_a_bundle');
  if (data.length < 2 || data.length < 1 + varintBytesFrom(data[1]!)) throw new BundleError('truncated');
  const alias = readVarint(data, 1);
  let at = 1 + varintBytesFrom(data[1]!);
  if (alias > MAX_ALIAS || data.length - at > MAX_MISSING_ENTRIES * ENTRY_BYTES) throw new BundleError('limit');
  if (at === data.length) throw new BundleError('no_unit');
  const entries: MissingEntry[] = [];
  for (; at < data.length; at += ENTRY_BYTES) {
    const head = data[at]!;
    const kind = (head >> 3) & 3;
    if ((head & 7) !== 0) throw new BundleError('reserved_bit');
    if (kind === 3) throw new BundleError('reserved_kind');
    if (at + ENTRY_BYTES > data.length) throw new BundleError('truncated');
    entries.push({
      slot: head >> 5,
      kind: kind as UnitKind,
      generation: data[at + 1]!,
      first: readU32(data, at + 2),
      more: data[at + 6]!,
    });
  }
  return { alias, entries };
}
