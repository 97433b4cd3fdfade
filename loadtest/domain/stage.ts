import { existsSync, readFileSync } from 'node:fs';
import type { PublishOptions as MediaOptions, Publisher } from '@hayate/client';
import { type MotionFrame, parseLiveLinkCsv } from '@hayate/codec/motion';
import { createPerformer } from '@hayate/demo/performer';
import { createNodeVoice, type NodeVoice } from '@hayate/demo/voice';
import { ConfigError } from '../errors.ts';
import type { Rig } from './rig.ts';

const VOICE_MS = 20;
const FPS = 30;
const MINUTE_FRAMES = 60 * FPS;
const MOTION_US = 1e6 / FPS;
const VOICE_US = VOICE_MS * 1000;
/**
 * What this process is so late with is not sent: a relay refuses it soon after, and a process that is behind would stay so
 * for the work of it.
 */
const LATE_US = 400_000;

/** What is played: a face and a voice. */
export interface ActOptions {
  /** Live Link Face CSV; default: the procedural performer. */
  recording?: string;
  /** Default true: Opus at 24 kbit/s, 20 ms a packet. */
  voice?: boolean;
  /** Opus leaves silence out (DTX). Default false: every packet is sent. */
  dtx?: boolean;
}

/** What the publisher of an act tells the relay of it. */
export function mediaOf({ voice }: ActOptions): MediaOptions {
  return { motion: { fps: FPS }, ...(voice !== false && { voice: { channels: 1, frameMs: VOICE_MS } }) };
}

/** What comes next, and when. */
interface Schedule {
  frame: number;
  packet: number;
  motionDueUs: number;
  voiceDueUs: number;
  /** Undefined: motion alone. */
  readonly voice: unknown;
}

interface Playing extends Schedule {
  readonly publisher: Publisher;
  readonly frames: readonly MotionFrame[];
  readonly voice: NodeVoice | undefined;
  readonly dtx: boolean;
}

const frames = new Map<string, MotionFrame[]>();
const voices = new Map<boolean, Promise<NodeVoice>>();

function framesOf(recording: string | undefined): MotionFrame[] {
  const key = recording ?? '';
  let found = frames.get(key);
  if (!found) {
    if (recording !== undefined && !existsSync(recording)) throw new ConfigError(`no recording ${recording}`);
    const performer = createPerformer({ seed: 7, fps: FPS });
    found = recording
      ? [...parseLiveLinkCsv(readFileSync(recording, 'utf8').split('\n'))].map(({ frame }) => frame)
      : Array.from({ length: MINUTE_FRAMES }, (_, n) => performer.frame((n * 1e6) / FPS));
    frames.set(key, found);
  }
  return found;
}

function voiceOf(dtx: boolean): Promise<NodeVoice> {
  let found = voices.get(dtx);
  found ??= createNodeVoice(createPerformer({ seed: 7, fps: FPS }), { bitrate: 24_000, constant: !dtx });
  voices.set(dtx, found);
  return found;
}

/** Livers of one test: one timer plays them all, each at a phase of its own. */
class Stage {
  readonly #playing = new Set<Playing>();
  readonly #rig: Rig;
  readonly #nowUs: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(rig: Rig, nowUs: () => number) {
    this.#rig = rig;
    this.#nowUs = nowUs;
  }

  add(liver: Playing): () => void {
    this.#playing.add(liver);
    if (this.#timer === undefined) this.#turn();
    return () => this.#playing.delete(liver);
  }

  readonly #turn = (): void => {
    this.#timer = undefined;
    if (this.#playing.size === 0) return;
    // The engine wakes once for all that is due, and not at every datagram.
    const nextUs = this.#rig.engine.batch(() => this.#play(this.#nowUs()));
    this.#timer = setTimeout(this.#turn, Math.max(0, Math.floor((nextUs - this.#nowUs()) / 1000)));
  };

  /** Gives when something is due next. */
  #play(nowUs: number): number {
    let nextUs = Number.POSITIVE_INFINITY;
    let skipped = 0;
    for (const liver of this.#playing) {
      skipped += skip(liver, nowUs);
      play(liver, nowUs);
      nextUs = Math.min(nextUs, liver.motionDueUs, liver.voice ? liver.voiceDueUs : nextUs);
    }
    if (skipped > 0) this.#rig.skipped(skipped);
    return nextUs;
  }
}

/** Passes over what is too late; gives the number of units. */
export function skip(liver: Schedule, nowUs: number): number {
  const frames = Math.max(0, Math.ceil((nowUs - LATE_US - liver.motionDueUs) / MOTION_US));
  liver.frame += frames;
  liver.motionDueUs += frames * MOTION_US;
  if (!liver.voice) return frames;
  const packets = Math.max(0, Math.ceil((nowUs - LATE_US - liver.voiceDueUs) / VOICE_US));
  liver.packet += packets;
  liver.voiceDueUs += packets * VOICE_US;
  return frames + packets;
}

/** Everything due; capture times are those of the schedule, so that what this process is late with counts as lag. */
function play(liver: Playing, nowUs: number): void {
  const { publisher, frames: all, voice } = liver;
  while (liver.motionDueUs <= nowUs) {
    publisher.motion(all[liver.frame % all.length]!, Math.round(liver.motionDueUs));
    liver.frame += 1;
    liver.motionDueUs += MOTION_US;
  }
  while (voice && liver.voiceDueUs <= nowUs) {
    const packet = voice.packet(liver.packet);
    // A packet leaves when its last sample was spoken.
    if (!liver.dtx || packet.length > 2) publisher.voice(packet, Math.round(liver.voiceDueUs - VOICE_US));
    liver.packet += 1;
    liver.voiceDueUs += VOICE_US;
  }
}

const stages = new WeakMap<Rig, Stage>();

/**
 * Plays an act into `publisher` from when media flows; resolves then with the way to end it.
 * @param of the room, and the virtual user's number, by which acts begin at phases of their own
 */
export async function perform(
  rig: Rig,
  publisher: Publisher,
  act: ActOptions,
  of: { room: string; vu: number },
): Promise<() => void> {
  const voice = act.voice === false ? undefined : await voiceOf(act.dtx === true);
  publisher.on('sent', (unit) => rig.sent.note(of.room, unit));
  await publisher.ready;
  const stage = stages.get(rig) ?? new Stage(rig, () => publisher.room.nowUs());
  stages.set(rig, stage);
  const nowUs = publisher.room.nowUs();
  // Else all would send in one instant.
  const phase = ((of.vu * 0.618) % 1) * 1e6;
  return stage.add({
    publisher,
    frames: framesOf(act.recording),
    voice,
    dtx: act.dtx === true,
    frame: of.vu * 97,
    packet: of.vu * 31,
    motionDueUs: nowUs + (phase % MOTION_US),
    voiceDueUs: nowUs + (phase % VOICE_US),
  });
}
