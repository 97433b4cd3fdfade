import { BUNDLE_REASONS } from '@hayate/codec/bundle';

/** Reasons for which a bundle does not parse; to its publisher they are all `datagram_malformed`. */
const MALFORMED: ReadonlySet<string> = new Set(BUNDLE_REASONS);

const PREFIX = 'refused_';

/** Picks `refused_<reason>` out of flat statistics; what cannot be parsed is summed under its code. Zeros are left out. */
export function refusedByCode(flat: Record<string, number>): Record<string, number> {
  const out: Record<string, number> = {};
  for (const [name, count] of Object.entries(flat)) {
    if (!name.startsWith(PREFIX) || count === 0) continue;
    const reason = name.slice(PREFIX.length);
    const code = MALFORMED.has(reason) ? 'datagram_malformed' : reason;
    out[code] = (out[code] ?? 0) + count;
  }
  return out;
}
