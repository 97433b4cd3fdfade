import { BundleError } from './errors.ts';
import { wrap48 } from './limits.ts';
import { BUNDLE_TYPE } from './scan.ts';
import { readU32, readU48, writeU32, writeU48 } from './varint.ts';

export const DATAGRAM_TYPE = {
  bundle: BUNDLE_TYPE,
  probe: 0x02,
  probeReply: 0x03,
  heartbeat: 0x04,
  missing: 0x05,
  trunk: 0x06,
  refresh: 0x07,
} as const;

const PROBE_BYTES = 11;
const REPLY_BYTES = 23;

export interface Probe {
  /** u32. */
  id: number;
  /** Departure in the prober's clock, us modulo 2^48. */
  t1Us: number;
}

export interface ProbeReply extends Probe {
  /** Arrival of the probe, us modulo 2^48 in the clock of the peer. */
  t2Us: number;
  /** Departure of the reply, same clock. */
  t3Us: number;
}

/** `t1Us` may be unwrapped. */
export function encodeProbe(probe: Probe): Uint8Array {
  const out = new Uint8Array(PROBE_BYTES);
  out[0] = DATAGRAM_TYPE.probe;
  writeU32(out, 1, probe.id);
  writeU48(out, 5, wrap48(probe.t1Us));
  return out;
}

/** Times may be unwrapped. */
export function encodeProbeReply(reply: ProbeReply): Uint8Array {
  const out = new Uint8Array(REPLY_BYTES);
  out[0] = DATAGRAM_TYPE.probeReply;
  writeU32(out, 1, reply.id);
  writeU48(out, 5, wrap48(reply.t1Us));
  writeU48(out, 11, wrap48(reply.t2Us));
  writeU48(out, 17, wrap48(reply.t3Us));
  return out;
}

export function encodeHeartbeat(): Uint8Array {
  return Uint8Array.of(DATAGRAM_TYPE.heartbeat);
}

/** Asks for the motion since each last key, in so many bytes: the size is what lets the relay answer a new address. */
export function encodeRefresh(bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  out[0] = DATAGRAM_TYPE.refresh;
  return out;
}

/** Throws BundleError `not_a_bundle` (another type), `truncated`, `trailing`. */
export function parseProbe(data: Uint8Array): Probe {
  checkShape(data, DATAGRAM_TYPE.probe, PROBE_BYTES);
  return { id: readU32(data, 1), t1Us: readU48(data, 5) };
}

/** Throws as `parseProbe`. */
export function parseProbeReply(data: Uint8Array): ProbeReply {
  checkShape(data, DATAGRAM_TYPE.probeReply, REPLY_BYTES);
  return { id: readU32(data, 1), t1Us: readU48(data, 5), t2Us: readU48(data, 11), t3Us: readU48(data, 17) };
}

/** Throws as `parseProbe`. */
export function parseHeartbeat(data: Uint8Array): void {
  checkShape(data, DATAGRAM_TYPE.heartbeat, 1);
}

/** The reply to a probe as it arrived. Times are the answerer's clock, us. Throws as `parseProbe`. */
export function answerProbe(data: Uint8Array, receivedUs: number, nowUs: number): Uint8Array {
  return encodeProbeReply({ ...parseProbe(data), t2Us: receivedUs, t3Us: nowUs });
}

function checkShape(data: Uint8Array, type: number, bytes: number): void {
  if (data.length === 0) throw new BundleError('truncated');
  if (data[0] !== type) throw new BundleError('not_a_bundle', `datagram type ${data[0]} where ${type} was expected`);
  if (data.length < bytes) throw new BundleError('truncated');
  if (data.length > bytes) throw new BundleError('trailing');
}

/** What a datagram says it is by its first byte; undefined: an unknown type, to be dropped and counted. */
export function datagramKind(data: Uint8Array): keyof typeof DATAGRAM_TYPE | undefined {
  switch (data[0]) {
    case DATAGRAM_TYPE.bundle:
      return 'bundle';
    case DATAGRAM_TYPE.probe:
      return 'probe';
    case DATAGRAM_TYPE.probeReply:
      return 'probeReply';
    case DATAGRAM_TYPE.heartbeat:
      return 'heartbeat';
    case DATAGRAM_TYPE.missing:
      return 'missing';
    case DATAGRAM_TYPE.refresh:
      return 'refresh';
    default:
      return undefined;
  }
}
