import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LinkProfile } from '@hayate/engine';
import { askChild, pin, prefer, share } from '../lib/children.ts';
import { cpuByThread, cpuUs } from '../lib/proc.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import { measureFloor } from './fanout.ts';
import { spawnChild, spawnFile } from './stream-child.ts';
import type { RoomPlan, Sent, Traffic } from './stream-plan.ts';
import type { Summary } from './stream-present.ts';
import { StreamViewers } from './stream-viewers.ts';

export interface StreamOptions {
  rooms: number;
  viewers: number;
  /** One way, each hop, ms: 5 means 5 +- 2, 20 means 20 +- 5. */
  link: number;
  /** Measured seconds of each case, in turns. */
  seconds: number;
  /** Viewers of the baseline: TLS in JavaScript carries no more on one core. */
  wssViewers: number;
}

interface StreamCase {
  name: string;
  viewers: number;
  cpu_us_per_viewer_s: number;
  /** The engine's thread alone; the rest is JavaScript: policy, reports, control streams. */
  engine_cpu_us_per_viewer_s: number | null;
  /** Relay to a viewer with its own socket, IPv4 and UDP (or TCP) headers in: packets that carry media. */
  wire_bytes_per_viewer_s: number;
  /** The rest: probes, acknowledgements, heartbeats, control streams. */
  control_bytes_per_viewer_s: number | null;
  packets_per_viewer_s: number;
  acks_per_packet: number | null;
  voice_units_per_packet: number;
  motion_units_per_packet: number;
  floor_us_per_packet: number;
  ratio_to_floor: number;
  presentation_lag_ms: Summary['presentation_lag_ms'];
  exact_ratio: number | null;
  voice_gap_ratio: number | null;
  skew_ms: { p1: number | null; p99: number | null };
  cpu_percent: number;
  loader_cpu_percent: number;
}

export interface StreamResult extends StreamOptions {
  link_ms: string;
  /** `recording`, or `performer` where there is none. */
  motion: string;
  voice: string;
  connection_id_bytes: number;
  cases: StreamCase[];
  cpu_unbundled_to_hayate: number;
  cpu_wss_to_hayate: number;
  /** How much later than it was due voice was given to the SDK: what a busy machine adds to every lag. Worst turn. */
  livers_late_ms: { p99: number; max: number };
}

const TURNS = 4;
/** Viewers of a room whose every unit is looked at. */
const LOGGED = 1;
const SETTLE_MS = 1500;
/** IPv4 and UDP. */
const UDP_BYTES = 28;
/** Short header, packet number, frame type, quarter stream id, AEAD tag. */
const CID_BYTES = 0;
/** What a packet costs on the wire on top of its bundle, to a viewer with a socket of its own: as every real one has. */
export const OVERHEAD_BYTES = UDP_BYTES + 1 + CID_BYTES + 2 + 1 + 1 + 16;
/** IPv4 and TCP with time stamps; TLS 1.3 record header, content type and tag. */
const TCP_BYTES = 52 + 22;
/** WebSocket's own header, by the size of the message. */
const wsHeader = (bytes: number) => (bytes < 126 ? 2 : 4);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const round = (value: number, digits = 2) => Number(value.toFixed(digits));

/** What serves one of the things compared, and who listens to it. */
interface Side {
  name: string;
  pid: number;
  loader: StreamViewers;
  plans: RoomPlan[];
  stop(): Promise<unknown>;
}

const jitterOf = (delayMs: number) => (delayMs <= 5 ? 0.4 * delayMs : 0.25 * delayMs);

async function relaySide(name: string, flags: string[], options: StreamOptions): Promise<Side> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-stream-'));
  const relay = await startRelayProcess(stateDir, flags);
  const plans = await relayPlans(relay, name, options);
  const stop = async () => {
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  };
  return { name, pid: relay.pid, loader: new StreamViewers(), plans, stop };
}

async function relayPlans(relay: RelayProcess, group: string, options: StreamOptions): Promise<RoomPlan[]> {
  const link: LinkProfile = { delayMs: options.link, jitterMs: jitterOf(options.link) };
  const plans: RoomPlan[] = [];
  for (let i = 0; i < options.rooms; i += 1) {
    const room = `${group}-${i}`;
    const to = await relay.tokens(room);
    plans.push({
      room,
      group,
      body: 'raw',
      to,
      viewers: options.viewers,
      logged: Math.min(LOGGED, options.viewers),
      up: link,
      down: link,
    });
  }
  return plans;
}

