import type { Code } from '@hayate/codec/messages';
import type { MediaRoom, SlotStats } from '../media/plane.ts';
import type { Flood } from '../policy/flood.ts';
import type { RoomDelivery } from '../policy/room.ts';
import type { ReliableSession } from '../reliable/session.ts';
import type { Counters } from '../telemetry/counters.ts';

export interface UplinkReporting {
  counters: Counters;
  unitsPerSecond: number;
  nowMs: () => number;
  /** Median lag of the units since the last report, ms. */
  onLagMs: (ms: number) => void;
}

/** One publisher and what it publishes to. */
interface Uplink {
  slot: number;
  /** Of its voice packets, ms; undefined without voice. */
  frameMs: number | undefined;
  reliable: ReliableSession;
  flood: Flood;
  media: MediaRoom;
  delivery: RoomDelivery;
}

/** Refusals that a publisher's program has to hear of as codes of the table. */
const WARNINGS: Record<string, string> = {
  capture_time_out_of_range: 'the capture clock is wrong',
  datagram_malformed: 'they do not parse',
  datagram_too_large: 'over 1000 bytes',
};

/** Once a second: tells the publisher how its media arrives and what is asked of it, and warns it. */
export async function reportUplink(uplink: Uplink, reporting: UplinkReporting): Promise<void> {
  const { slot, frameMs, reliable, media, delivery } = uplink;
  const { counters, nowMs, onLagMs } = reporting;
  let stats: SlotStats;
  try {
    stats = await media.slotStats(slot);
  } catch {
    // The publisher or the room went meanwhile.
    return;
  }
  reliable.send({
    t: 'uplink',
    received: stats.received,
    lost: stats.lost,
    duplicate: stats.duplicate,
    lagMs: { p50: stats.lagP50Ms, p99: stats.lagP99Ms },
    uncertaintyMs: stats.uncertaintyMs,
    refused: stats.refused,
    ...delivery.uplink(slot, stats, frameMs, nowMs()),
  });
  if (stats.lagP50Ms > 0) onLagMs(stats.lagP50Ms);
  let refused = 0;
  for (const [reason, count] of Object.entries(stats.refused)) {
    refused += count;
    counters.add('units_refused', reason, count);
    const text = WARNINGS[reason];
    if (text) reliable.warn(reason as Code, `${count} datagrams refused: ${text}`, false);
  }
  checkFlood(uplink, stats, refused, reporting);
}

/** Once a second: how late a liver of another relay is heard here. */
export async function noteElsewhere(
  { slot, frameMs, media, delivery }: Pick<Uplink, 'slot' | 'frameMs' | 'media' | 'delivery'>,
  nowMs: () => number,
): Promise<void> {
  const stats = await media.slotStats(slot).catch(() => undefined);
  // Nothing came, or the room went meanwhile.
  if (stats && stats.lagP99Ms > 0) delivery.elsewhere(slot, stats, frameMs, nowMs());
}

function checkFlood(
  { reliable, flood }: Uplink,
  { received, duplicate }: SlotStats,
  refused: number,
  { counters, unitsPerSecond, nowMs }: UplinkReporting,
): void {
  const verdict = flood.check({ received, duplicate, refused }, nowMs());
  if (verdict === 'fine') return;
  const text = `more than ${unitsPerSecond} units a second`;
  if (verdict === 'close') {
    reliable.close('rate_limited', text);
    return;
  }
  counters.add('refused', 'rate_limited');
  reliable.warn('rate_limited', text, true);
}
