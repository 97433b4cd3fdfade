import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readMetrics, total } from '../../lib/metrics.ts';
import { cpuByThread, rssKb } from '../../lib/proc.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { SCRIPTS, startTest, withRelay } from './relay-and-script.ts';

const ROOMS = 20;
const VIEWERS = 20;
const ALL = ROOMS * VIEWERS;
const JOIN_SECONDS = 8;
/** Who has just joined gets every packet at once for 10 s. */
const SETTLE_SECONDS = 13;
const WINDOW_SECONDS = 12;
const SECONDS = SETTLE_SECONDS + WINDOW_SECONDS + 2;
/** Viewers begin 5 s after the start. */
const STEADY_FROM = 5 + JOIN_SECONDS + SETTLE_SECONDS;
/** IPv4 and UDP. */
const HEADER_BYTES = 28;
const OUT = { direction: 'out' };

/** Links of livers and viewers, one way in ms: a service's own region, and across a country. */
const NETWORKS = [
  { link: 'fibre', ms: 5 },
  { link: 'cable', ms: 20 },
];

/** What 20 viewers a room cost a relay, each figure over a window in which all watch. */
export interface Capacity {
  viewers: number;
  /** Shares of a core. */
  relay_cores: number;
  engine_cores: number;
  runner_cores: number;
  cpu_us_per_viewer_s: number;
  engine_us_per_viewer_s: number;
  viewers_a_core: number;
  rss_kb_per_viewer: number;
  rss_mb_idle: number;
  packets_per_viewer_s: number;
  /** With the headers of IPv4 and UDP. */
  bytes_per_viewer_s: number;
  mb_per_viewer_hour: number;
  motion_lag_p99_ms: number | undefined;
  voice_lag_p99_ms: number | undefined;
  motion_exact: number | undefined;
  voice_gap: number | undefined;
  /** Thresholds of the script that were crossed over the whole of it, joins included. */
  crossed: string;
}

interface Reading {
  ms: number;
  allUs: number;
  engineUs: number;
  runnerUs: number;
  bytes: number;
  packets: number;
  viewers: number;
}

const round = (value: number, digits = 0) => Number(value.toFixed(digits));

async function measure(link: string, dtx: boolean, checks: Checks, name: string): Promise<Capacity> {
  return withRelay(async ({ stateDir, pid, metrics }) => {
    const idleKb = rssKb(pid);
    const env = {
      ROOMS: `${ROOMS}`,
      VIEWERS: `${VIEWERS}`,
      SECONDS: `${SECONDS}`,
      JOIN_SECONDS: `${JOIN_SECONDS}`,
      LINK: link,
      DTX: dtx ? '1' : '0',
    };
    const running = startTest(join(SCRIPTS, 'steady.ts'), stateDir, env);
    const read = async (): Promise<Reading> => {
      const page = await readMetrics(metrics);
      return {
        ms: performance.now(),
        ...cpuByThread(pid),
        runnerUs: cpuByThread(running.pid).allUs,
        bytes: total(page, 'hayate_udp_bytes_total', OUT),
        packets: total(page, 'hayate_datagrams_total', OUT),
        viewers: total(page, 'hayate_viewers'),
      };
    };
    await sleep(STEADY_FROM * 1000);
    const before = await read();
    await sleep(WINDOW_SECONDS * 1000);
    const after = await read();
    const fullKb = rssKb(pid);
    const ran = await running.ended;
    const counted =
      total(await readMetrics(metrics), 'hayate_udp_bytes_total', OUT) /
      (ran.metrics['data_received']?.['count'] ?? Number.NaN);

    const seconds = (after.ms - before.ms) / 1000;
    const cores = (us: number) => us / 1e6 / seconds;
    const relay = cores(after.allUs - before.allUs);
    const engine = cores(after.engineUs - before.engineUs);
    const packets = (after.packets - before.packets) / seconds / ALL;
    const bytes = (after.bytes - before.bytes) / seconds / ALL + packets * HEADER_BYTES;
    const p99 = (metric: string) => ran.metrics[metric]?.['p(99)'];

    // Livers, viewers and relay share the cores: what a threshold of lag says of that is a figure. An error is not.
    const { code } = ran;
    checks.check(
      code === 0 || code === 99,
      `${name}: steady.ts ends with ${code}: ${ran.err.trim().split('\n').at(-1)}`,
    );
    const { voice_gap: gap, motion_exact: exact } = ran.metrics;
    checks.check((exact?.['value'] ?? 0) >= 0.98, `${name}: ${exact?.['value']} of the frames exact`);
    checks.check((gap?.['value'] ?? 1) <= 0.02, `${name}: ${gap?.['value']} of the voice packets missing`);
    const fewest = Math.min(before.viewers, after.viewers);
    checks.check(fewest === ALL, `${name}: ${fewest} of ${ALL} viewers were there`);
    // The relay's count stands against that of the viewers: over the whole test, what livers got included.
    checks.figure(`${name}: bytes counted by relay / viewers`, round(counted, 3));
    checks.check(counted > 0.95 && counted < 1.1, `${name}: the relay counted ${counted} times the viewers' bytes`);
    return {
      viewers: ALL,
      relay_cores: round(relay, 3),
      engine_cores: round(engine, 3),
      runner_cores: round(cores(after.runnerUs - before.runnerUs), 3),
      cpu_us_per_viewer_s: round((relay * 1e6) / ALL, 1),
      engine_us_per_viewer_s: round((engine * 1e6) / ALL, 1),
      viewers_a_core: Math.floor(ALL / relay),
      rss_kb_per_viewer: round((fullKb - idleKb) / ALL, 1),
      rss_mb_idle: round(idleKb / 1024),
      packets_per_viewer_s: round(packets, 1),
      bytes_per_viewer_s: round(bytes),
      mb_per_viewer_hour: round((bytes * 3600) / 1e6, 2),
      motion_lag_p99_ms: p99('motion_lag'),
      voice_lag_p99_ms: p99('voice_lag'),
      motion_exact: exact?.['value'],
      voice_gap: gap?.['value'],
      crossed: /on metrics '([^']*)' have been crossed/.exec(ran.err)?.[1] ?? '',
    };
  });
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  for (const { link, ms } of NETWORKS) {
    const transfer: number[] = [];
    for (const dtx of [false, true]) {
      const name = `${ms} ms, ${dtx ? 'DTX' : 'voice all the time'}`;
      context.log(`${ALL} viewers in ${ROOMS} rooms, ${name}`);
      const capacity = await measure(link, dtx, checks, name);
      checks.figure(name, capacity);
      transfer.push(capacity.bytes_per_viewer_s);
    }
    // The control: less must be seen where less is sent.
    checks.check(transfer[1]! < transfer[0]!, `control: DTX costs ${transfer[1]} B/s a viewer beside ${transfer[0]}`);
  }
  return checks.outcome();
}

export const capacity: Claim = {
  id: 'loadtest.5',
  title:
    'What a relay carries, measured with the shipped script: viewers a core, memory a viewer, transfer a viewer-hour with and without DTX over links of 5 and 20 ms; docs/capacity.md is made of it',
  seconds: 200,
  run,
};
