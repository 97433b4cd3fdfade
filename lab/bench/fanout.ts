import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { cpuUs, rssKb } from '../lib/proc.ts';
import { root } from '../lib/processes.ts';
import { FanoutRig } from './rig.ts';

export interface FanoutOptions {
  viewers: number;
  hz: number;
  bytes: number;
  seconds: number;
}

export interface FanoutResult extends FanoutOptions {
  /** CPU of the whole relaying process (all threads) for each datagram that reached a viewer. */
  cpu_us_per_datagram: number;
  /** Raw sendmmsg of a packet of the same size on the wire, in the same run. */
  floor_us_per_packet: number;
  ratio_to_floor: number;
  delivered_ratio: number;
  lag_ms: { p50: number; p95: number; p99: number; max: number };
  rss_kb_per_session: number;
  /** How much of that came during the measured seconds: what grows with time is a leak. */
  rss_growth_kb_per_session: number;
  /** Entries of the engine's timer wheel for each session: about one, or somebody enters two for one. */
  timer_entries_per_session: number;
  /** Packets that came back from the viewers for each datagram sent to them. */
  acks_per_datagram: number;
  relay_cpu_percent: number;
  loader_cpu_percent: number;
}

/** Size of a QUIC short-header UDP payload that carries one datagram of `bytes`: header 1 + cid 8 + pn 2, frame 3, quarter id 1, tag 16. */
const packetBytes = (bytes: number) => bytes + 31;

let floorBuilt = false;

function buildFloor(): void {
  if (floorBuilt) return;
  const manifest = join(root, 'engine', 'Cargo.toml');
  execFileSync(
    'cargo',
    ['build', '--release', '-q', '--manifest-path', manifest, '-p', 'hayate-core', '--bin', 'floor'],
    { stdio: 'inherit' },
  );
  floorBuilt = true;
}

/** CPU of one raw `sendmmsg` packet with a UDP payload of so many bytes, us. Builds the engine's `floor` first. */
export function measureFloor(bytes: number): number {
  buildFloor();
  const target = process.env['CARGO_TARGET_DIR'] ?? join(root, 'engine', 'target');
  const text = execFileSync(
    join(target, 'release', 'floor'),
    ['--bytes', String(bytes), '--packets', '400000', '--json'],
    {
      encoding: 'utf8',
    },
  );
  return (JSON.parse(text) as { floor_us_per_packet: number }).floor_us_per_packet;
}

/** Measures room fan-out; `log` gets progress. */
export async function fanout(options: FanoutOptions, log: (text: string) => void): Promise<FanoutResult> {
  log('floor: raw sendmmsg');
  const floorBefore = measureFloor(packetBytes(options.bytes));
  const rig = new FanoutRig();
  try {
    await rig.listen(options.viewers);
    const rssBefore = rssKb(rig.relayPid);
    log(`connecting ${options.viewers} viewers`);
    await rig.connect(options.viewers);
    log('warming up 2 s');
    await rig.load(options.hz, options.bytes, 2);
    const cpu0 = cpuUs(rig.relayPid);
    const loaderCpu0 = cpuUs(rig.loaderPid);
    const stats0 = await rig.stats();
    const rssWarm = rssKb(rig.relayPid);
    const since = performance.now();
    log(`measuring ${options.seconds} s`);
    const loaded = await rig.load(options.hz, options.bytes, options.seconds);
    const elapsedUs = (performance.now() - since) * 1000;
    const cpu = cpuUs(rig.relayPid) - cpu0;
    const loaderCpu = cpuUs(rig.loaderPid) - loaderCpu0;
    const stats1 = await rig.stats();
    const rss = rssKb(rig.relayPid);
    // The machine drifts: the floor of this run is the mean of one before and one after.
    log('floor again');
    const floor = (floorBefore + measureFloor(packetBytes(options.bytes))) / 2;
    const gained = (name: string) => (stats1[name] ?? 0) - (stats0[name] ?? 0);
    const round = (value: number, digits = 2) => Number(value.toFixed(digits));
    return {
      ...options,
      cpu_us_per_datagram: round(cpu / loaded.received),
      floor_us_per_packet: round(floor),
      ratio_to_floor: round(cpu / loaded.received / floor),
      delivered_ratio: round(loaded.received / (loaded.sent * options.viewers), 5),
      lag_ms: loaded.lag,
      rss_kb_per_session: round((rss - rssBefore) / options.viewers, 1),
      rss_growth_kb_per_session: round((rss - rssWarm) / options.viewers, 1),
      timer_entries_per_session: round((stats1['timer_entries'] ?? Number.NaN) / options.viewers, 1),
      acks_per_datagram: round(gained('packets_in') / loaded.received),
      relay_cpu_percent: round((100 * cpu) / elapsedUs, 1),
      loader_cpu_percent: round((100 * loaderCpu) / elapsedUs, 1),
    };
  } finally {
    rig.close();
  }
}
