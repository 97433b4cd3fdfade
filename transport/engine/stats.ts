import type { SessionStats } from '../src/types.ts';

/** Adds the engine's figures, flat names, to what the session counted itself. */
export function readStats(stats: SessionStats, native: Record<string, number>): SessionStats {
  const out: SessionStats = { ...stats, datagramsDropped: { ...stats.datagramsDropped } };
  const copy = (
    to: 'rttMs' | 'bytesSent' | 'bytesReceived' | 'packetsSent' | 'packetsReceived' | 'packetsLost',
    from: string,
  ) => {
    const value = native[from];
    if (value !== undefined) out[to] = value;
  };
  copy('rttMs', 'rtt_ms');
  copy('bytesSent', 'bytes_out');
  copy('bytesReceived', 'bytes_in');
  copy('packetsSent', 'packets_out');
  copy('packetsReceived', 'packets_in');
  copy('packetsLost', 'lost_packets');
  const prefix = 'dropped_';
  for (const [name, value] of Object.entries(native)) {
    if (!name.startsWith(prefix) || value === 0) continue;
    const reason = name.slice(prefix.length);
    out.datagramsDropped[reason] = (out.datagramsDropped[reason] ?? 0) + value;
  }
  return out;
}
