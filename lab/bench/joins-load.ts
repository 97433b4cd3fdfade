// Child of the joins bench: watchers with a publisher, or a stream of joiners.
import { publish } from '@hayate/client';
import { ARKIT_CHANNELS } from '@hayate/codec/motion';
import { openEngine } from '@hayate/engine';
import { LagCounts } from '../lib/lag-counts.ts';
import type { RelayAddress } from '../lib/raw-session.ts';
import { rawViewer } from '../lib/raw-viewer.ts';

const HZ = 30;
const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
const lag = new LagCounts();
let sent = 0;
let publishing = true;

async function watch(to: RelayAddress & { liverToken: string }, viewers: number): Promise<void> {
  for (let done = 0; done < viewers; done += 25) {
    const batch = Array.from({ length: Math.min(25, viewers - done) }, (_, i) =>
      rawViewer(engine, to, 1 + ((done + i) % 64), lag.add),
    );
    await Promise.all(batch);
  }
  const publisher = publish(
    { url: to.url, certificateHashes: [to.hash], token: to.liverToken },
    { motion: { fps: HZ } },
  );
  await publisher.ready;
  const values = new Float32Array(ARKIT_CHANNELS.length);
  setInterval(() => {
    if (!publishing) return;
    for (let i = 0; i < values.length; i += 1) values[i] = 0.5 + 0.4 * Math.sin(sent / 10 + i);
    if (publisher.motion({ face: true, values }, publisher.room.nowUs())) sent += 1;
  }, 1000 / HZ);
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Counts whole frames only: nothing is on its way when counting begins and ends. */
async function measure(seconds: number): Promise<object> {
  publishing = false;
  await sleep(300);
  lag.reset();
  const before = sent;
  publishing = true;
  await sleep(seconds * 1000);
  publishing = false;
  await sleep(300);
  const result = { ...lag.summary(), received: lag.received, sent: sent - before };
  publishing = true;
  return result;
}

/** Starts joins at a fixed rate, whatever became of the earlier ones. */
async function joinFor(to: RelayAddress, perSecond: number, seconds: number): Promise<object> {
  const times: number[] = [];
  let started = 0;
  let failed = 0;
  const pending = new Set<Promise<void>>();
  const one = async () => {
    const since = performance.now();
    const heard = Promise.withResolvers<void>();
    const viewer = await rawViewer(engine, to, 100 + (started % 64), () => heard.resolve());
    await heard.promise;
    times.push(performance.now() - since);
    viewer.session.close();
    await viewer.session.closed;
  };
  const startMs = performance.now();
  while (performance.now() - startMs < seconds * 1000) {
    while (started < ((performance.now() - startMs) / 1000) * perSecond) {
      started += 1;
      const join = one()
        .catch(() => {
          failed += 1;
        })
        .finally(() => pending.delete(join));
      pending.add(join);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
  times.sort((a, b) => a - b);
  const at = (q: number) => Number((times[Math.floor((times.length - 1) * q)] ?? Number.NaN).toFixed(1));
  return { started, joined: times.length, failed, join_ms: { p50: at(0.5), p99: at(0.99) } };
}

interface Question {
  ask: string;
  to: RelayAddress & { liverToken: string };
  viewers: number;
  seconds: number;
  perSecond: number;
}

process.on('message', async (m: Question) => {
  const reply = (value: unknown) => process.send?.({ answer: m.ask, value });
  if (m.ask === 'watch') reply(await watch(m.to, m.viewers));
  if (m.ask === 'lag') reply(await measure(m.seconds));
  if (m.ask === 'join') reply(await joinFor(m.to, m.perSecond, m.seconds));
});
