// Child of the trunk bench: a liver a room at the near relay, viewers of both. Payloads carry their capture time.
import { packBundles, parseBundle, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { type EngineSession, openEngine } from '@hayate/engine';
import {
  FRAME_MS,
  type Heard,
  KEY_INTERVAL,
  type LoaderQuestion,
  MOTION_BYTES,
  type Place,
  VOICE_BYTES,
  VOICE_MS,
} from './trunk-plan.ts';

const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

/** One room's liver, and what the first far viewer has heard of it. */
interface Room {
  liver: EngineSession;
  sender: UnitSender;
  motion: { sent: number[]; arrived: Map<number, number> };
  voice: { sent: number[]; arrived: Map<number, number> };
}

const rooms: Room[] = [];
let measuring = false;

function dial({ port, hash }: Place, path: string, socketGroup: number): EngineSession {
  return engine.connect(`https://127.0.0.1:${port}${path}`, {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: Buffer.from(hash, 'hex') }],
    connectTimeoutMs: 20_000,
    socketGroup,
  });
}

async function connect({ near, far, rooms: count, nearViewers, farViewers }: LoaderQuestion['connect']): Promise<void> {
  const opened: EngineSession[] = [];
  for (let n = 0; n < count; n += 1) {
    const liver = dial(near, `/pub?${n}`, 1 + (n % 16));
    const list = () => ({ sent: [], arrived: new Map<number, number>() });
    rooms.push({ liver, sender: new UnitSender(), motion: list(), voice: list() });
    opened.push(liver);
    for (let v = 0; v < nearViewers + farViewers; v += 1) {
      const viewer = dial(v < farViewers ? far : near, `/sub?${n}`, 20 + ((n + v) % 16));
      if (v === 0 && farViewers > 0) viewer.datagrams.setHandler((data, atUs) => hear(rooms[n]!, data, atUs));
      else viewer.datagrams.setHandler(() => {});
      opened.push(viewer);
    }
    await Promise.all(opened.map((session) => session.ready));
  }
}

function hear(room: Room, data: Uint8Array, atUs: number): void {
  if (!measuring || data[0] !== 1) return;
  for (const unit of parseBundle(data).units) {
    const number = new DataView(unit.payload.buffer, unit.payload.byteOffset).getUint32(0);
    const { arrived } = unit.kind === UNIT_KIND.motion ? room.motion : room.voice;
    if (!arrived.has(number)) arrived.set(number, atUs);
  }
}

function send(room: Room, motion: boolean): void {
  const stream = motion ? room.motion : room.voice;
  const payload = new Uint8Array(motion ? MOTION_BYTES : VOICE_BYTES);
  const number = stream.sent.length;
  new DataView(payload.buffer).setUint32(0, number);
  const captureUs = nowUs();
  stream.sent.push(captureUs);
  const kind = motion ? UNIT_KIND.motion : UNIT_KIND.voice;
  const unit = room.sender.unit(kind, payload, captureUs, number % KEY_INTERVAL === 0);
  for (const datagram of packBundles([unit])) room.liver.datagrams.send(datagram);
}

/** Livers speak so long, spread evenly over the frames' and packets' time. */
function speak(ms: number): Promise<void> {
  const startMs = nowUs() / 1000;
  const events = rooms.flatMap((room, n) => [
    { room, motion: true, everyMs: FRAME_MS, nextMs: startMs + (FRAME_MS * n) / rooms.length },
    { room, motion: false, everyMs: VOICE_MS, nextMs: startMs + (VOICE_MS * n) / rooms.length },
  ]);
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = nowUs() / 1000;
      for (const event of events) {
        while (event.nextMs <= now && event.nextMs < startMs + ms) {
          send(event.room, event.motion);
          event.nextMs += event.everyMs;
        }
      }
      if (now < startMs + ms) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
}

async function load({ seconds, withinMs }: LoaderQuestion['load']): Promise<Heard> {
  for (const { motion, voice } of rooms) for (const { arrived } of [motion, voice]) arrived.clear();
  const from = rooms.map((room) => ({ motion: room.motion.sent.length, voice: room.voice.sent.length }));
  measuring = true;
  await speak(seconds * 1000);
  // What is still on its way arrives within half a second or counts as lost.
  await new Promise((resolve) => setTimeout(resolve, 500));
  measuring = false;
  const lags: number[] = [];
  const share = { motion: { good: 0, all: 0 }, voice: { good: 0, all: 0 } };
  let units = 0;
  for (const [n, room] of rooms.entries()) {
    for (const kind of ['motion', 'voice'] as const) {
      const { sent, arrived } = room[kind];
      units += sent.length - from[n]![kind];
      // From the first key of this load on.
      const first = kind === 'motion' ? Math.ceil(from[n]![kind] / KEY_INTERVAL) * KEY_INTERVAL : from[n]![kind];
      for (let number = first; number < sent.length; number += 1) {
        const dueUs = sent[number]! + withinMs * 1000;
        const inTime = (other: number) => (arrived.get(other) ?? Number.POSITIVE_INFINITY) <= dueUs;
        let good = inTime(number);
        if (kind === 'motion') {
          for (let other = number - (number % KEY_INTERVAL); good && other < number; other += 1) good = inTime(other);
        }
        share[kind].all += 1;
        if (good) share[kind].good += 1;
        const at = arrived.get(number);
        if (at !== undefined) lags.push((at - sent[number]!) / 1000);
      }
    }
  }
  lags.sort((a, b) => a - b);
  const percentile = (q: number) => Number((lags[Math.floor((lags.length - 1) * q)] ?? Number.NaN).toFixed(2));
  return {
    units,
    motion_exact: share.motion.good / share.motion.all,
    voice_exact: share.voice.good / share.voice.all,
    lag_ms: { p50: percentile(0.5), p99: percentile(0.99) },
  };
}

process.on('message', async (message: { ask: string } & LoaderQuestion['connect'] & LoaderQuestion['load']) => {
  if (message.ask === 'connect') process.send?.({ answer: 'connect', value: await connect(message) });
  if (message.ask === 'speak') process.send?.({ answer: 'speak', value: await speak(message.seconds * 1000) });
  if (message.ask === 'load') process.send?.({ answer: 'load', value: await load(message) });
});
