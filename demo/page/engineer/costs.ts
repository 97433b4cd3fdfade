/**
 * What a video of a face costs a viewer, bit/s: assumptions to compare with, not measured here. 720p and 1080p at 30
 * frames/s as live services commonly recommend them.
 */
export const VIDEO_BITRATES = { low: 1_500_000, high: 4_000_000 };

/** Of QUIC (short header, connection id of 8, tag), UDP and IPv4, a packet: an estimate, since browsers do not tell. */
export const PACKET_OVERHEAD_BYTES = 54;

/** bit/s of what came, headers estimated. */
export function bitrate({ bytes, datagrams }: { bytes: number; datagrams: number }): number {
  return 8 * (bytes + datagrams * PACKET_OVERHEAD_BYTES);
}
