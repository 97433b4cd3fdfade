import { BundleError } from './errors.ts';
import { MAX_DATAGRAM_BYTES } from './limits.ts';
import { DATAGRAM_TYPE } from './probe.ts';
import { readVarint, varintBytes, varintBytesFrom, writeVarint } from './varint.ts';

/** Of a datagram that bundles of several rooms share between relays: what any QUIC path carries. */
export const MAX_TRUNK_BYTES = 1200;

/** Several bundles in one datagram of type 0x06. Throws BundleError `no_unit` and `limit`, as `parseTrunk`. */
export function encodeTrunk(bundles: readonly Uint8Array[]): Uint8Array {
  if (bundles.length === 0) throw new BundleError('no_unit');
  const lengths = bundles.map((bundle) => bundle.length);
  if (lengths.some((length) => length === 0 || length > MAX_DATAGRAM_BYTES)) throw new BundleError('limit');
  const bytes = lengths.reduce((sum, length) => sum + varintBytes(length) + length, 1);
  if (bytes > MAX_TRUNK_BYTES) throw new BundleError('limit');
  const out = new Uint8Array(bytes);
  out[0] = DATAGRAM_TYPE.trunk;
  let at = 1;
  for (const bundle of bundles) {
    at = writeVarint(out, at, bundle.length);
    out.set(bundle, at);
    at += bundle.length;
  }
  return out;
}

/**
 * The bundles of a datagram of type 0x06, as views; none is looked into. Throws BundleError, in this order: `truncated`
 * (empty), `not_a_bundle` (another type), `limit` (over 1200 bytes), `no_unit`, then for each bundle `truncated` (length),
 * `limit` (0 or over 1000 bytes), `truncated`.
 */
export function parseTrunk(data: Uint8Array): Uint8Array[] {
  if (data.length === 0) throw new BundleError('truncated');
  if (data[0] !== DATAGRAM_TYPE.trunk) throw new BundleError('not_a_bundle');
  if (data.length > MAX_TRUNK_BYTES) throw new BundleError('limit');
  if (data.length === 1) throw new BundleError('no_unit');
  const bundles: Uint8Array[] = [];
  for (let at = 1; at < data.length; ) {
    const from = at + varintBytesFrom(data[at]!);
    if (from > data.length) throw new BundleError('truncated');
    const length = readVarint(data, at);
    if (length === 0 || length > MAX_DATAGRAM_BYTES) throw new BundleError('limit');
    if (from + length > data.length) throw new BundleError('truncated');
    bundles.push(data.subarray(from, from + length));
    at = from + length;
  }
  return bundles;
}
