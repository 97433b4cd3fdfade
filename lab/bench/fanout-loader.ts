// Child of the fanout bench: viewers and one publisher on the native engine, counting in JavaScript.
import { packBundles, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { type EngineSession, openEngine } from '@hayate/engine';

const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

/** Lag counts in steps of 20 us up to 2 s. */
const STEP_US = 20;
const counts = new Uint32Array(100_000);
let received = 0;
let publisher: EngineSession | undefined;
const sender = new UnitSender();

// alias 1 and one slot: type, alias, slots, generation, then the base time as u48.
function onDatagram(data: Uint8Array, receivedAtUs: number): void {
  if (data[0] !== 1) return;
  const base =
    (data[4]! * 0x1000000 + ((data[5]! << 16) | (data[6]! << 8) | data[7]!)) * 0x10000 + ((data[8]! << 8) | data[9]!);
  const lag = Math.max(0, receivedAtUs - base);
  counts[Math.min(counts.length - 1, Math.floor(lag / STEP_US))]! += 1;
  received += 1;
}

function percentile(q: number): number {
  let left = received * q;
  for (let i = 0; i < counts.length; i += 1) {
    left -= counts[i]!;
    if (left <= 0) return Number((((i + 1) * STEP_US) / 1000).toFixed(2));
  }
  return (counts.length * STEP_US) / 1000;
}

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
    for (const session of batch) session.datagrams.setHandler(onDatagram);
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
  received = 0;
  while (received === 0) {
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
  counts.fill(0);
  received = 0;
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
    const lag = { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99), max: percentile(1) };
    process.send?.({ answer: 'load', value: { sent, received, lag } });
  }
});
