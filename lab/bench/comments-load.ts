// Child of the comments bench: a room's liver and viewers, or who floods it, or who reads nothing.
import { publish } from '@hayate/client';
import { encodeMessage } from '@hayate/codec/messages';
import { ARKIT_CHANNELS } from '@hayate/codec/motion';
import { openEngine } from '@hayate/engine';
import { CommentLog } from '../lib/comment-log.ts';
import { LagCounts } from '../lib/lag-counts.ts';
import { RawSession, type RelayAddress } from '../lib/raw-session.ts';
import { rawViewer } from '../lib/raw-viewer.ts';

const HZ = 30;
/** A flood's writes are so far apart. */
const STEP_MS = 5;
const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const lag = new LagCounts();
const logs: CommentLog[] = [];
let sent = 0;
let publishing = true;

/** Viewers who read the comments, and a liver whose motion they count. */
async function watch(to: RelayAddress & { liverToken: string }, viewers: number): Promise<null> {
  for (let n = 0; n < viewers; n++) {
    const raw = await rawViewer(engine, to, 1 + (n % 16), lag.add);
    const log = new CommentLog();
    logs.push(log);
    log.read((await raw.openComments()).readable).catch(() => {});
  }
  const publisher = publish(
    { url: to.url, certificateHashes: [to.hash], token: to.liverToken },
    { motion: { fps: HZ } },
  );
  await publisher.ready;
  const values = new Float32Array(ARKIT_CHANNELS.length);
  setInterval(() => {
    if (!publishing) return;
    for (let i = 0; i < values.length; i++) values[i] = 0.5 + 0.4 * Math.sin(sent / 10 + i);
    if (publisher.motion({ face: true, values }, publisher.room.nowUs())) sent += 1;
  }, 1000 / HZ);
  return null;
}

/** Motion lag of all viewers over so long, and what comments each of them was shown. */
async function measure(seconds: number): Promise<object> {
  publishing = false;
  await sleep(300);
  lag.reset();
  const before = logs.map(({ seen, missed }) => ({ seen, missed }));
  const sentBefore = sent;
  publishing = true;
  await sleep(seconds * 1000);
  publishing = false;
  await sleep(300);
  const counted = { received: lag.received, sent: sent - sentBefore };
  const shown = logs.map(({ seen }, n) => seen - before[n]!.seen);
  const missed = logs.map((log, n) => log.missed - before[n]!.missed);
  publishing = true;
  const faults = logs.reduce((sum, log) => sum + log.faults, 0);
  return { ...lag.summary(), ...counted, shown: Math.max(...shown), missed: Math.max(...missed), faults };
}

const flooders: { raw: RawSession; writer: WritableStreamDefaultWriter<Uint8Array> }[] = [];

/** Sessions that may comment, each a person of its own, and read their answers. */
async function enter(to: RelayAddress[]): Promise<null> {
  for (const [n, each] of to.entries()) {
    const raw = await RawSession.open(engine, each, 1 + (n % 16), () => {});
    const comments = await raw.openComments();
    new CommentLog().read(comments.readable).catch(() => {});
    flooders.push({ raw, writer: comments.writer });
  }
  return null;
}

/** Offers so many comments a second over all sessions, whether or not anybody takes them. */
async function flood(perSecond: number, seconds: number, text: string): Promise<object> {
  let offered = 0;
  let written = 0;
  const since = performance.now();
  for (let passed = 0; passed < seconds * 1000; passed = performance.now() - since) {
    const due = Math.floor((passed / 1000) * perSecond);
    const each = Math.floor((due - offered) / flooders.length);
    if (each > 0) {
      const message = encodeMessage({ t: 'comment', id: 7, text });
      const many = Buffer.concat(Array.from({ length: each }, () => message));
      for (const { writer } of flooders) {
        offered += each;
        writer.write(many).then(
          () => {
            written += each;
          },
          () => {},
        );
      }
    }
    await sleep(STEP_MS);
  }
  return { offered, written, seconds: (performance.now() - since) / 1000 };
}

/** All of them, at once: what the relay has not read of them ends with them. */
async function leave(): Promise<null> {
  for (const { raw } of flooders) raw.session.close();
  await Promise.all(flooders.splice(0).map(({ raw }) => raw.session.closed));
  return null;
}

const deaf: { log: CommentLog; readable: ReadableStream<Uint8Array> }[] = [];

/** Sessions that open the comments and read nothing of them. */
async function stall(to: RelayAddress[]): Promise<null> {
  for (const [n, each] of to.entries()) {
    const raw = await RawSession.open(engine, each, 1 + (n % 16), () => {});
    deaf.push({ log: new CommentLog(), readable: (await raw.openComments()).readable });
  }
  return null;
}

/** Those read again; resolves with what each has got to after so long. */
async function resume(seconds: number): Promise<object[]> {
  for (const { log, readable } of deaf) log.read(readable).catch(() => {});
  await sleep(seconds * 1000);
  return deaf.map(({ log: { seen, missed, at, faults } }) => ({ seen, missed, at, faults }));
}

interface Question {
  ask: string;
  to: RelayAddress & { liverToken: string };
  all: RelayAddress[];
  viewers: number;
  seconds: number;
  perSecond: number;
  text: string;
}

process.on('message', async (m: Question) => {
  const reply = (value: unknown) => process.send?.({ answer: m.ask, value });
  if (m.ask === 'watch') reply(await watch(m.to, m.viewers));
  if (m.ask === 'lag') reply(await measure(m.seconds));
  if (m.ask === 'enter') reply(await enter(m.all));
  if (m.ask === 'flood') reply(await flood(m.perSecond, m.seconds, m.text));
  if (m.ask === 'leave') reply(await leave());
  if (m.ask === 'stall') reply(await stall(m.all));
  if (m.ask === 'resume') reply(await resume(m.seconds));
  if (m.ask === 'at') reply(logs.map(({ at }) => at));
});
