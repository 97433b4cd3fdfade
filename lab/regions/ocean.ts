import { busyCores } from '../lib/busy-cores.ts';
import { Cluster } from './cluster.ts';
import { playMedia } from './media.ts';
import { crowdPlans, type Door, floorMs, type OceanPlan, PATHS, type Region } from './plan.ts';
import { Social, type SocialRun } from './social.ts';

export interface OceanRunOptions {
  /** One way; a pair is an asymmetric path, ms. */
  ocean: { outMs: number; backMs: number };
  lastMileMs: number;
  burstMs: number;
  loss: number;
  rooms: number;
  viewers: number;
  seconds: number;
  warmSeconds: number;
  seed: number;
}

interface KindOfPath {
  arrival_ms: Percentiles;
  presentation_ms: Percentiles;
  /** Presentation over the floor, p99. */
  added_ms: number | null;
}

type Percentiles = { p50: number | null; p95: number | null; p99: number | null };

export interface PathResult {
  from: Region;
  to: Region;
  floor_ms: number;
  motion: KindOfPath & { exact_ratio: number | null };
  voice: KindOfPath & { gap_ratio: number | null };
  true_clock_error_ms: Percentiles;
}

export interface OceanResult extends OceanRunOptions {
  relays: number;
  motion: string;
  jitter_ms: { last_mile: number; ocean: number };
  livers_late_ms: number;
  /** Of this machine, by everything on it, in the measured seconds. With all of them everybody waits for a core. */
  busy_cores: number;
  paths: PathResult[];
  social: SocialRun | null;
}

const OCEAN_JITTER_MS = 2.5;
const LAST_MILE_JITTER_MS = 2;
const SOCIAL_ROOMS = 4;

/** Two regions of two relays: what reaches whom, and when, by the clock that all of them share here. */
export async function oceanRun(options: OceanRunOptions, log: (text: string) => void): Promise<OceanResult> {
  const ocean: OceanPlan = {
    ...options.ocean,
    jitterMs: OCEAN_JITTER_MS,
    loss: options.loss,
    burstMs: options.burstMs,
    seed: options.seed,
  };
  const cluster = await Cluster.start({ relaysPerRegion: 2, natsServers: 1, ocean }, log);
  let social: Social | undefined;
  let busy = Number.NaN;
  try {
    const doors: Door[] = cluster.relays.map(({ id, region, process }) => ({
      region,
      relay: id,
      tokens: (room) => process.tokens(room),
    }));
    const { rooms, viewers, lastMileMs, warmSeconds, seconds } = options;
    const plans = await crowdPlans(doors, { rooms, viewers, lastMileMs, lastMileJitterMs: LAST_MILE_JITTER_MS });
    const names = [...new Set(plans.viewers.map(({ room }) => room))].slice(0, SOCIAL_ROOMS);
    const run = await playMedia(
      plans.livers,
      plans.viewers,
      {
        warmSeconds,
        seconds,
        during: async (of) => {
          social = await Social.open(cluster.relays, {
            ...{ rooms: names, lastMileMs, lastMileJitterMs: LAST_MILE_JITTER_MS },
            ...{ commentsPerSecond: 8, giftsPerSecond: 4 },
          });
          const cores = busyCores();
          await social.run(of - 2);
          busy = cores();
        },
      },
      log,
    );
    return {
      ...options,
      relays: cluster.relays.length,
      motion: run.motion,
      jitter_ms: { last_mile: LAST_MILE_JITTER_MS, ocean: OCEAN_JITTER_MS },
      livers_late_ms: run.liversLateMs,
      busy_cores: busy,
      paths: PATHS.map((path) => {
        const seen = run.seen[path.from][path.to];
        const floor = floorMs(path, lastMileMs, ocean);
        const kind = (name: 'motion' | 'voice'): KindOfPath => {
          const { p99 } = seen.presentation_lag_ms[name];
          return {
            arrival_ms: seen.arrival_lag_ms[name],
            presentation_ms: seen.presentation_lag_ms[name],
            added_ms: p99 === null ? null : Math.round(10 * (p99 - floor)) / 10,
          };
        };
        return {
          ...path,
          floor_ms: floor,
          motion: { ...kind('motion'), exact_ratio: seen.exact_ratio },
          voice: { ...kind('voice'), gap_ratio: seen.voice_gap_ratio },
          true_clock_error_ms: seen.clock_error_ms,
        };
      }),
      social: social?.result() ?? null,
    };
  } finally {
    await social?.close();
    await cluster.close();
  }
}
