// Child of the stream bench: livers that publish a recording and a voice, each in a room and over a link of its own.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHistogram } from 'node:perf_hooks';
import { type Publisher, publish, type SentUnit } from '@hayate/client';
import { packBundles, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { createFaceEncoder, faceConfig, type MotionFrame, parseLiveLinkCsv } from '@hayate/codec/motion';
import { createPerformer } from '@hayate/demo/performer';
import { createNodeVoice } from '@hayate/demo/voice';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { WebSocket } from 'ws';
import { root } from '../lib/processes.ts';
import { type CodedFace, codeFace, openRawLiver } from './raw-liver.ts';
import { bothWays, FPS, type Heard, OPUS_LOOKAHEAD_MS, type RoomPlan, type Sent, VOICE_MS } from './stream-plan.ts';

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const FRAME_US = 1e6 / FPS;
const VOICE_US = VOICE_MS * 1000;
/** Pattern of the DTX case: talks half the time; in silence Opus sends a packet each 400 ms. */
const TALK_US = 2_000_000;
const SILENT_PACKET_EVERY = 20;
const OPEN_AT_ONCE = 10;

/** A publisher, or the same units as messages over WebSocket. */
interface Mouth {
  motion(frame: MotionFrame, captureUs: number): void;
  voice(packet: Uint8Array, captureUs: number): void;
  /** Lets time pass, where it has no timers of its own. Gives when something is due next. */
  turn?(nowUs: number): number;
  close(): Promise<void>;
}

interface Liver {
  plan: RoomPlan;
  index: number;
  mouth: Mouth;
  sent: Sent;
  frame: number;
  packet: number;
  motionDueUs: number;
  voiceDueUs: number;
}

const engine = openEngine();
const livers: Liver[] = [];
const heard: Heard[] = [];
const recording = loadRecording();
const performer = createPerformer({ seed: 7, fps: FPS });
const speech = await createNodeVoice(performer, { bitrate: 24_000, constant: true });
let coded: CodedFace | undefined;
const plain = new Map<number, Uint8Array>();

/** Of the longest public recording at 30 fps; without it the procedural performer. */
function loadRecording(): MotionFrame[] | undefined {
  const file = join(root, '..', 'shared', 'data', 'motion', 'alex_rom_3.csv');
  if (!existsSync(file)) return undefined;
  return [...parseLiveLinkCsv(readFileSync(file, 'utf8').split('\n'))].map(({ frame }) => frame);
}

/** A minute of the performer. */
const performed = () => Array.from({ length: 60 * FPS }, (_, n) => performer.frame(n * FRAME_US));

function frameOf(liver: Liver): MotionFrame {
  const n = liver.frame + liver.index * 97;
  if (recording) return recording[n % recording.length]!;
  return performer.frame(n * FRAME_US);
}

function packetOf({ plan, packet, index }: Liver): Uint8Array {
  if (plan.voiceBytes === undefined) return speech.packet(packet + index * 31);
  const bytes = plain.get(plan.voiceBytes) ?? new Uint8Array(plan.voiceBytes).fill(0x5a);
  plain.set(plan.voiceBytes, bytes);
  return bytes;
}

async function open(
  plan: RoomPlan,
  index: number,
): Promise<Mouth & { slot: number; onSent(f: (u: SentUnit) => void): void }> {
  if (plan.body === 'wss') return openSocket(plan);
  if (plan.body === 'raw') {
    coded ??= codeFace(recording ?? performed());
    return openRawLiver(engine, plan, index, coded);
  }
  const { lossy, back } = bothWays(plan.up, 1000 + 10 * index);
  const publisher: Publisher = publish(
    { url: plan.to.url, certificateHashes: [plan.to.hash], token: plan.to.liverToken },
    {
      connector: engineConnector(engine, { link: { tx: lossy, rx: back } }),
      motion: { fps: FPS },
      voice: { channels: 1, frameMs: VOICE_MS },
    },
  );
  if (plan.hears) publisher.room.on('comment', ({ text }) => heard.push({ room: plan.room, text, atUs: nowUs() }));
  await publisher.ready;
  return {
    slot: publisher.slot ?? 0,
    motion: (frame, captureUs) => void publisher.motion(frame, captureUs),
    voice: (packet, captureUs) => void publisher.voice(packet, captureUs),
    onSent: (handler) => void publisher.on('sent', handler),
    close: () => publisher.close(),
  };
}

async function openSocket(plan: RoomPlan): ReturnType<typeof open> {
  const socket = new WebSocket(`${plan.to.url}/pub/${plan.room}`, { rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  const encoder = createFaceEncoder(faceConfig({ fps: FPS }));
  const sender = new UnitSender();
  let handler: (unit: SentUnit) => void = () => {};
  const send = (kind: 'motion' | 'voice', payload: Uint8Array, captureUs: number, key: boolean) => {
    const unit = sender.unit(UNIT_KIND[kind], payload, Math.round(captureUs), key);
    for (const bundle of packBundles([unit])) socket.send(bundle);
    handler({ slot: 0, generation: 0, kind, sequence: unit.sequence, captureUs, key, bytes: payload.length });
  };
  return {
    slot: 0,
    motion: (frame, captureUs) => {
      const { key, data } = encoder.encode(frame);
      send('motion', data, captureUs, key);
    },
    voice: (packet, captureUs) => send('voice', packet, captureUs - OPUS_LOOKAHEAD_MS * 1000, true),
    onSent: (f) => {
      handler = f;
    },
    close: async () => socket.close(),
  };
}

async function openAll(plans: RoomPlan[]): Promise<void> {
  const first = livers.length;
  for (let done = 0; done < plans.length; done += OPEN_AT_ONCE) {
    const batch = plans.slice(done, done + OPEN_AT_ONCE);
    livers.push(...(await Promise.all(batch.map((plan, i) => openLiver(plan, first + done + i)))));
  }
}

async function openLiver(plan: RoomPlan, index: number): Promise<Liver> {
  const mouth = await open(plan, index);
  const sent = { room: plan.room, slot: mouth.slot, motion: new Float64Array(0), voice: new Float64Array(0) };
  const liver: Liver = { plan, index, mouth, sent, frame: 0, packet: 0, motionDueUs: 0, voiceDueUs: 0 };
  mouth.onSent((unit) => note(liver, unit));
  return liver;
}

function note({ sent }: Liver, unit: SentUnit): void {
  const kind = unit.kind;
  const times = sent[kind];
  if (unit.sequence >= times.length) {
    const grown = new Float64Array(Math.max(4096, 2 * times.length)).fill(-1);
    grown.set(times);
    sent[kind] = grown;
  }
  sent[kind][unit.sequence] = unit.captureUs;
}

/**
 * Sends for so many seconds, every liver at a phase of its own, the last one beginning `stagger` seconds after the first.
 * Nothing is made up for what this process is late with.
 */
function play({ groups, seconds, dtx, stagger = 0 }: Question): Promise<{ late_us_max: number; late_us_p99: number }> {
  const playing = livers.filter((l) => groups.includes(l.plan.group));
  const beginUs = nowUs() + 5000;
  const endUs = beginUs + seconds * 1e6;
  const lateUs = createHistogram();
  playing.forEach((liver, i) => {
    const startUs = beginUs + Math.floor((i * stagger * 1e6) / playing.length);
    liver.voiceDueUs = startUs + Math.floor((i * VOICE_US) / playing.length);
    liver.motionDueUs = startUs + Math.floor((((i * 7) % playing.length) * FRAME_US) / playing.length);
  });
  return new Promise((resolve) => {
    const turn = () => {
      const now = nowUs();
      if (now >= endUs) return resolve({ late_us_max: lateUs.max, late_us_p99: lateUs.percentile(99) });
      // The engine wakes once for all that is due.
      const nextUs = engine.batch(() => playing.reduce((next, liver) => Math.min(next, act(liver, now)), endUs));
      setTimeout(turn, Math.max(0, Math.floor((nextUs - nowUs()) / 1000)));
    };
    /** Gives when the liver does something next. */
    const act = (liver: Liver, now: number): number => {
      while (liver.voiceDueUs <= now) {
        lateUs.record(Math.max(1, now - liver.voiceDueUs));
        // A packet leaves when its last sample was spoken.
        const captureUs = liver.voiceDueUs - VOICE_US;
        const talks = Math.floor((captureUs + liver.index * 300_000) / TALK_US) % 2 === 0;
        if (!dtx || talks || liver.packet % SILENT_PACKET_EVERY === 0) liver.mouth.voice(packetOf(liver), captureUs);
        liver.packet += 1;
        liver.voiceDueUs += VOICE_US;
      }
      while (liver.motionDueUs <= now) {
        liver.mouth.motion(frameOf(liver), Math.round(liver.motionDueUs));
        liver.frame += 1;
        liver.motionDueUs += FRAME_US;
      }
      return Math.min(liver.voiceDueUs, liver.motionDueUs, liver.mouth.turn?.(now) ?? endUs);
    };
    turn();
  });
}

interface Question {
  ask: string;
  plans: RoomPlan[];
  groups: string[];
  seconds: number;
  dtx: boolean;
  stagger?: number;
}

process.on('message', async (m: Question) => {
  const reply = (value: unknown) => process.send?.({ answer: m.ask, value });
  if (m.ask === 'open') {
    await openAll(m.plans);
    reply({ motion: recording ? 'recording' : 'performer' });
  }
  if (m.ask === 'play') reply(await play(m));
  if (m.ask === 'sent') reply(livers.filter((l) => m.groups.includes(l.plan.group)).map((l) => l.sent));
  if (m.ask === 'heard') reply(heard);
  if (m.ask === 'datagrams') reply((await engine.getStats())['datagrams_in']);
  if (m.ask === 'close') {
    await Promise.all(livers.map((l) => l.mouth.close()));
    reply(null);
  }
});
