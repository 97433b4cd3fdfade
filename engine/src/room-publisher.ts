// Worker of rooms.test.ts: an engine of its own that publishes a bundle each 10 ms, whatever the main thread does.
import { workerData } from 'node:worker_threads';
import { encodeBundle } from '@hayate/codec/bundle';
import { openEngine } from './index.ts';

interface Orders {
  url: string;
  hash: Uint8Array;
  bundles: number;
  /** One Int32: bundles sent so far, for who cannot take messages meanwhile. */
  sent: SharedArrayBuffer;
}

const { url, hash, bundles, sent } = workerData as Orders;
const engine = openEngine();
const session = engine.connect(url, { serverCertificateHashes: [{ algorithm: 'sha-256', value: hash }] });
await session.ready;
for (let sequence = 0; sequence < bundles; sequence += 1) {
  session.datagrams.send(motionBundle(sequence));
  Atomics.add(new Int32Array(sent), 0, 1);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
await engine.close();

function motionBundle(sequence: number): Uint8Array {
  const unit = { slot: 0, kind: 0 as const, key: true, full: true, sequence, age16: 0, payload: new Uint8Array(60) };
  return encodeBundle({
    alias: 0,
    slots: [{ slot: 0, generation: 0 }],
    baseUs: Number(process.hrtime.bigint() / 1000n),
    uncertainty16: 0,
    units: [unit],
  });
}