async function wssSide(options: StreamOptions): Promise<Side> {
  const server = spawnFile('stream-wss.ts');
  const [{ value: port }] = (await once(server, 'message')) as [{ value: number }];
  const link: LinkProfile = { delayMs: options.link, jitterMs: jitterOf(options.link) };
  const rooms = Math.max(1, Math.round(options.wssViewers / options.viewers));
  const to = { url: `wss://127.0.0.1:${port}`, hash: '', token: '', liverToken: '' };
  const plans = Array.from({ length: rooms }, (_, i): RoomPlan => {
    const viewers = Math.min(options.viewers, options.wssViewers);
    return { room: `wss-${i}`, group: 'wss', body: 'wss', to, viewers, logged: viewers, up: link, down: link };
  });
  const stop = async () => server.kill();
  return { name: 'wss', pid: server.pid ?? 0, loader: new StreamViewers(), plans, stop };
}

interface Turn {
  cpuUs: number;
  engineCpuUs: number;
  loaderCpuUs: number;
  seconds: number;
  traffic: Traffic;
}

/** Livers send; the window in the middle counts. */
async function takeTurn(side: Side, livers: ChildProcess, seconds: number, label: string, dtx: boolean) {
  const groups = [side.name];
  await side.loader.record(groups);
  const playing = askChild<{ late_us_max: number; late_us_p99: number }>(livers, 'play', {
    groups,
    seconds: seconds + SETTLE_MS / 1000 + 0.4,
    dtx,
  });
  await sleep(SETTLE_MS);
  await side.loader.mark(groups);
  const loaderCpuUs = () => side.loader.pids.reduce((sum, pid) => sum + cpuUs(pid), 0);
  const [cpu, loaderCpu] = [cpuByThread(side.pid), loaderCpuUs()];
  const since = performance.now();
  const fromUs = Number(process.hrtime.bigint() / 1000n);
  await sleep(seconds * 1000);
  const after = cpuByThread(side.pid);
  const spent = {
    cpuUs: after.allUs - cpu.allUs,
    engineCpuUs: after.engineUs - cpu.engineUs,
    loaderCpuUs: loaderCpuUs() - loaderCpu,
  };
  const elapsed = (performance.now() - since) / 1000;
  const toUs = Number(process.hrtime.bigint() / 1000n) - 200_000;
  const traffic = await side.loader.traffic(groups);
  const late = await playing;
  await sleep(400);
  await side.loader.stop();
  const sent = await askChild<Sent[]>(livers, 'sent', { groups });
  const seen = await side.loader.analyse({ groups, sent, fromUs, toUs, name: label });
  const turn: Turn = { ...spent, seconds: elapsed, traffic: traffic[side.name] ?? {} };
  return { turn, presented: seen[side.name], late };
}

function sum(turns: readonly Turn[], name: string): number {
  return turns.reduce((total, { traffic }) => total + (traffic[name] ?? 0), 0);
}

function summarise(
  side: Side,
  name: string,
  turns: Turn[],
  presented: Summary | undefined,
): Omit<StreamCase, 'floor_us_per_packet' | 'ratio_to_floor'> & { packet_bytes: number } {
  const viewers = side.plans.reduce((n, { viewers }) => n + viewers, 0);
  const seconds = turns.reduce((n, t) => n + t.seconds, 0);
  const viewerSeconds = viewers * seconds;
  const logged = sum(turns, 'logged_bundles');
  const loggedS = sum(turns, 'logged_s');
  const bundleBytes = sum(turns, 'logged_bytes') / logged;
  const cpu = turns.reduce((n, t) => n + t.cpuUs, 0);
  const wss = side.name === 'wss';
  const overhead = wss ? TCP_BYTES + wsHeader(bundleBytes) : OVERHEAD_BYTES;
  const media = { packets: logged / loggedS, bytes: (logged * (bundleBytes + overhead)) / loggedS };
  const loggedBytes = (sum(turns, 'logged_bytes_in') + sum(turns, 'logged_packets_in') * UDP_BYTES) / loggedS;
  // What a connection hands up as a datagram is media or the answer to a probe; how many of the latter, viewers that log tell.
  const probes = sum(turns, 'logged_datagrams_in') / loggedS - media.packets;
  const packets = wss ? media.packets : sum(turns, 'datagrams_in') / sum(turns, 'seen_s') - probes;
  return {
    name,
    viewers,
    cpu_us_per_viewer_s: round(cpu / viewerSeconds, 1),
    engine_cpu_us_per_viewer_s: wss ? null : round(turns.reduce((n, t) => n + t.engineCpuUs, 0) / viewerSeconds, 1),
    wire_bytes_per_viewer_s: round(media.bytes, 0),
    control_bytes_per_viewer_s: wss ? null : round(loggedBytes - media.bytes, 0),
    packets_per_viewer_s: round(packets, 1),
    acks_per_packet: wss ? null : round(sum(turns, 'packets_out') / sum(turns, 'packets_in')),
    voice_units_per_packet: round(sum(turns, 'logged_voice') / logged),
    motion_units_per_packet: round(sum(turns, 'logged_motion') / logged),
    presentation_lag_ms: presented!.presentation_lag_ms,
    exact_ratio: presented!.exact_ratio,
    voice_gap_ratio: presented!.voice_gap_ratio,
    skew_ms: presented!.skew_ms,
    cpu_percent: round(cpu / seconds / 1e4, 1),
    loader_cpu_percent: round(turns.reduce((n, t) => n + t.loaderCpuUs, 0) / seconds / 1e4, 1),
    packet_bytes: Math.round(media.bytes / media.packets - UDP_BYTES),
  };
}

