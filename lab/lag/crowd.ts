import type { LinkProfile } from '@hayate/engine';
import type { RoomPlan } from '../bench/stream-plan.ts';
import type { Summary } from '../bench/stream-present.ts';
import { askChild } from '../lib/children.ts';
import { readMetrics, type Sample, total } from '../lib/metrics.ts';
import { cpuByThread, cpuUs, engineWaitUs, rssKb } from '../lib/proc.ts';
import { LagRig, round } from './run.ts';

export interface CrowdOptions {
  rooms: number;
  /** Of a room. */
  viewers: number;
  /** One way, each hop, ms. */
  link: number;
  seconds: number;
}

export interface CrowdResult extends CrowdOptions {
  all_viewers: number;
  motion: string;
  /** Shares of one core; the machine has two. */
  cpu_percent: { relay: number; relay_engine: number; viewers: number; livers: number; all: number };
  /** Share of the time in which an engine's thread was ready to run and had no core. */
  waits_for_core_percent: { relay: number; viewers: number; livers: number };
  relay_cpu_us_per_viewer_s: number;
  rss_kb_per_viewer: number;
  /** Of it, what the heap of JavaScript grew by. */
  heap_kb_per_viewer: number;
  /** Of one viewer in every fifth room, whose every unit is looked at: sent by its liver, and arrived. */
  units: { sent: number; arrived: number };
  /** Over all: handed to connections by the relay, and taken off them at the other end, in the measured time. */
  datagrams: { relay_out: number; clients_in: number };
  /** By the relay, from its start until the end of the measured time. */
  dropped: Record<string, number>;
  /** The same by when: while sessions come, while rooms begin, in the measured time. */
  dropped_when: { joining: number; beginning: number; measured: number };
  /** Times that the relay's engine was more than 20 ms late, in the measured time. */
  stalls: number;
  refused: Record<string, number>;
  presentation_lag_ms: Summary['presentation_lag_ms'];
  exact_ratio: number | null;
  voice_gap_ratio: number | null;
  packets_per_viewer_s: number;
  viewers_by_class: Record<string, number>;
  livers_late_ms_max: number;
  join_seconds: number;
  /** Gauges while the crowd is there, and after it has left. */
  gauges: { during: Record<string, number>; after: Record<string, number> };
}

/** What fits must fit for some seconds, and is then come to in steps. */
const WARM_SECONDS = 16;
/** Rooms begin one after the other: a viewer's first seconds, every packet at once, cost several times the later ones. */
const START_SECONDS = 90;
/** One room in so many has a viewer with a link of its own whose every unit is looked at. */
const LOGGED_EVERY = 5;
/** The relay keeps a lost liver's slot for 5 s and an empty room for one here. */
const EMPTY_MS = 1000;
const LEAVE_MS = 15_000;
const DROPPED = 'hayate_datagrams_dropped_total';
const GAUGES = ['sessions', 'rooms', 'viewers', 'livers', 'delivery_class', 'congestion_level', 'repair_denied'];

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const gaugesOf = (samples: Sample[]) =>
  Object.fromEntries(GAUGES.map((name) => [name, total(samples, `hayate_${name}`)]));

const grown = (from: Sample[], to: Sample[], name: string) => total(to, name) - total(from, name);

function byLabel(samples: Sample[], name: string, label: string): Record<string, number> {
  const found = samples.filter((sample) => sample.name === name && sample.value > 0);
  return Object.fromEntries(found.map(({ labels, value }) => [labels[label] ?? '', value]));
}

function byClass(samples: Sample[]): Record<string, number> {
  const found = samples.filter(({ name, value }) => name === 'hayate_delivery_class' && value > 0);
  return Object.fromEntries(
    found.map(({ labels: { voice, repair, layer }, value }) => [`n ${voice}, repair ${repair}, layer ${layer}`, value]),
  );
}

