import type { PlayoutClock } from '@hayate/client';
import { AudioClock } from './audio-clock.ts';
import type { FromVoiceWorklet, ToVoiceWorklet } from './voice-messages.ts';

const RATE = 48_000;
const PACKET_US = 20_000;
const PACKET_SAMPLES = 960;
/** Decoding, the hop to the audio thread and its block. */
const AUDIO_MARGIN_MS = 14;
/** The voice may follow the face so much, which is spent on packets that come late. */
const MAX_BEHIND_FACE_MS = 40;
/** Lags of five seconds. */
const LAG_WINDOW = 256;
/** Capture times wander with the clock estimate; sound goes on without a seam while they stay this near. */
const SEAM_SAMPLES = 0.008 * RATE;

/** The page's sound: one audio context, started by a gesture where the browser asks for one. */
export class SoundOutput {
  readonly context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
  readonly clock = new AudioClock(this.context);
  readonly #loaded: Promise<void>;

  constructor() {
    this.#loaded = this.context.audioWorklet.addModule('/voice-worklet.js');
    // Whoever opens a voice meets the failure; a page without a liver need not.
    this.#loaded.catch(() => {});
  }

  get running(): boolean {
    return this.context.state === 'running';
  }

  async start(): Promise<void> {
    await this.context.resume();
  }

  async createNode(): Promise<AudioWorkletNode> {
    await this.#loaded;
    const node = new AudioWorkletNode(this.context, 'hayate-voice', { numberOfInputs: 0, outputChannelCount: [1] });
    node.connect(this.context.destination);
    return node;
  }

  /** From the audio graph to the ear, ms, as far as the browser knows. */
  get deviceLatencyMs(): number {
    return ((this.context.outputLatency || 0) + (this.context.baseLatency || 0)) * 1000;
  }
}

/** One liver's voice: Opus packets in, sound out, on the same delay as the face. */
export class VoicePlayer {
  packets = 0;
  played = 0;
  level = 0;
  readonly #output: SoundOutput;
  readonly #playout: PlayoutClock;
  readonly #onError: (error: unknown) => void;
  #node: AudioWorkletNode | undefined;
  #decoder: AudioDecoder | undefined;
  #closed = false;
  /** Capture position of packets in the decoder, by their number. */
  readonly #due = new Map<number, number>();
  #number = 0;
  #expected = Number.NaN;
  #anchoredMs = 0;
  readonly #lags = new Float64Array(LAG_WINDOW);
  readonly #sorted = new Float64Array(LAG_WINDOW);
  #behindFaceMs = AUDIO_MARGIN_MS;
  #lateSamples = 0;
  #latePackets = 0;

  constructor(output: SoundOutput, playout: PlayoutClock, onError: (error: unknown) => void) {
    this.#output = output;
    this.#playout = playout;
    this.#onError = onError;
    void this.#open();
  }

  async #open(): Promise<void> {
    try {
      const node = await this.#output.createNode();
      if (this.#closed) return node.disconnect();
      node.port.onmessage = (event: MessageEvent<FromVoiceWorklet>) => {
        this.played = event.data.played;
        this.#lateSamples = event.data.late;
        this.level = event.data.level;
      };
      this.#node = node;
      this.#decoder = this.#createDecoder();
    } catch (error) {
      this.#onError(error);
    }
  }

  #createDecoder(): AudioDecoder {
    const decoder = new AudioDecoder({
      output: (data) => this.#decoded(data),
      error: (error) => {
        this.#onError(error);
        // A decoder that met an error is closed: the next packet finds a new one.
        if (!this.#closed) this.#decoder = this.#createDecoder();
      },
    });
    decoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1 });
    return decoder;
  }

  /** Samples that came too late to sound. */
  get late(): number {
    return this.#latePackets * PACKET_SAMPLES + this.#lateSamples;
  }

  /** One packet as it arrives. The bytes are copied. */
  push(packet: Uint8Array, captureMs: number, receivedMs: number): void {
    this.#lags[this.packets % LAG_WINDOW] = receivedMs - captureMs;
    this.packets += 1;
    const onTime =
      this.#playout.voiceTime({ captureMs, receivedMs }, performance.now() - this.#behindFaceMs) !== undefined;
    if (!onTime) this.#latePackets += 1;
    const decoder = this.#decoder;
    if (!onTime || !this.#output.running || decoder?.state !== 'configured') return;
    // The number stands for the time stamp, since decoders may shift or regularise time stamps.
    const number = this.#number++;
    this.#due.set(number, captureMs * (RATE / 1000));
    if (this.#due.size > 64) this.#due.delete(this.#due.keys().next().value!);
    decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: number * PACKET_US, data: packet.slice() }));
  }

  #decoded(data: AudioData): void {
    const number = Math.round(data.timestamp / PACKET_US);
    const due = this.#due.get(number);
    this.#due.delete(number);
    if (due !== undefined && this.#node) {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      const at = Math.abs(due - this.#expected) < SEAM_SAMPLES ? this.#expected : Math.round(due);
      this.#expected = at + samples.length;
      this.#post({ type: 'samples', at, samples }, [samples.buffer]);
    }
    data.close();
  }

  /** Tells the audio thread what is due when; call it each frame. */
  tick(nowMs: number): void {
    if (!this.#node || !this.#output.running) return;
    const offsetMs = this.#output.clock.observe(nowMs);
    if (nowMs - this.#anchoredMs < 50 || this.#playout.delayMs === 0) return;
    this.#anchoredMs = nowMs;
    this.#adapt();
    const at = (nowMs - this.#playout.delayMs - this.#behindFaceMs) * (RATE / 1000);
    this.#post({ type: 'anchor', at, contextTime: (nowMs - offsetMs) / 1000 });
  }

  /** The face waits for 19 of 20 units; a gap in the voice is heard sooner, so it waits for 99 of 100. */
  #adapt(): void {
    const count = Math.min(this.packets, LAG_WINDOW);
    if (count === 0) return;
    const sorted = this.#sorted.subarray(0, count);
    sorted.set(this.#lags.subarray(0, count));
    sorted.sort();
    const p99 = sorted[Math.min(count - 1, Math.ceil(count * 0.99) - 1)]!;
    const wanted = p99 + AUDIO_MARGIN_MS - this.#playout.delayMs;
    this.#behindFaceMs = Math.min(MAX_BEHIND_FACE_MS, Math.max(AUDIO_MARGIN_MS, wanted));
  }

  /** The liver is another one now. */
  reset(): void {
    this.packets = 0;
    this.#expected = Number.NaN;
    this.#due.clear();
    this.#post({ type: 'reset' });
  }

  close(): void {
    this.#closed = true;
    this.#node?.disconnect();
    if (this.#decoder && this.#decoder.state !== 'closed') this.#decoder.close();
  }

  #post(message: ToVoiceWorklet, transfer: Transferable[] = []): void {
    this.#node?.port.postMessage(message, transfer);
  }
}
