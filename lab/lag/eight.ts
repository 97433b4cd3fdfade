import type { LinkProfile } from '@hayate/engine';
import { OVERHEAD_BYTES } from '../bench/stream.ts';
import { type RoomPlan, VOICE_MS } from '../bench/stream-plan.ts';
import { askChild } from '../lib/children.ts';
import { LagRig, type RoomDetails, round } from './run.ts';

export interface EightOptions {
  /** Of each room. */
  viewers: number;
  seconds: number;
}

export interface EightRow {
  name: string;
  /** Bytes of the largest bundle that a viewer got. */
  largest_bundle_bytes: number;
  /** Bundle bytes of one hold, all livers together: above 1000 they had to be split. */
  bytes_a_hold: number;
  voice_units_per_packet: number;
  packets_per_viewer_s: number;
  wire_bytes_per_viewer_s: number;
  /** Over all livers and viewers. */
  units: { sent: number; arrived: number };
  lost_ratio: number;
  voice_gap_ratio: number | null;
  exact_ratio: number | null;
  voice_lag_p99_ms: number | null;
  classes: RoomDetails['classes'];
}

export interface EightResult extends EightOptions {
  livers: number;
  livers_late_ms_max: number;
  rows: EightRow[];
}

const LIVERS = 8;
const WARM_SECONDS = 20;
const near: LinkProfile = { delayMs: 5, jitterMs: 2 };

const ROOMS: { name: string; down: LinkProfile; voiceBytes?: number }[] = [
  // Opus at 64 kbit/s: 160 bytes each 20 ms.
  { name: 'voice of 64 kbit/s', down: near, voiceBytes: 160 },
  { name: 'links of 64 kbit/s', down: { delayMs: 20, jitterMs: 5, rateKbps: 64, queueMs: 200 } },
];

/** Rooms with as many livers as a room may have, where a hold's units do not fit into one datagram or not into the link. */
export async function eight(options: EightOptions, log: (text: string) => void): Promise<EightResult> {
  const rig = await LagRig.start();
  try {
    const plans: RoomPlan[] = [];
    for (const { name: group, down, voiceBytes } of ROOMS) {
      for (let liver = 0; liver < LIVERS; liver += 1) {
        const viewers = liver === 0 ? options.viewers : 0;
        const to = await rig.relay.tokens(group);
        const room = { room: group, group, body: 'hayate' as const, to, viewers, logged: viewers, up: near, down };
        plans.push(voiceBytes === undefined ? room : { ...room, voiceBytes });
      }
    }
    await rig.open(plans);
    log(`${LIVERS} livers a room: ${WARM_SECONDS} s of media, then ${options.seconds} s that count`);
    const classes = new Map<string, RoomDetails['classes']>();
    const midway = async () => {
      for (const { name } of ROOMS) classes.set(name, (await rig.details(name)).classes);
    };
    const done = await rig.play(plans, WARM_SECONDS, options.seconds, { midway });
    const groups = ROOMS.map(({ name }) => name);
    const largest = await askChild<Record<string, number>>(rig.loader, 'largest', { groups });
    const rows = ROOMS.map(({ name }): EightRow => {
      const seen = done.seen[name]!;
      const traffic = done.traffic[name]!;
      const value = (key: string) => traffic[key] ?? 0;
      const perSecond = (key: string) => value(key) / value('logged_s');
      const found = classes.get(name) ?? [];
      const n = Math.max(...found.map(({ voice }) => voice));
      return {
        name,
        largest_bundle_bytes: largest[name] ?? 0,
        bytes_a_hold: round((perSecond('logged_bytes') * n * VOICE_MS) / 1000, 0),
        voice_units_per_packet: round(value('logged_voice') / value('logged_bundles')),
        packets_per_viewer_s: round(perSecond('logged_bundles'), 1),
        wire_bytes_per_viewer_s: round(perSecond('logged_bytes') + perSecond('logged_bundles') * OVERHEAD_BYTES, 0),
        units: seen.units,
        lost_ratio: round(1 - seen.units.arrived / seen.units.sent, 5),
        voice_gap_ratio: seen.voice_gap_ratio,
        exact_ratio: seen.exact_ratio,
        voice_lag_p99_ms: seen.presentation_lag_ms.voice.p99,
        classes: found,
      };
    });
    return { ...options, livers: LIVERS, livers_late_ms_max: round(done.lateMs, 1), rows };
  } finally {
    await rig.close();
  }
}
