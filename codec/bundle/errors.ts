import { HayateError } from '../errors.ts';

/** Why a datagram is malformed. docs/protocol.md section 3 says in which order the checks are made. */
export const BUNDLE_REASONS = [
  'not_a_bundle',
  'truncated',
  'reserved_bit',
  'reserved_kind',
  'slot_not_listed',
  'empty_slot',
  'no_unit',
  'age_order',
  'limit',
  /** Probes and heartbeats only: a bundle's units go on to the datagram's end. */
  'trailing',
  'duplicate_identity',
] as const;

export type BundleReason = (typeof BUNDLE_REASONS)[number];

/** A datagram that does not parse, or a bundle that cannot be encoded. */
export class BundleError extends HayateError {
  override readonly name = 'BundleError';
  readonly reason: BundleReason;

  constructor(reason: BundleReason, message = `malformed datagram: ${reason}`) {
    super('datagram_malformed', message);
    this.reason = reason;
  }
}
