import { createHash, randomBytes } from 'node:crypto';
import { openEngine } from '@hayate/engine';
import type { Checks } from '../claim.ts';

const MEGABYTES = 10;
const LOSS = 0.02;

async function sha256(readable: ReadableStream<Uint8Array>): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of readable) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, digest: hash.digest('hex') };
}

async function writeAll(writable: WritableStream<Uint8Array>, data: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  for (let at = 0; at < data.length; at += 65_536) await writer.write(data.subarray(at, at + 65_536));
  await writer.close();
}

/** 10 MB in each direction of one bidirectional stream, at once, over an emulated link of 10 ms and 2 % loss each way. */
export async function bulkUnderLoss(checks: Checks): Promise<void> {
  const server = openEngine();
  const client = openEngine();
  try {
    const listener = await server.listen({ host: '127.0.0.1', certificate: { selfSigned: {} } });
    const link = { delayMs: 10, loss: LOSS, seed: 11 };
    const session = client.connect(`https://127.0.0.1:${listener.address.port}/`, {
      serverCertificateHashes: listener.certificateHashes.map((value) => ({ algorithm: 'sha-256', value })),
      link: { tx: link, rx: { ...link, seed: 12 } },
    });
    const accepted = (await listener.sessions.getReader().read()).value!;
    await session.ready;
    const up = randomBytes(MEGABYTES * 1_000_000);
    const down = randomBytes(MEGABYTES * 1_000_000);
    const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
    const since = performance.now();
    const near = await session.createBidirectionalStream();
    const sending = writeAll(near.writable, up);
    const far = (await accepted.incomingBidirectionalStreams.getReader().read()).value!;
    const [gotUp, gotDown] = await Promise.all([
      sha256(far.readable),
      sha256(near.readable),
      sending,
      writeAll(far.writable, down),
    ]);
    const seconds = (performance.now() - since) / 1000;
    const stats = await session.getStats();
    checks.figure('bulk', {
      megabytes_each_way: MEGABYTES,
      link: '10 ms each way, 2 % loss each way',
      seconds: Number(seconds.toFixed(1)),
      mbit_s_each_way: Number(((MEGABYTES * 8) / seconds).toFixed(1)),
      lost_packets_of_client: stats['lost_packets'],
    });
    checks.check(gotUp.digest === digest(up) && gotDown.digest === digest(down), 'a stream arrived damaged or short');
    checks.check((stats['lost_packets'] ?? 0) > 0, 'nothing was lost: the link did not act');
  } finally {
    await client.close();
    await server.close();
  }
}
