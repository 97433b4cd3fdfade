// Viewers of all kinds and a liver that stay until their process is killed: node doomed-child.ts, then one message with DoomedTask.
import { publish, watch } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { webSocketConnector } from '@hayate/transport/fails-components';
import type { RelayAddress } from '../lib/raw-session.ts';
import type { DoomedTask } from './doomed.ts';
import { MEDIA, Stage } from './performance.ts';
import { Visitor } from './visitor.ts';

process.once('message', async ({ url, hash, light, full, fallback, liver }: DoomedTask) => {
  const engine = openEngine();
  const connector = engineConnector(engine);
  const target = (token: string) => ({ url, certificateHashes: [hash], token });
  const publisher = publish(target(liver), { connector, ...MEDIA });
  await publisher.ready;
  const stage = await Stage.open(engine, { speaks: false });
  stage.play(publisher);
  const address = (token: string): RelayAddress => ({ url, hash, token });
  await Promise.all(light.map((token) => Visitor.enter(engine, address(token))));
  await Promise.all([
    watch(target(full), { connector, gifts: { after: 0 } }).ready,
    watch(target(fallback), { connector: webSocketConnector() }).ready,
  ]);
  process.send?.('here');
});
