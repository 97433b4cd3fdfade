import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as after } from 'node:timers/promises';
import { candidates, type Directory, parentOf, type RelayEntry } from '@hayate/relay/directory';
import { NatsLink, natsDirectory } from '@hayate/relay/directory/nats';
import { Ring } from '../../../relay/directory/ring.ts';
import { askChild } from '../../lib/children.ts';
import { type NatsRig, natsServer, startNats } from '../../lib/nats.ts';
import { cpuUs, rssKb } from '../../lib/proc.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import type { CrowdPlan } from './relay-crowd.ts';

const REGIONS = ['jp', 'us'];
const SIZES = [20, 200, 2000];
const ROOMS_PER_RELAY = 100;
/** Real directories a region; all other relays are a crowd of one process that says and hears the same. */
const REAL = 4;
const WATCHED = 8;
const WATCHED_FAR = 4;
const SECONDS = 8;
const LOOKUPS = 400;
const CLAIMS = 60;

export interface ScaleRow {
  relays: number;
  rooms: number;
  /** Of one real relay, steady. */
  messages_heard_per_relay_s: number;
  relay_cpu_us_per_s: number;
  /** Of all servers. */
  server_cpu_us_per_relay_s: number;
  server_rss_mb: number;
  subscriptions: number;
  lookup_ms: Percentiles;
  lookup_watched_us: number;
  claim_ms: Percentiles;
  claim_heard_far_ms: Percentiles;
  parent_us: number;
  candidates_us: number;
  join_ms: number;
  death_seen_ms: number;
  fill_s: number;
}

interface Percentiles {
  p50: number;
  p99: number;
}

const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

function percentiles(values: number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  return { p50: at(0.5), p99: at(0.99) };
}

/** Nothing tells of a state of all directories: they are asked. */
async function until(what: string, condition: () => boolean): Promise<number> {
  const since = performance.now();
  while (!condition()) {
    if (performance.now() - since > 60_000) throw new Error(`not within a minute: ${what}`);
    await after(2);
  }
  return performance.now() - since;
}

interface Real {
  id: string;
  region: string;
  link: NatsLink;
  directory: Directory;
}

async function measure(relays: number, rig: NatsRig, child: ChildProcess): Promise<ScaleRow> {
  const idsOf = (region: string) => Array.from({ length: relays / 2 }, (_, n) => `${region}-relay-${n}`);
  const ids = Object.fromEntries(REGIONS.map((region) => [region, idsOf(region)]));
  // Next to each other on the ring: they hear each other, so that one of them notices a death.
  const realOf = (region: string) => {
    const ring = new Ring();
    for (const id of ids[region]!) ring.add(id);
    return ring.after('anywhere', REAL);
  };
  const real = REGIONS.flatMap(realOf);
  const rooms = Array.from({ length: relays * ROOMS_PER_RELAY }, (_, n) => `room-${n}`);
  const urls = Object.fromEntries(REGIONS.map((region) => [region, rig.region(region).urls]));
  const start = async (region: string, id: string): Promise<Real> => {
    const link = new NatsLink({ servers: urls[region]!, name: id });
    // Of copies: what a relay reads in the long run, not in the minute after its start.
    const directory = natsDirectory({ region, regions: REGIONS, nats: link, copiesBehindMs: 0 });
    await until('connected', () => directory.health().connected);
    return { id, region, link, directory };
  };
  const entry = ({ id, region }: Real): RelayEntry => ({
    id,
    region,
    url: `https://${id}.relays.example.net:4433/v1`,
    certificateHashes: ['5e'.repeat(32)],
    trunk: { host: `${id}.relays.example.net`, port: 4434 },
    load: { viewers: 100, rooms: 20, cpu: 0.2, egressBps: 450_000 },
    draining: false,
  });

  // The first ones make the buckets, and are gone before there are relays that nobody hears yet.
  const first = await Promise.all(REGIONS.map((region) => start(region, ids[region]![0]!)));
  await Promise.all(first.map(({ link, directory }) => directory.shutdown().then(() => link.close())));
  const plan: CrowdPlan = {
    urls,
    ids,
    real,
    rooms,
    roomsPerRelay: ROOMS_PER_RELAY,
    watched: WATCHED,
    watchedFar: WATCHED_FAR,
  };
  const filled = await askChild<{ ms: number }>(child, 'fill', { plan });
  const { subscriptions } = await askChild<{ subscriptions: number }>(child, 'live');

  const all: Real[] = [];
  let joinMs = 0;
  for (const region of REGIONS) {
    for (const id of realOf(region)) {
      const since = performance.now();
      const one = await start(region, id);
      one.directory.announce(entry(one));
      await until('all relays are known', () => one.directory.relays().length >= relays - 2 * REAL);
      joinMs = performance.now() - since;
      all.push(one);
    }
  }
  try {
    await until('the real ones know each other', () =>
      all.every(({ directory }) => directory.relays().length === relays),
    );
    for (const [n, { directory }] of all.entries()) {
      for (let i = 0; i < ROOMS_PER_RELAY; i++)
        directory.watch(rooms[(n * ROOMS_PER_RELAY + i) % rooms.length]!, () => {});
    }
    await until('watches', () => all.every(({ directory }) => directory.health().watched > 0));
    await after(2000);
    return {
      ...(await steady(relays, rig, all)),
      ...(await asked(relays, rooms, all)),
      ...chosen(all[0]!.directory, rooms),
      relays,
      rooms: rooms.length,
      subscriptions,
      join_ms: round(joinMs, 0),
      fill_s: round(filled.ms / 1000, 1),
      death_seen_ms: round(await death(all), 0),
    };
  } finally {
    await Promise.all(all.map(({ link, directory }) => directory.shutdown().then(() => link.close())));
  }
}

