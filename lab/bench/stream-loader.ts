// Child of the stream bench: the viewers of one body, counting and logging what arrives.
import { GapAsker } from '@hayate/client/internal';
import type { LinkProfile } from '@hayate/engine';
import { openEngine } from '@hayate/engine';
import { WebSocket } from 'ws';
import { random } from '../../codec/bench/random.ts';
import type { RawSession } from '../lib/raw-session.ts';
import { rawViewer } from '../lib/raw-viewer.ts';
import { UnitLog } from './stream-log.ts';
import { bothWays, type RoomPlan, type Sent, SHARED_SOCKETS, type Traffic } from './stream-plan.ts';
import { Presented, present } from './stream-present.ts';

/** Each viewer reports as the SDK does while nothing changes, spread over the time. */
const REPORT_MS = 4000;
const REPORT_SLICES = 80;
/** What the SDK's schedule keeps between the last voice packet's coming and its time. */
const MARGIN_MS = 2;
/** Overdue datagrams are looked for so often. */
const ASK_MS = 2;

interface Viewer {
  plan: RoomPlan;
  log: UnitLog | undefined;
  raw: RawSession | undefined;
  /** Of one that logs: it asks for what it lacks, as the SDK does. */
  asker: GapAsker | undefined;
  /** Counters at the last `mark`. */
  before: Record<string, number>;
}

const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const viewers: Viewer[] = [];
let measuring = false;

async function openViewer(plan: RoomPlan, index: number, logged: boolean): Promise<void> {
  const viewer: Viewer = { plan, log: undefined, raw: undefined, asker: undefined, before: {} };
  viewers.push(viewer);
  const onDatagram = (data: Uint8Array, receivedAtUs: number) => {
    const units = viewer.log?.add(data, receivedAtUs, measuring) ?? [];
    if (viewer.asker && units.length > 0) ask(viewer, viewer.asker.arrived(units, nowUs() / 1000));
  };
  if (plan.body === 'wss') {
    if (logged) viewer.log = new UnitLog(0);
    await openSocket(plan, index, onDatagram);
    return;
  }
  const { lossy, back } = bothWays(plan.down, 500_000 + 10 * index);
  const link = { rx: lossy, tx: back };
  const still = { delayMs: plan.down.delayMs ?? 0 };
  const shared = { link: { rx: still, tx: still }, socketGroup: 1 + (index % SHARED_SOCKETS) };
  const path = logged ? { link } : shared;
  viewer.raw = await rawViewer(engine, plan.to, path, onDatagram);
  if (logged) {
    viewer.log = new UnitLog(viewer.raw.alias);
    viewer.asker = new GapAsker(viewer.raw.alias);
  }
  // Its connection acknowledges and counts; nothing crosses into JavaScript.
  else viewer.raw.session.setDatagramMode('refuse');
}

function ask({ raw }: Viewer, request: Uint8Array | undefined): void {
  if (request) raw?.session.datagrams.send(request);
}

