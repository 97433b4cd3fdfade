// What an application does with each package, in a project that installed them from tarballs. Prints one JSON object.
import { connectRoom, publish, watch } from '@hayate/client';
import { packBundles, UnitReceiver, UnitSender } from '@hayate/codec/bundle';
import { createFaceDecoder, createFaceEncoder, faceConfig } from '@hayate/codec/motion';
import { createPerformer, demoAssets } from '@hayate/demo';
import { openEngine } from '@hayate/engine';
import { links } from '@hayate/loadtest';
import { mintToken, type Role, readSharedKey, startRelay } from '@hayate/relay';
import { engineConnector } from '@hayate/transport/engine';

const FRAMES = 120;
const LIMIT_MS = 20_000;
const [stateDir = 'state'] = process.argv.slice(2);
const performer = createPerformer({ seed: 1, fps: 60 });

/** Frames that come out of bundles as they went in, within the quantiser's step. */
function throughCodec(): number {
  const config = faceConfig({ fps: 60 });
  const [encoder, decoder, sender, receiver] = [
    createFaceEncoder(config),
    createFaceDecoder(config),
    new UnitSender(),
    new UnitReceiver(0),
  ];
  let same = 0;
  for (let n = 0; n < FRAMES; n += 1) {
    const sent = performer.frame(n * performer.frameUs);
    const { key, data } = encoder.encode(sent);
    const datagrams = packBundles([sender.unit(0, data, n * performer.frameUs, key)], { maxBytes: 990 });
    for (const unit of datagrams.flatMap((datagram) => receiver.receive(datagram))) {
      const result = decoder.decode(unit.sequence, unit.key, unit.payload);
      if (result.kind !== 'exact') continue;
      if (sent.values.slice(0, 52).every((value, i) => Math.abs(value - result.frame.values[i]!) < 0.02)) same += 1;
    }
  }
  return same;
}

const engine = openEngine();
const free = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
const relay = await startRelay(
  { dev: true, transport: 'engine', stateDir, log: { level: 'silent' }, ...free },
  { assets: await demoAssets() },
);
const connector = engineConnector(engine);
const target = async (sub: string, role: Role) => ({
  url: relay.url,
  certificateHashes: relay.certificateHashes,
  token: await mintToken(readSharedKey(relay.keyFile!), { room: 'packed', sub, roles: [role], ttlSeconds: 600 }),
});
const html = await (await fetch(relay.httpAddress)).text();
const scripts = [...html.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map(([, path]) => path!);
const bytesOf = async (path: string) => {
  const response = await fetch(relay.httpAddress + path);
  return response.ok ? (await response.arrayBuffer()).byteLength : Number.NaN;
};
const scriptBytes = (await Promise.all(scripts.map(bytesOf))).reduce((sum, bytes) => sum + bytes, 0);

const watcher = watch(await target('bob', 'viewer'), { connector });
await watcher.ready;
// The default connector of Node, which finds the engine by itself.
const room = connectRoom(await target('ann', 'liver'));
const publisher = publish(room);
await publisher.ready;

let shown = 0;
const all = Promise.withResolvers<void>();
watcher.onFrame(() => {
  shown += 1;
  if (shown === FRAMES) all.resolve();
});
const limit = setTimeout(all.resolve, LIMIT_MS);
let sent = 0;
const camera = setInterval(() => {
  if (publisher.motion(performer.frame(sent * performer.frameUs), room.nowUs())) sent += 1;
  if (sent === FRAMES) clearInterval(camera);
}, performer.frameUs / 1000);
await all.promise;
clearTimeout(limit);
clearInterval(camera);

await publisher.close();
room.close();
watcher.close();
await relay.close();
await engine.close();
console.log(
  JSON.stringify({
    codec: throughCodec(),
    transport: relay.transport,
    sent,
    shown,
    pageBytes: [html.length, scriptBytes],
    link: typeof links.fibre,
  }),
);
