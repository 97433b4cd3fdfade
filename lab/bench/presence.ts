import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Room } from '../../relay/room/room.ts';
import { askChild, pin } from '../lib/children.ts';
import { readMetrics } from '../lib/metrics.ts';
import { cpuByThread, rssKb } from '../lib/proc.ts';
import { root } from '../lib/processes.ts';
import { startRelayProcess } from '../lib/relay-process.ts';

export interface PresenceOptions {
  /** Sizes of rooms, side by side. */
  members: number[];
  perSecond: number;
  seconds: number;
}

interface Measured {
  sessions: number;
  seconds: number;
  bytes: number;
  news: number;
  lists: number;
  joined: number;
  left: number;
  failed: number;
}

interface Part {
  /** Of the control stream, a member and second. */
  bytes_per_member_s: number;
  /** `presence` messages, a member and second. */
  news_per_member_s: number;
  /** Of the relay's JavaScript thread and helpers, a member and second. */
  js_us_per_member_s: number;
  /** Of the engine's thread; heartbeats are in it. */
  engine_us_per_member_s: number;
  js_percent: number;
  event_loop_delay_ms: { p50: number; p99: number; max: number };
}

export interface RoomSize {
  members: number;
  rss_kb_per_member: number;
  calm: Part;
  churn: Part;
  /** What the churn costs beyond the calm. */
  js_us_per_join_and_leave: number;
  joined: number;
  left: number;
  failed: number;
  /** Members who know another number of people than there are, after it. */
  wrong_counts: number;
}

export interface RulesCost {
  members: number;
  us_per_join_and_leave: number;
  us_per_tick: number;
  us_per_list: number;
}

export interface PresenceResult {
  per_second: number;
  rooms: RoomSize[];
  /** The room's rules alone, without connections. */
  rules: RulesCost[];
}

/** A whole relay with one room of real connections, who all listen to presence, while so many a second leave and come. */
export async function presence(options: PresenceOptions, log: (text: string) => void): Promise<PresenceResult> {
  const rooms: RoomSize[] = [];
  for (const members of options.members) rooms.push(await roomOf(members, options, log));
  log('the rules alone');
  return { per_second: options.perSecond, rooms, rules: [500, 5000, 50_000].map(rules) };
}

async function roomOf(members: number, options: PresenceOptions, log: (text: string) => void): Promise<RoomSize> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-presence-'));
  const most = String(2 * members + 1000);
  const relay = await startRelayProcess(stateDir, ['--rooms-max-viewers', most, '--limits-max-sessions', most]);
  const load = fork(join(root, 'lab', 'bench', 'presence-load.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    pin(relay.pid, 0);
    pin(load.pid ?? 0, 1);
    const { url, hash } = await relay.tokens('crowd');
    const room = { to: { url, hash }, keyFile: join(stateDir, 'token.key'), room: 'crowd' };
    const empty = rssKb(relay.pid);
    log(`${members} members connect`);
    await askChild(load, 'fill', { ...room, count: members });
    // Past the last of what they hear of each other.
    await sleep(6000);
    const rss = rssKb(relay.pid);
    const measure = async (perSecond: number) => {
      // Each reading of the metrics begins the event loop's figures anew.
      await readMetrics(relay.metrics);
      const before = cpuByThread(relay.pid);
      const measured = await askChild<Measured>(load, 'measure', { ...room, perSecond, seconds: options.seconds });
      const after = cpuByThread(relay.pid);
      const loop = (await readMetrics(relay.metrics)).filter(({ name }) => name === 'hayate_event_loop_delay_seconds');
      const engineUs = after.engineUs - before.engineUs;
      return { measured, jsUs: after.allUs - before.allUs - engineUs, engineUs, loop };
    };
    log(`calm, ${options.seconds} s`);
    const calm = await measure(0);
    log(`${options.perSecond} a second leave and come, ${options.seconds} s`);
    const churn = await measure(options.perSecond);
    await sleep(6000);
    const wrong = await askChild<number>(load, 'wrong');
    const { joined, left, failed } = churn.measured;
    const calmUs = (calm.jsUs / calm.measured.seconds) * churn.measured.seconds;
    return {
      members,
      rss_kb_per_member: round((rss - empty) / members, 1),
      calm: part(calm, members),
      churn: part(churn, members),
      js_us_per_join_and_leave: Math.round((churn.jsUs - calmUs) / joined),
      joined,
      left,
      failed,
      wrong_counts: wrong,
    };
  } finally {
    load.kill();
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

function part(
  { measured, jsUs, engineUs, loop }: { measured: Measured; jsUs: number; engineUs: number; loop: Loop },
  members: number,
): Part {
  const { seconds, bytes, news } = measured;
  const each = (value: number, digits: number) => round(value / seconds / members, digits);
  const at = (quantile: string) =>
    round((loop.find(({ labels }) => labels['quantile'] === quantile)?.value ?? Number.NaN) * 1000, 1);
  return {
    bytes_per_member_s: each(bytes, 1),
    news_per_member_s: each(news, 3),
    js_us_per_member_s: each(jsUs, 1),
    engine_us_per_member_s: each(engineUs, 1),
    js_percent: round(jsUs / seconds / 1e4, 1),
    event_loop_delay_ms: { p50: at('0.5'), p99: at('0.99'), max: at('1') },
  };
}

type Loop = Awaited<ReturnType<typeof readMetrics>>;

/** One room's rules with so many people who listen: what a join with its leave, a tick and a list cost, us. */
function rules(members: number): RulesCost {
  const room = new Room({ maxViewers: 2 * members + 1000, lingerMs: 5000, emptyMs: 30_000 }, 0);
  let nowMs = 0;
  let session = 0;
  const join = () => {
    session += 1;
    const identity = { sub: `member-${session}`, roles: ['viewer'], permissions: ['watch'], expiresAt: 1 } as const;
    room.handle({ type: 'join', session, identity }, nowMs);
    return session;
  };
  for (let n = 0; n < members; n++) room.handle({ type: 'presence', session: join(), id: 1, on: true }, nowMs);
  const joins = 20_000;
  let [joinUs, tickUs, ticks] = [0, 0, 0];
  for (let n = 1; n <= joins; n++) {
    const since = performance.now();
    join();
    room.handle({ type: 'leave', session: session - members, clean: true }, nowMs);
    joinUs += (performance.now() - since) * 1000;
    if (n % 500 !== 0) continue;
    // What 100 a second make in the 5 s of the largest rooms.
    nowMs += 5000;
    const tickSince = performance.now();
    room.handle({ type: 'tick' }, nowMs);
    tickUs += (performance.now() - tickSince) * 1000;
    ticks += 1;
  }
  const lists = 1000;
  const since = performance.now();
  for (let n = 0; n < lists; n++) room.handle({ type: 'presence', session, id: 1, on: true }, nowMs);
  const listUs = (performance.now() - since) * 1000;
  return {
    members,
    us_per_join_and_leave: round(joinUs / joins, 2),
    us_per_tick: round(tickUs / ticks, 1),
    us_per_list: round(listUs / lists, 1),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
