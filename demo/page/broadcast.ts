import { type Publisher, publish } from '@hayate/client';
import type { MotionFrame } from '@hayate/codec/motion';
import { CHANNEL_COUNT } from '../avatar/channels.ts';
import { LevelMeter, type Microphone, openMicrophone } from './microphone.ts';
import { type PageProbe, report } from './probe.ts';
import type { PageSession } from './session.ts';
import type { MotionSource } from './sources.ts';
import { startTicker } from './ticker.ts';
import { VoiceEncoder } from './voice-encoder.ts';

const TICK_MS = 4;
const PACKET_US = 20_000;

/** One stretch of being live: from Start to Stop. */
export class Broadcast {
  readonly shown = new Float32Array(CHANNEL_COUNT);
  readonly publisher: Publisher;
  /** Hears the microphone's level, 0 to 1, ten times a second. */
  onLevel: (level: number) => void = () => {};
  readonly #session: PageSession;
  readonly #probe: PageProbe;
  readonly #face: MotionSource;
  readonly #speech: Float32Array<ArrayBuffer>[] | undefined;
  #encoder: VoiceEncoder | undefined;
  #microphone: Microphone | undefined;
  #stopTicker: () => void = () => {};
  #beganUs = 0;
  #lastUs = -1;
  #spoken = 0;

  constructor(
    session: PageSession,
    probe: PageProbe,
    face: MotionSource,
    speech: Float32Array<ArrayBuffer>[] | undefined,
    voiced: boolean,
    info?: string,
  ) {
    this.#session = session;
    this.#probe = probe;
    this.#face = face;
    this.#speech = speech;
    this.publisher = publish(session.room, {
      motion: { fps: face.fps },
      ...(voiced ? { voice: { channels: 1 as const, frameMs: 20 } } : {}),
      ...(info !== undefined && { info }),
    });
    if (voiced) {
      this.#encoder = new VoiceEncoder(
        (packet, captureUs) => {
          if (this.publisher.voice(packet, captureUs)) probe.sent.voice += 1;
          const tookMs = (session.room.nowUs() - captureUs - PACKET_US) / 1000;
          probe.encodeMs += (tookMs - probe.encodeMs) * 0.1;
        },
        (error) => report(probe, error),
      );
    }
  }

  async start(microphone: boolean): Promise<void> {
    await this.publisher.ready;
    if (microphone) {
      const meter = new LevelMeter((level) => this.onLevel(level));
      this.#microphone = await openMicrophone((block, captureMs) => {
        meter.push(block);
        this.#encoder?.encode(block, captureMs * 1000);
      });
    }
    this.#beganUs = this.#session.room.nowUs();
    this.#face.begin?.(this.#beganUs);
    this.#stopTicker = startTicker(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const tUs = this.#session.room.nowUs() - this.#beganUs;
    const due = this.#face.next(tUs, this.#lastUs);
    if (due) {
      this.#lastUs = due.tUs;
      this.#send(due.frame, this.#beganUs + due.tUs);
    }
    this.#speak(tUs);
  }

  #send(frame: MotionFrame, captureUs: number): void {
    if (frame.face) this.shown.set(frame.values.subarray(0, CHANNEL_COUNT));
    if (this.publisher.motion(frame, captureUs)) this.#probe.sent.motion += 1;
    this.#probe.framesShown += 1;
  }

  /** A block can be encoded once its last sample has been "heard". After a stall the past is skipped. */
  #speak(tUs: number): void {
    const speech = this.#speech;
    if (!speech || !this.#encoder) return;
    const whole = Math.floor(tUs / PACKET_US);
    this.#spoken = Math.max(this.#spoken, whole - 10);
    while (this.#spoken < whole) {
      this.#encoder.encode(speech[this.#spoken % speech.length]!, this.#beganUs + this.#spoken * PACKET_US);
      this.#spoken += 1;
    }
  }

  async stop(): Promise<void> {
    this.#stopTicker();
    this.#microphone?.close();
    this.#encoder?.close();
    await this.publisher.close();
  }
}
