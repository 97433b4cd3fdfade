import { fork } from 'node:child_process';
import { join } from 'node:path';
import { askChild } from '../lib/children.ts';
import { cpuByThread } from '../lib/proc.ts';
import { root } from '../lib/processes.ts';
import type { Heard, Hop, Place } from './trunk-plan.ts';

export interface TrunkLoadOptions {
  rooms: number;
  /** Of each room at the far relay. */
  viewers: number;
  /** One way, +- 2 ms. */
  ocean: number;
  /** Lost bursts, mean ms; 0.5 % of the time. */
  burst: number;
  /** Of the emulated losses. */
  seed: number;
  seconds: number;
  /** 0: CUBIC, the negative control. */
  ceilingKbps: number;
  /** Measures CPU too, which takes twice as long again. */
  cpu: boolean;
}

export interface TrunkLoadResult extends Omit<TrunkLoadOptions, 'cpu'>, Heard {
  /** Of the sending relay's trunk session while it was measured. */
  sender: {
    datagrams: number;
    bundles: number;
    /** Of UDP payloads. */
    bytes: number;
    bytes_a_room_and_second: number;
    packets_lost: number;
    /** Datagrams that its queue dropped, whatever the reason. */
    dropped: number;
    /** Units that were too old for a datagram, or pushed out. */
    stale: number;
  };
  /** Of the receiving relay's slots. */
  receiver: { received: number; lost: number; duplicate: number; lag_p50_ms: number; lag_p99_ms: number };
  /** What the far relay sent to viewers. */
  viewer_bundles: number;
  cpu_us?: {
    /** Of the near relay's engine thread for each new unit that the trunk carried, its repeats included. */
    trunk_unit: number;
    /** The same of each unit to one viewer of the room at the near relay, unbundled and unrepaired. */
    viewer_unit: number;
    /** Of each unit that came from a liver, whoever hears it; in neither of the above. */
    unit_in: number;
  };
}

type Stats = { engine: Record<string, number>; trunk?: Record<string, number>; slots: Record<string, number>[] };

const here = join(root, 'lab', 'regions');

function child(file: string) {
  return fork(join(here, file), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

const round = (value: number, digits = 2) => Number(value.toFixed(digits));

/** Rooms of one relay heard at another over an emulated ocean link. `log` gets progress. */
export async function trunkLoad(options: TrunkLoadOptions, log: (text: string) => void): Promise<TrunkLoadResult> {
  const hop: Hop = {
    oceanMs: options.ocean,
    jitterMs: 2,
    loss: 0.005,
    burstMs: options.burst,
    ceilingKbps: options.ceilingKbps,
    queueBytes: 256 << 10,
    flushMs: 2,
  };
  const [near, far, loader] = [child('trunk-relay.ts'), child('trunk-relay.ts'), child('trunk-loader.ts')];
  try {
    const { rooms } = options;
    const nearPlace = await askChild<Place>(near, 'listen', { rooms, firstAlias: 1, livers: true, hop });
    const farPlace = await askChild<Place>(far, 'listen', { rooms, firstAlias: 5001, livers: false, hop });
    await askChild(far, 'dial', { ...nearPlace, hop, seed: options.seed });
    log(`${rooms} rooms, ${options.viewers} viewers each beyond the ocean`);
    const people = { rooms, nearViewers: 1, farViewers: options.viewers };
    await askChild(loader, 'connect', { near: nearPlace, far: farPlace, ...people });
    await askChild(near, 'listening', { on: false });
    await askChild(near, 'pull', { repair: 'since_key', spacingMs: 10 });
    await askChild(loader, 'speak', { seconds: 3 });
    const [near0, far0] = [await askChild<Stats>(near, 'stats'), await askChild<Stats>(far, 'stats')];
    const engineUs = () => cpuByThread(near.pid ?? 0).engineUs;
    const cpu0 = engineUs();
    log(`measuring ${options.seconds} s`);
    const heard = await askChild<Heard>(loader, 'load', { seconds: options.seconds, withinMs: options.ocean + 25 });
    const withTrunkUs = engineUs() - cpu0;
    const [near1, far1] = [await askChild<Stats>(near, 'stats'), await askChild<Stats>(far, 'stats')];

    await askChild(near, 'unpull');
    const cpuUs = async (listening: boolean) => {
      log(listening ? 'a viewer of each room at the near relay instead of the trunk' : 'nobody hears the livers');
      await askChild(near, 'listening', { on: listening });
      const before = engineUs();
      const { units } = await askChild<Heard>(loader, 'load', { seconds: options.seconds, withinMs: 1000 });
      return (engineUs() - before) / units;
    };
    const [viewerUs, nobodyUs] = options.cpu ? [await cpuUs(true), await cpuUs(false)] : [Number.NaN, Number.NaN];
    const cpu_us = {
      trunk_unit: round(withTrunkUs / heard.units - nobodyUs),
      viewer_unit: round(viewerUs - nobodyUs),
      unit_in: round(nobodyUs),
    };

    const gained = (name: string) => (near1.trunk?.[name] ?? 0) - (near0.trunk?.[name] ?? 0);
    const all = (stats: Stats, name: string) => stats.slots.reduce((sum, slot) => sum + (slot[name] ?? 0), 0);
    const received = (name: string) => all(far1, name) - all(far0, name);
    const lags = far1.slots.map((slot) => slot['lag_p99_ms'] ?? 0).toSorted((a, b) => a - b);
    const medians = far1.slots.map((slot) => slot['lag_p50_ms'] ?? 0).toSorted((a, b) => a - b);
    const ofEngine = (a: Stats, b: Stats, name: string) => (b.engine[name] ?? 0) - (a.engine[name] ?? 0);
    const dropped = Object.keys(near1.trunk ?? {}).filter((name) => name.startsWith('dropped_'));
    const bytes = gained('bytes_out');
    const { cpu: _, ...rest } = options;
    return {
      ...rest,
      ...heard,
      sender: {
        datagrams: gained('trunk_datagrams_out'),
        bundles: gained('trunk_bundles_out'),
        bytes,
        bytes_a_room_and_second: round(bytes / rooms / (options.seconds + 0.5), 0),
        packets_lost: gained('lost_packets'),
        dropped: dropped.reduce((sum, name) => sum + gained(name), 0),
        stale: ofEngine(near0, near1, 'dropped_stale') + ofEngine(near0, near1, 'dropped_full'),
      },
      receiver: {
        received: received('received'),
        lost: received('lost'),
        duplicate: received('duplicate'),
        lag_p50_ms: round(medians[medians.length >> 1] ?? 0),
        lag_p99_ms: round(lags[lags.length >> 1] ?? 0),
      },
      viewer_bundles: ofEngine(far0, far1, 'bundles_out'),
      ...(options.cpu ? { cpu_us } : {}),
    };
  } finally {
    for (const process of [near, far, loader]) process.kill();
  }
}