/** TCP cannot pass the engine's links: the delay of both hops is added on arrival, in order. */
async function openSocket(plan: RoomPlan, index: number, onDatagram: (data: Uint8Array, us: number) => void) {
  const next = random(index + 1);
  const delayUs = ({ delayMs = 0, jitterMs = 0 }: LinkProfile) => 1000 * (delayMs + jitterMs * (2 * next() - 1));
  const socket = new WebSocket(`${plan.to.url}/sub/${plan.room}`, { rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  let lastUs = 0;
  socket.on('message', (data: Buffer) => {
    lastUs = Math.max(lastUs, nowUs() + delayUs(plan.up) + delayUs(plan.down));
    onDatagram(data, lastUs);
  });
}

async function openAll(plans: RoomPlan[]): Promise<void> {
  const wanted = plans.flatMap((plan) => Array.from({ length: plan.viewers }, (_, i) => ({ plan, i })));
  for (let done = 0; done < wanted.length; done += 25) {
    await Promise.all(
      wanted.slice(done, done + 25).map(({ plan, i }, k) => openViewer(plan, done + k, i < plan.logged)),
    );
  }
  setInterval(report, REPORT_MS / REPORT_SLICES);
  const asking = viewers.filter(({ asker }) => asker !== undefined);
  setInterval(() => {
    const nowMs = nowUs() / 1000;
    for (const viewer of asking) if (viewer.asker!.nextMs <= nowMs) ask(viewer, viewer.asker!.due(nowMs));
  }, ASK_MS);
}

let slice = 0;

/** As the SDK does. */
function report(): void {
  for (let i = slice; i < viewers.length; i += REPORT_SLICES) {
    const { raw, asker } = viewers[i]!;
    raw?.send({ t: 'report', marginMs: MARGIN_MS, asks: asker !== undefined });
    if (asker) void raw?.session.getStats().then((stats) => asker.setRtt(stats['rtt_ms'] ?? 40));
  }
  slice = (slice + 1) % REPORT_SLICES;
}

const inGroups = (groups: string[]) => viewers.filter(({ plan }) => groups.includes(plan.group));

function record(groups: string[]): void {
  for (const viewer of inGroups(groups)) viewer.log?.reset();
  measuring = true;
}

/** Counters of one viewer so far. */
async function counters({ raw, log }: Viewer): Promise<Record<string, number>> {
  const stats = (await raw?.session.getStats()) ?? {};
  // Read one by one while media flows: rates are by the viewer's own time.
  const counts: Record<string, number> = { seen_s: performance.now() / 1000 };
  for (const name of ['packets_in', 'packets_out', 'datagrams_in', 'bytes_in', 'bytes_out'])
    counts[name] = stats[name] ?? 0;
  if (log) {
    for (const name of ['packets_in', 'datagrams_in', 'bytes_in']) counts[`logged_${name}`] = stats[name] ?? 0;
    counts['logged_s'] = performance.now() / 1000;
    counts['logged_bytes'] = log.counts.bytes;
    counts['logged_bundles'] = log.counts.bundles;
    counts['logged_motion'] = log.counts.motion;
    counts['logged_voice'] = log.counts.voice;
    counts['logged_duplicates'] = log.duplicates;
  }
  return counts;
}

async function mark(groups: string[]): Promise<void> {
  await Promise.all(
    inGroups(groups).map(async (viewer) => {
      viewer.before = await counters(viewer);
    }),
  );
}

/** Totals over the viewers of each group since `mark`. */
async function traffic(groups: string[]): Promise<Record<string, Traffic>> {
  const totals: Record<string, Traffic> = {};
  const rows = await Promise.all(inGroups(groups).map(async (viewer) => ({ viewer, after: await counters(viewer) })));
  for (const { viewer, after } of rows) {
    const total = totals[viewer.plan.group] ?? { viewers: 0 };
    totals[viewer.plan.group] = total;
    total['viewers']! += 1;
    for (const [name, value] of Object.entries(after)) {
      total[name] = (total[name] ?? 0) + value - (viewer.before[name] ?? 0);
    }
  }
  return totals;
}

/** Bytes of the largest bundle since `record`, by group. */
function largest(groups: string[]): Record<string, number> {
  const most: Record<string, number> = {};
  for (const { plan, log } of inGroups(groups)) most[plan.group] = Math.max(most[plan.group] ?? 0, log?.largest ?? 0);
  return most;
}

async function closeAll(): Promise<null> {
  const sessions = viewers.splice(0).flatMap(({ raw }) => raw?.session ?? []);
  for (const session of sessions) session.close();
  await Promise.allSettled(sessions.map((session) => session.closed));
  return null;
}

/** By the name under which it is summed up. */
const found = new Map<string, Presented>();

/** Adds what the groups' viewers got of [fromUs, toUs) to what is known under `name:group`. */
function analyse({ groups, sent, fromUs, toUs, name }: Question): Record<string, object> {
  const out: Record<string, object> = {};
  for (const { plan, log } of inGroups(groups)) {
    if (!log) continue;
    const key = `${name}:${plan.group}`;
    const into = found.get(key) ?? new Presented();
    found.set(key, into);
    for (const one of sent) if (one.room === plan.room) present(into, log.arrivals(), one, fromUs, toUs);
    out[plan.group] = into;
  }
  return Object.fromEntries(Object.entries(out).map(([group, into]) => [group, (into as Presented).summary()]));
}

interface Question {
  ask: string;
  plans: RoomPlan[];
  groups: string[];
  sent: Sent[];
  fromUs: number;
  toUs: number;
  name: string;
}

process.on('message', async (m: Question) => {
  const reply = (value: unknown) => process.send?.({ answer: m.ask, value });
  if (m.ask === 'open') {
    await openAll(m.plans);
    reply(null);
  }
  if (m.ask === 'record') reply(record(m.groups));
  if (m.ask === 'mark') reply(await mark(m.groups));
  if (m.ask === 'traffic') reply(await traffic(m.groups));
  if (m.ask === 'stop') {
    measuring = false;
    reply(null);
  }
  if (m.ask === 'analyse') reply(analyse(m));
  if (m.ask === 'largest') reply(largest(m.groups));
  if (m.ask === 'datagrams') reply((await engine.getStats())['datagrams_in']);
  if (m.ask === 'close') reply(await closeAll());
});
