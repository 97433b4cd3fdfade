// A process that stands in for thousands of relays: their entries, rooms, subscriptions and heartbeats. Forked by scale.ts.
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Ring } from '../../../relay/directory/ring.ts';
import { RawNats } from './raw-nats.ts';

export interface CrowdPlan {
  /** By region: URLs of its servers. */
  urls: Record<string, string[]>;
  /** Relays of the whole cluster by region, the real ones included. */
  ids: Record<string, string[]>;
  /** Those of them that are real: not this process's. */
  real: string[];
  /** Names; `homes[i]` is the region that holds room i, and its first one is origin. */
  rooms: string[];
  roomsPerRelay: number;
  watched: number;
  watchedFar: number;
}

const CONNECTIONS = 10;
const TICKS_PER_SECOND = 50;
const AT_ONCE = 1000;
const FILL_MS = 200_000;
const LOAD = { viewers: 100, rooms: 20, cpu: 0.2, egressBps: 450_000 };

const lines: RawNats[] = [];
let plan: CrowdPlan;
let sent = 0;

const homeOf = (index: number): string => Object.keys(plan.ids)[index % Object.keys(plan.ids).length]!;

/** Writes everything that the buckets hold, as the relays would have. */
async function fill(given: CrowdPlan): Promise<{ entries: number; ms: number }> {
  plan = given;
  const since = performance.now();
  let entries = 0;
  for (const [region, urls] of Object.entries(plan.urls)) {
    const connection = await connect({ servers: urls });
    const js = jetstream(connection, { domain: region, timeout: 30_000 });
    // What is stored is acked in order: to wait for one in a thousand keeps the server's queue short.
    const count = new Map<string, number>();
    const write = async (bucket: string, key: string, value: object) => {
      entries += 1;
      count.set(bucket, (count.get(bucket) ?? 0) + 1);
      const subject = `$KV.${bucket}.${key}`;
      if (entries % AT_ONCE === 0) await js.publish(subject, JSON.stringify(value));
      else connection.publish(subject, JSON.stringify(value));
    };
    for (const id of plan.ids[region]!)
      if (!plan.real.includes(id)) await write(`relays_${region}`, id, entryOf(id, region));
    for (const [index, room] of plan.rooms.entries()) {
      if (homeOf(index) !== region) continue;
      const ids = plan.ids[region]!;
      const record = { room, home: region, origin: ids[index % ids.length], epoch: 1, born: { at: 1, region } };
      await write(`rooms_${region}`, room, record);
    }
    const manager = await js.jetstreamManager();
    for (const [bucket, wanted] of count) {
      for (let stored = 0; stored < wanted; ) {
        stored = (await manager.streams.info(`KV_${bucket}`)).state.messages;
        if (performance.now() - since > FILL_MS) throw new Error(`${bucket} has ${stored} of ${wanted} entries`);
      }
    }
    await connection.close();
  }
  return { entries, ms: performance.now() - since };
}

function entryOf(id: string, region: string): object {
  return {
    id,
    region,
    url: `https://${id}.relays.example.net:4433/v1`,
    certificateHashes: ['5e'.repeat(32), 'a7'.repeat(32)],
    trunk: { host: `${id}.relays.example.net`, port: 4434 },
    load: LOAD,
    draining: false,
  };
}

/** Subscribes as each relay does, and heartbeats each second, spread over it. */
async function live(): Promise<{ subscriptions: number }> {
  const rings = Object.entries(plan.ids).map(([region, ids]) => {
    const ring = new Ring();
    for (const id of ids) ring.add(id);
    return { region, ring };
  });
  const payload = JSON.stringify(LOAD);
  let subscriptions = 0;
  for (const [region, urls] of Object.entries(plan.urls)) {
    const own = await Promise.all(Array.from({ length: CONNECTIONS }, () => RawNats.connect(urls[0]!)));
    lines.push(...own);
    const ids = plan.ids[region]!.filter((id) => !plan.real.includes(id));
    for (const [n, id] of ids.entries()) {
      const line = own[n % own.length]!;
      const subscribe = (subject: string) => {
        line.subscribe(subject);
        subscriptions += 1;
      };
      subscribe('hayate.relays.*.*');
      for (const { region: of, ring } of rings) {
        for (const other of ring.after(id, of === region ? plan.watched : plan.watchedFar))
          subscribe(`hayate.alive.${of}.${other}`);
      }
      for (let i = 0; i < plan.roomsPerRelay; i++) {
        subscribe(`hayate.rooms.*.${plan.rooms[(n * plan.roomsPerRelay + i) % plan.rooms.length]}`);
      }
    }
    await Promise.all(own.map((line) => line.flush()));
    let at = 0;
    let due = 0;
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      due += ((now - last) / 1000) * ids.length;
      last = now;
      for (; due >= 1 && ids.length > 0; due -= 1) {
        own[at % own.length]!.publish(`hayate.alive.${region}.${ids[at % ids.length]}`, payload);
        at += 1;
        sent += 1;
      }
    }, 1000 / TICKS_PER_SECOND);
  }
  return { subscriptions };
}

process.on('message', async (message: { ask: string; plan?: CrowdPlan }) => {
  const answer = (value: unknown) => process.send?.({ answer: message.ask, value });
  if (message.ask === 'fill') answer(await fill(message.plan!));
  if (message.ask === 'live') answer(await live());
  if (message.ask === 'counts') answer({ sent, received: lines.reduce((sum, { received }) => sum + received, 0) });
});
