import { OVERHEAD_BYTES } from '../bench/stream.ts';
import type { RoomPlan } from '../bench/stream-plan.ts';
import { CONDITIONS, type Condition } from './conditions.ts';
import { LagRig, type RoomDetails, round } from './run.ts';

export interface MatrixOptions {
  seconds: number;
  /** Of a condition. */
  rooms: number;
  /** Of a room. */
  viewers: number;
  /** Only conditions whose name holds one of these. Empty: all. */
  only: readonly string[];
  /** Conditions that run together. */
  together: number;
}

type Percentiles = { p50: number | null; p95: number | null; p99: number | null; max: number | null };

export interface MatrixRow {
  condition: string;
  exact_ratio: number | null;
  voice_gap_ratio: number | null;
  voice_lag_ms: Percentiles;
  motion_lag_ms: Percentiles;
  /** Estimate: 50 ms for camera, tracker and display on top of the face's median lag. */
  glass_to_glass_ms: number | null;
  skew_ms: { p1: number | null; p99: number | null };
  /** Relay to viewer, headers in; what the relay counts as repair is in it. */
  wire_bytes_per_viewer_s: number;
  repair_bytes_per_viewer_s: number;
  packets_per_viewer_s: number;
  /** How the relay sent in the middle of the run, and what it asked of the liver. */
  classes: string[];
  uplink: string;
}

export interface Matrix {
  seconds: number;
  rooms_a_condition: number;
  viewers_a_room: number;
  conditions_together: number;
  motion: string;
  livers_late_ms_max: number;
  rows: MatrixRow[];
}

/** Who has just joined is in conversation for 10 s; then what fits must fit for some more, and loss must have been seen. */
const WARM_SECONDS = 20;
const CAMERA_AND_DISPLAY_MS = 50;

/**
 * Every condition in rooms of its own, a few conditions at a time on one relay: so many that livers on the same machine are
 * not late, which would count as the network's.
 */
export async function matrix(options: MatrixOptions, log: (text: string) => void): Promise<Matrix> {
  const { only, together, seconds, rooms, viewers } = options;
  const conditions = CONDITIONS.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  if (conditions.length === 0) throw new Error(`no condition holds ${only.join(' or ')}`);
  const rows: MatrixRow[] = [];
  let motion = '';
  let lateMs = 0;
  for (let done = 0; done < conditions.length; done += together) {
    const now = conditions.slice(done, done + together);
    log(
      `${done + 1} to ${done + now.length} of ${conditions.length} conditions: ${now.map(({ name }) => name).join('; ')}`,
    );
    const part = await play(now, options);
    rows.push(...part.rows);
    motion = part.motion;
    lateMs = Math.max(lateMs, part.lateMs);
  }
  return {
    ...{ seconds, rooms_a_condition: rooms, viewers_a_room: viewers, conditions_together: together },
    motion,
    livers_late_ms_max: round(lateMs, 1),
    rows,
  };
}

async function play(conditions: readonly Condition[], options: MatrixOptions) {
  const rig = await LagRig.start();
  try {
    const plans: RoomPlan[] = [];
    for (const [index, { name, up, down }] of conditions.entries()) {
      for (let i = 0; i < options.rooms; i += 1) {
        const room = `c${index}-${i}`;
        const to = await rig.relay.tokens(room);
        const { viewers } = options;
        plans.push({ room, group: name, body: 'hayate', to, viewers, logged: viewers, up, down });
      }
    }
    const { motion } = await rig.open(plans);
    const details = new Map<string, RoomDetails[]>();
    const midway = async () => {
      for (const { room, group } of plans) {
        details.set(group, [...(details.get(group) ?? []), await rig.details(room)]);
      }
    };
    const done = await rig.play(plans, WARM_SECONDS, options.seconds, { midway });
    const rows = conditions.map(({ name }): MatrixRow => {
      const seen = done.seen[name]!;
      const traffic = done.traffic[name]!;
      const viewerSeconds = traffic['logged_s']!;
      const bundles = traffic['logged_bundles']!;
      const rooms = details.get(name) ?? [];
      const { voice, motion } = seen.presentation_lag_ms;
      return {
        condition: name,
        exact_ratio: seen.exact_ratio,
        voice_gap_ratio: seen.voice_gap_ratio,
        voice_lag_ms: voice,
        motion_lag_ms: motion,
        glass_to_glass_ms: motion.p50 === null ? null : round(motion.p50 + CAMERA_AND_DISPLAY_MS, 0),
        skew_ms: seen.skew_ms,
        wire_bytes_per_viewer_s: round((traffic['logged_bytes']! + bundles * OVERHEAD_BYTES) / viewerSeconds, 0),
        repair_bytes_per_viewer_s: round(
          rooms.reduce((n, r) => n + r.repairBytesPerSecond, 0) / Math.max(1, rooms.length * options.viewers),
          0,
        ),
        packets_per_viewer_s: round(bundles / viewerSeconds, 1),
        classes: classesOf(rooms),
        uplink: uplinkOf(rooms),
      };
    });
    return { rows, motion, lateMs: done.lateMs };
  } finally {
    await rig.close();
  }
}

function classesOf(rooms: RoomDetails[]): string[] {
  const counts = new Map<string, number>();
  for (const { classes } of rooms) {
    for (const { voice, repair, layer, viewers } of classes) {
      const name = [`n ${voice}`, ...(repair === 'none' ? [] : [repair]), ...(layer === 'all' ? [] : [layer])].join(
        ' ',
      );
      counts.set(name, (counts.get(name) ?? 0) + viewers);
    }
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, viewers]) => `${viewers} x ${name}`);
}

function uplinkOf(rooms: RoomDetails[]): string {
  const asks = rooms.flatMap(({ uplinks }) => uplinks.map(({ ask }) => ask));
  const repair = [...new Set(asks.map((ask) => ask?.repair ?? 'none'))].join('/');
  const holds = [...new Set(asks.map((ask) => ask?.holdMs ?? 0))].join('/');
  return `hold ${holds} ms, ${repair}`;
}
