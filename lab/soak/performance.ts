import type { Publisher, PublishOptions } from '@hayate/client';
import type { MotionFrame } from '@hayate/codec/motion';
import { createPerformer } from '@hayate/demo/performer';
import { createNodeVoice, type NodeVoice } from '@hayate/demo/voice';
import type { Engine } from '@hayate/engine';

const FPS = 30;
const VOICE_MS = 20;
const MOTION_MS = 1000 / FPS;
const MINUTE_FRAMES = 60 * FPS;
const TURN_MS = 10;
/** What is later is left out: a relay refuses it soon after. */
const LATE_MS = 200;

export const MEDIA: PublishOptions = { motion: { fps: FPS }, voice: { channels: 1, frameMs: VOICE_MS } };

interface Act {
  publisher: Publisher;
  frame: number;
  packet: number;
  motionDueMs: number;
  voiceDueMs: number;
}

/** Plays a minute of the procedural performer again and again, face and voice, for every liver of this process. */
export class Stage {
  readonly #engine: Engine;
  readonly #frames: readonly MotionFrame[];
  readonly #voice: NodeVoice | undefined;
  readonly #acts = new Set<Act>();
  readonly #timer: NodeJS.Timeout;
  #begun = 0;

  private constructor(engine: Engine, frames: readonly MotionFrame[], voice: NodeVoice | undefined) {
    this.#engine = engine;
    this.#frames = frames;
    this.#voice = voice;
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
  }

  /** @param speaks encoding the voice takes a while; without it there is the face alone */
  static async open(engine: Engine, { speaks = true } = {}): Promise<Stage> {
    const performer = createPerformer({ seed: 7, fps: FPS });
    const frames = Array.from({ length: MINUTE_FRAMES }, (_, n) => performer.frame((n * 1e6) / FPS));
    const voice = speaks
      ? await createNodeVoice(createPerformer({ seed: 7, fps: FPS }), { bitrate: 24_000 })
      : undefined;
    return new Stage(engine, frames, voice);
  }

  /** Until the call that is given back. */
  play(publisher: Publisher): () => void {
    const n = this.#begun++;
    const nowMs = performance.now() + ((n * 13) % MOTION_MS);
    const act = { publisher, frame: n * 97, packet: n * 31, motionDueMs: nowMs, voiceDueMs: nowMs };
    this.#acts.add(act);
    return () => this.#acts.delete(act);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #turn(): void {
    const nowMs = performance.now();
    this.#engine.batch(() => {
      for (const act of this.#acts) this.#perform(act, nowMs);
    });
  }

  #perform(act: Act, nowMs: number): void {
    const nowUs = act.publisher.room.nowUs();
    for (; act.motionDueMs <= nowMs; act.motionDueMs += MOTION_MS) {
      const frame = this.#frames[act.frame++ % this.#frames.length]!;
      if (nowMs - act.motionDueMs < LATE_MS) act.publisher.motion(frame, nowUs);
    }
    for (; this.#voice && act.voiceDueMs <= nowMs; act.voiceDueMs += VOICE_MS) {
      const packet = this.#voice.packet(act.packet++);
      // At most 2 bytes are silence, which needs no packet.
      if (packet.length > 2 && nowMs - act.voiceDueMs < LATE_MS) act.publisher.voice(packet, nowUs);
    }
  }
}