/** Lag-budgeted fan-out beside the same relay without bundling and beside WebSocket over TLS, by turns in one run. */
export async function stream(options: StreamOptions, log: (text: string) => void): Promise<StreamResult> {
  log('starting relays and the baseline');
  const sides = [
    await relaySide('hayate', [], options),
    // Each unit leaves at once, on the uplink too: without a budget there is nothing to spend.
    await relaySide('unbundled', ['--rooms-budget-ms', '20', '--rooms-voice-per-datagram', '1'], options),
    await wssSide(options),
  ];
  const livers = spawnChild('stream-livers.ts');
  try {
    for (const side of sides) {
      pin(side.pid, 0);
      share(side.pid, -20);
      side.loader.goFirst(1);
      log(`${side.name}: connecting ${side.plans.reduce((n, p) => n + p.viewers, 0)} viewers`);
      await side.loader.open(side.plans);
    }
    // What they are late with counts as the relay's lag.
    pin(livers.pid ?? 0, 1);
    prefer(livers.pid ?? 0, -20);
    const { motion } = await askChild<{ motion: string }>(livers, 'open', { plans: sides.flatMap((s) => s.plans) });
    // Who has just joined counts as in conversation, and what fits must have fitted for a while.
    log('hayate: 30 s of media, for the relay to see what each viewer can spare');
    await askChild(livers, 'play', { groups: ['hayate'], seconds: 30, dtx: false });
    const cases = [
      ...sides.map((side) => ({ side, name: side.name, dtx: false, turns: TURNS })),
      ...sides.slice(0, 2).map((side) => ({ side, name: `${side.name}, half of the voice DTX`, dtx: true, turns: 1 })),
    ].map((c) => ({ ...c, done: [] as Turn[], presented: undefined as Summary | undefined }));
    const each = options.seconds / TURNS;
    const lateMs = { p99: 0, max: 0 };
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (const c of cases) {
        if (turn >= c.turns) continue;
        log(`${c.name}: turn ${turn + 1} of ${c.turns}, ${each} s`);
        const { turn: done, presented, late } = await takeTurn(c.side, livers, each, c.name, c.dtx);
        c.done.push(done);
        c.presented = presented;
        lateMs.p99 = Math.max(lateMs.p99, round(late.late_us_p99 / 1000));
        lateMs.max = Math.max(lateMs.max, round(late.late_us_max / 1000));
      }
    }
    log('floor: raw sendmmsg of packets as large');
    const figures = cases.map(({ side, name, done, presented }) => {
      const { packet_bytes, ...rest } = summarise(side, name, done, presented);
      const floor = measureFloor(packet_bytes);
      const ratio = rest.cpu_us_per_viewer_s / rest.packets_per_viewer_s / floor;
      return { ...rest, floor_us_per_packet: round(floor), ratio_to_floor: round(ratio) };
    });
    const cpu = (name: string) => figures.find((f) => f.name === name)!.cpu_us_per_viewer_s;
    return {
      ...options,
      link_ms: `${options.link} +- ${jitterOf(options.link)} each way, each hop`,
      motion,
      voice: 'Opus 24 kbit/s, 20 ms, constant rate',
      connection_id_bytes: CID_BYTES,
      cases: figures,
      cpu_unbundled_to_hayate: round(cpu('unbundled') / cpu('hayate')),
      cpu_wss_to_hayate: round(cpu('wss') / cpu('hayate')),
      livers_late_ms: lateMs,
    };
  } finally {
    livers.kill();
    for (const side of sides) {
      side.loader.kill();
      await side.stop();
    }
  }
}
