// Child of the fanout bench: viewers and one publisher on the native engine, counting in JavaScript.
import { packBundles, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { type EngineSession, openEngine } from '@hayate/engine';
import { LagCounts } from '../lib/lag-counts.ts';

const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

const lag = new LagCounts();
let publisher: EngineSession | undefined;
const sender = new UnitSender();

function dialler(port: number, hash: string): (path: string, socketGroup: number) => EngineSession {
  const serverCertificateHashes = [{ algorithm: 'sha-256' as const, value: Buffer.from(hash, 'hex') }];
  return (path, socketGroup) =>
    engine.connect(`https://127.0.0.1:${port}${path}`, {
      serverCertificateHashes,
      socketGroup,
      connectTimeoutMs: 20_000,
    });
}

/** Opens viewer sessions, 50 handshakes at a time. */
async function openViewers(port: number, hash: string, viewers: number): Promise<EngineSession[]> {
  const dial = dialler(port, hash);
  const sessions: EngineSession[] = [];
  for (let done = 0; done < viewers; done += 50) {
    const batch = Array.from({ length: Math.min(50, viewers - done) }, (_, i) => dial('/sub', 1 + ((done + i) % 64)));
    for (const session of batch) session.datagrams.setHandler(lag.add);
    await Promise.all(batch.map((s) => s.ready));
    sessions.push(...batch);
  }
  return sessions;
}

async function churn(port: number, hash: string, viewers: number): Promise<void> {
  const sessions = await openViewers(port, hash, viewers);
  for (const session of sessions) session.close();
  await Promise.all(sessions.map((s) => s.closed));
}

async function connect(port: number, hash: string, viewers: number): Promise<void> {
  await openViewers(port, hash, viewers);
  publisher = dialler(port, hash)('/pub', 1000);
  await publisher.ready;
  // The relay takes bundles once it knows this clock: send until the first comes back.
  lag.reset();
  while (lag.received === 0) {
    sendFrame(120);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function sendFrame(bytes: number): void {
  // Bundle header 11 bytes, unit header 8 (full sequence, two-byte length).
  const unit = sender.unit(UNIT_KIND.motion, new Uint8Array(bytes - 19), nowUs());
  for (const datagram of packBundles([unit])) publisher?.datagrams.send(datagram);
}

function loadFor(hz: number, bytes: number, seconds: number): Promise<number> {
  lag.reset();
  let sent = 0;
  const total = hz * seconds;
  const startUs = nowUs();
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      while (sent < total && nowUs() >= startUs + (sent * 1e6) / hz) {
        sendFrame(bytes);
        sent += 1;
      }
      if (sent < total) return;
      clearInterval(timer);
      // What is still on its way arrives within half a second or counts as lost.
      setTimeout(() => resolve(sent), 500);
    }, 1);
  });
}

interface Question {
  ask: string;
  port: number;
  hash: string;
  viewers: number;
  hz: number;
  bytes: number;
  seconds: number;
}

process.on('message', async (m: Question) => {
  if (m.ask === 'connect') {
    await connect(m.port, m.hash, m.viewers);
    process.send?.({ answer: 'connect', value: null });
  }
  if (m.ask === 'churn') {
    await churn(m.port, m.hash, m.viewers);
    process.send?.({ answer: 'churn', value: null });
  }
  if (m.ask === 'load') {
    const sent = await loadFor(m.hz, m.bytes, m.seconds);
    process.send?.({ answer: 'load', value: { sent, received: lag.received, lag: lag.summary() } });
  }
});