class Meter {
  readonly #rig: LagRig;
  #before = { relay: 0, engine: 0, viewers: 0, livers: 0, waits: [0, 0, 0], out: 0, into: 0, us: 0 };
  spent = { ...this.#before };

  constructor(rig: LagRig) {
    this.#rig = rig;
  }

  async begin(): Promise<void> {
    this.#before = await this.#read();
  }

  async end(): Promise<void> {
    const after = await this.#read();
    const { waits, ...rest } = after;
    for (const key of Object.keys(rest) as (keyof typeof rest)[]) this.spent[key] = rest[key] - this.#before[key];
    this.spent.waits = waits.map((us, i) => us - this.#before.waits[i]!);
  }

  async #read() {
    const { relay, loader, livers } = this.#rig;
    const into = await Promise.all([loader, livers].map((child) => askChild<number>(child, 'datagrams')));
    const samples = await readMetrics(relay.metrics);
    const out = samples.find(({ name, labels }) => name === 'hayate_datagrams_total' && labels['direction'] === 'out');
    const { allUs, engineUs } = cpuByThread(relay.pid);
    return {
      relay: allUs,
      engine: engineUs,
      viewers: cpuUs(loader.pid ?? 0),
      livers: cpuUs(livers.pid ?? 0),
      waits: [relay.pid, loader.pid ?? 0, livers.pid ?? 0].map(engineWaitUs),
      out: out?.value ?? Number.NaN,
      into: into.reduce((sum, n) => sum + n, 0),
      us: nowUs(),
    };
  }
}

/** Many rooms at once on one relay, the load on the same machine; then everybody leaves. */
export async function crowd(options: CrowdOptions, log: (text: string) => void): Promise<CrowdResult> {
  const { rooms, viewers, link: delayMs } = options;
  const rig = await LagRig.start(['--rooms-empty-ms', String(EMPTY_MS)]);
  try {
    const link: LinkProfile = { delayMs, jitterMs: round(0.4 * delayMs) };
    const plans: RoomPlan[] = [];
    for (let i = 0; i < rooms; i += 1) {
      const room = `crowd-${i}`;
      const to = await rig.relay.tokens(room);
      plans.push({
        room,
        group: 'crowd',
        body: 'raw',
        to,
        viewers,
        logged: i % LOGGED_EVERY === 0 ? 1 : 0,
        up: link,
        down: link,
      });
    }
    const all = rooms * viewers;
    log(`${all} viewers in ${rooms} rooms: connecting`);
    const rssBefore = rssKb(rig.relay.pid);
    const before = await readMetrics(rig.relay.metrics);
    const joinedFrom = nowUs();
    const { motion } = await rig.open(plans);
    const joined = await readMetrics(rig.relay.metrics);
    const joinSeconds = (nowUs() - joinedFrom) / 1e6;
    log(`rooms begin within ${START_SECONDS} s; ${WARM_SECONDS} s later ${options.seconds} s count`);
    const meter = new Meter(rig);
    let rss = 0;
    let begun: Sample[] = [];
    let during: Sample[] = [];
    let ended: Sample[] = [];
    const done = await rig.play(plans, WARM_SECONDS, options.seconds, {
      staggerSeconds: START_SECONDS,
      begin: async () => {
        begun = await readMetrics(rig.relay.metrics);
        await meter.begin();
      },
      midway: async () => {
        rss = rssKb(rig.relay.pid);
        during = await readMetrics(rig.relay.metrics);
      },
      end: async () => {
        await meter.end();
        ended = await readMetrics(rig.relay.metrics);
      },
    });
    log('everybody leaves');
    await Promise.all([rig.loader, rig.livers].map((child) => askChild(child, 'close')));
    const after = await left(rig);
    const { spent } = meter;
    const percent = (us: number) => round((100 * us) / spent.us, 1);
    const waits = spent.waits.map(percent);
    const seen = done.seen['crowd']!;
    const traffic = done.traffic['crowd']!;
    return {
      ...options,
      all_viewers: all,
      motion,
      cpu_percent: {
        relay: percent(spent.relay),
        relay_engine: percent(spent.engine),
        viewers: percent(spent.viewers),
        livers: percent(spent.livers),
        all: percent(spent.relay + spent.viewers + spent.livers),
      },
      waits_for_core_percent: { relay: waits[0]!, viewers: waits[1]!, livers: waits[2]! },
      relay_cpu_us_per_viewer_s: round((spent.relay * 1e6) / spent.us / all, 1),
      rss_kb_per_viewer: round((rss - rssBefore) / all, 1),
      heap_kb_per_viewer: round(grown(before, during, 'hayate_process_heap_bytes') / 1024 / all, 1),
      units: seen.units,
      datagrams: { relay_out: spent.out, clients_in: spent.into },
      dropped: byLabel(ended, DROPPED, 'reason'),
      dropped_when: {
        joining: total(joined, DROPPED),
        beginning: grown(joined, begun, DROPPED),
        measured: grown(begun, ended, DROPPED),
      },
      stalls: grown(begun, ended, 'hayate_engine_stalls_total'),
      refused: byLabel(ended, 'hayate_datagrams_refused_total', 'reason'),
      presentation_lag_ms: seen.presentation_lag_ms,
      exact_ratio: seen.exact_ratio,
      voice_gap_ratio: seen.voice_gap_ratio,
      packets_per_viewer_s: round(traffic['logged_bundles']! / traffic['logged_s']!, 1),
      viewers_by_class: byClass(during),
      livers_late_ms_max: round(done.lateMs, 1),
      join_seconds: round(joinSeconds, 1),
      gauges: { during: gaugesOf(during), after: gaugesOf(after) },
    };
  } finally {
    await rig.close();
  }
}

/** The relay's metrics once every gauge is at zero, or after `LEAVE_MS` as they are. */
async function left(rig: LagRig): Promise<Sample[]> {
  const until = nowUs() + LEAVE_MS * 1000;
  for (;;) {
    const samples = await readMetrics(rig.relay.metrics);
    if (Object.values(gaugesOf(samples)).every((value) => value === 0) || nowUs() > until) return samples;
    await sleep(250);
  }
}
