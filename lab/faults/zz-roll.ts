import { join } from 'node:path';
import { publish, watch } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import { mintToken, readSharedKey } from '@hayate/relay';
import { engineConnector } from '@hayate/transport/engine';
import { Cluster } from '../regions/cluster.ts';

const OCEAN: any = { outMs: 65, backMs: 65, jitterMs: 2.5, loss: 0, burstMs: 15, seed: 1 };
const cluster = await Cluster.start(
  { relaysPerRegion: 2, natsServers: 1, ocean: OCEAN, flags: ['--drain-ms', '4000'] } as any,
  (t) => console.log(t),
);
for (const r of ['jp-3', 'jp-4', 'us-3', 'us-4']) await cluster.add(r, r.slice(0, 2) as any);
const gone = new Set<string>(['jp-3', 'jp-4', 'us-3', 'us-4']);
const engine = openEngine();
const key = readSharedKey(join(cluster.relays[0]!.process.stateDir, 'token.key'));
const connector = engineConnector(engine, {
  link: { tx: { delayMs: 5, jitterMs: 2 }, rx: { delayMs: 5, jitterMs: 2 } },
} as any);
const target = (id: string, sub: string, roles: any) => {
  const of = (r: any) => ({ url: r.process.url, certificateHashes: r.process.hashes });
  const region = id.slice(0, 2);
  return {
    ...of(cluster.relays.find((r) => r.id === id)),
    token: () => mintToken(key, { room: 'r', sub, roles, ttlSeconds: 3600 }),
    relays: async () =>
      cluster.relays
        .filter((r) => !gone.has(r.id) && r.region === region)
        .map((r) => ({ id: r.id, region, ...of(r), load: r.id === id ? 0 : 0.5 })),
  } as any;
};
const FACE = { face: true, values: new Float32Array(61).fill(0.5) };
const t0 = performance.now();
const at = () => Math.round(performance.now() - t0);
for (const [sub, id] of [
  ['mio', process.argv[2] ?? 'jp-1'],
  ['joe', process.argv[3] ?? 'us-2'],
] as const) {
  const pub = publish(target(id, sub, ['liver', 'viewer']), { connector, motion: { fps: 30 } });
  await pub.ready;
  setInterval(() => pub.motion(FACE as any, pub.room.nowUs()), 33);
  pub.room.on('moved', () => console.log(at(), sub, 'moved', pub.slot, pub.room.relay?.id));
  console.log(sub, pub.room.relay?.id);
}
const last: Record<string, number> = {};
for (const id of ['jp-1', 'jp-2', 'us-1', 'us-2']) {
  const w = watch(target(id, `v-${id}`, ['viewer']), { connector });
  await w.ready;
  console.log(id, w.room.relay?.id);
  w.room.on('moved', () => console.log(at(), `v-${id} moved`, w.room.relay?.id));
  w.onFrame((u) => {
    const name = w.room.livers.get(u.slot)?.subject;
    const key = `v-${id} ${name}`;
    const now = performance.now();
    if (last[key] && now - last[key]! > 150)
      console.log(at(), key, 'paused', Math.round(now - last[key]!), 'slot', u.slot, u.generation);
    last[key] = now;
  });
  w.room.on('liver' as any, (x: any) => console.log(at(), `v-${id}`, 'liver', x.subject, x.slot, x.generation));
  w.room.on('left' as any, (x: any) => console.log(at(), `v-${id}`, 'left', JSON.stringify(x)));
}
await new Promise((r) => setTimeout(r, 11000));
for (const r of ['jp-3', 'jp-4', 'us-3', 'us-4']) gone.delete(r);
await new Promise((r) => setTimeout(r, 1000));
const drain = async (victim: string) => {
  console.log(at(), 'drain', victim);
  gone.add(victim);
  await cluster.relays.find((r) => r.id === victim)!.process.stop();
  console.log(at(), 'closed', victim);
};
if (process.argv[4] === 'all') await Promise.all(['jp-1', 'jp-2', 'us-1', 'us-2'].map(drain));
else for (const v of ['jp-1', 'jp-2', 'us-1', 'us-2']) await drain(v);
await new Promise((r) => setTimeout(r, 7000));
for (const [k, v] of Object.entries(last))
  if (performance.now() - v > 200) console.log('still paused', k, Math.round(performance.now() - v));
await cluster.close();
process.exit(0);