interface Connz {
  connections: { name?: string; out_msgs: number }[];
}

/** What goes on when nothing happens. */
async function steady(relays: number, rig: NatsRig, all: Real[]) {
  const servers = rig.regions.flatMap((region) => region.servers);
  const heard = async () => {
    const pages = await Promise.all(servers.map((server) => server.monitor<Connz>('/connz?limit=1000')));
    const own = pages.flatMap(({ connections }) => connections).filter(({ name }) => all.some(({ id }) => id === name));
    return own.reduce((sum, { out_msgs }) => sum + out_msgs, 0);
  };
  const serverUs = () => servers.reduce((sum, { pid }) => sum + cpuUs(pid), 0);
  const before = { heard: await heard(), server: serverUs(), own: process.cpuUsage() };
  await after(SECONDS * 1000);
  const { user, system } = process.cpuUsage(before.own);
  const server = serverUs() - before.server;
  return {
    messages_heard_per_relay_s: round(((await heard()) - before.heard) / all.length / SECONDS, 1),
    relay_cpu_us_per_s: round((user + system) / all.length / SECONDS, 0),
    server_cpu_us_per_relay_s: round(server / relays / SECONDS, 1),
    server_rss_mb: round(servers.reduce((sum, { pid }) => sum + rssKb(pid), 0) / 1024, 0),
  };
}

/** Lookups of rooms that nobody here watches, claims, and how soon the other region hears of them. */
async function asked(relays: number, rooms: string[], all: Real[]) {
  const near = all[0]!.directory;
  const far = all.at(-1)!.directory;
  const lookups: number[] = [];
  const step = Math.max(1, Math.floor(rooms.length / LOOKUPS));
  for (let i = 0; i < LOOKUPS; i++) {
    const room = rooms[(i * step + 7) % rooms.length]!;
    const since = performance.now();
    const found = await near.lookup(room);
    lookups.push(performance.now() - since);
    if (found?.room !== room) throw new Error(`${room} is not found among ${relays} relays`);
  }
  // Even ones live in the first region.
  const claimed = Array.from({ length: CLAIMS }, (_, i) => rooms[(i * 2 * Math.floor(step / 2 + 1)) % rooms.length]!);
  const told = new Map<string, number>();
  for (const room of new Set(claimed)) {
    far.watch(room, ({ epoch }) => {
      if (epoch > 1) told.set(room, performance.now());
    });
    await far.lookup(room);
  }
  // Interest in their news crosses to the other region.
  await after(1000);
  const claims: number[] = [];
  const news: number[] = [];
  for (const room of new Set(claimed)) {
    const since = performance.now();
    await near.claim(room, 1, 'jp-relay-1');
    claims.push(performance.now() - since);
    await until('the news crossed', () => told.has(room));
    news.push(told.get(room)! - since);
  }
  const watched = rooms[0]!;
  const since = performance.now();
  for (let i = 0; i < 10_000; i++) await near.lookup(watched);
  return {
    lookup_ms: percentiles(lookups),
    lookup_watched_us: round((performance.now() - since) / 10),
    claim_ms: percentiles(claims),
    claim_heard_far_ms: percentiles(news),
  };
}

/** Choices by what a relay has in memory. */
function chosen(directory: Directory, rooms: string[]) {
  const relays = directory.relays();
  const time = (count: number, act: (n: number) => unknown): number => {
    act(0);
    const since = performance.now();
    for (let n = 0; n < count; n++) act(n);
    return round(((performance.now() - since) * 1000) / count);
  };
  return {
    parent_us: time(5000, (n) => parentOf(relays, 'us', rooms[n % rooms.length]!)),
    candidates_us: time(2000, (n) => candidates(relays, { region: 'us', seed: n })),
  };
}

/** A relay dies without a word: until all others have dropped it. */
async function death(all: Real[]): Promise<number> {
  const dead = all[1]!;
  await dead.link.close();
  const others = all.filter((one) => one !== dead).map(({ directory }) => directory);
  return until('the death is known', () => others.every((one) => one.relays().every(({ id }) => id !== dead.id)));
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const binary = await natsServer();
  if ('skip' in binary) {
    checks.skip(binary.skip);
    checks.check(false, 'without nats-server nothing was measured');
    return checks.outcome();
  }
  const rows: ScaleRow[] = [];
  // Hundreds of thousands of rooms are not written by a sync each within a run; what a sync costs, the first case shows.
  const cases = [
    { relays: SIZES[0]!, syncInterval: 'always' as const },
    ...SIZES.map((relays) => ({ relays, syncInterval: '2m' as const })),
  ];
  for (const { relays, syncInterval } of cases) {
    const name = `${relays} relays${syncInterval === 'always' ? ', each write synced' : ''}`;
    if (context.only.length > 0 && !context.only.some((part) => name.includes(part))) continue;
    context.log(`${name}, ${relays * ROOMS_PER_RELAY} rooms`);
    const rig = await startNats({ regions: REGIONS, syncInterval });
    const child = fork(new URL('./relay-crowd.ts', import.meta.url));
    try {
      const row = await measure(relays, rig, child);
      if (syncInterval !== 'always') rows.push(row);
      checks.figure(name, row);
    } finally {
      child.kill('SIGKILL');
      await rig.stop();
    }
  }
  if (rows.length < SIZES.length) return checks.outcome();
  const [small, middle, large] = rows as [ScaleRow, ScaleRow, ScaleRow];
  const flat = (name: string, value: number, than: number, factor: number) =>
    checks.check(
      value <= than * factor,
      `${name}: ${value} with ${large.relays} relays, ${than} with fewer (at most ${factor} times)`,
    );
  flat('messages heard a relay and second', large.messages_heard_per_relay_s, small.messages_heard_per_relay_s, 1.2);
  flat("a relay's CPU, us a second", large.relay_cpu_us_per_s, middle.relay_cpu_us_per_s, 1.5);
  flat("servers' CPU, us a relay and second", large.server_cpu_us_per_relay_s, middle.server_cpu_us_per_relay_s, 1.5);
  flat('lookup p50, ms', large.lookup_ms.p50, small.lookup_ms.p50, 2);
  flat('claim p50, ms', large.claim_ms.p50, small.claim_ms.p50, 2);
  checks.check(
    large.parent_us <= 50,
    `a parent is chosen in ${large.parent_us} us of ${large.relays} relays (at most 50)`,
  );
  checks.check(large.candidates_us <= 200, `candidates are chosen in ${large.candidates_us} us (at most 200)`);
  checks.check(large.death_seen_ms <= 5000, `a death is known in ${large.death_seen_ms} ms (at most 5000)`);
  return checks.outcome();
}

export const directoryScale: Claim = {
  id: 'regions.4',
  title: 'Directory of 2000 relays and 200 000 rooms: placement, lookup and heartbeat cost flat a relay',
  seconds: 150,
  run,
};
