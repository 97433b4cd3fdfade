import type { PlayoutClock, WatchedVoice } from '@hayate/client';
import { VoiceTrack } from '@hayate/client/voice';
import { AudioClock } from './audio-clock.ts';
import type { FromVoiceWorklet, ToVoiceWorklet } from './voice-messages.ts';

const RATE = 48_000;
const PACKET_US = 20_000;
const PACKET_SAMPLES = 960;

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

/** One liver's voice: Opus packets in, sound out, when the playout says. */
export class VoicePlayer {
  packets = 0;
  played = 0;
  level = 0;
  /** Later than the playout says by so much: for measurements. */
  extraMs = 0;
  #heardLagMs: number | undefined;
  readonly #output: SoundOutput;
  readonly #onError: (error: unknown) => void;
  readonly #track = new VoiceTrack(RATE);
  #node: AudioWorkletNode | undefined;
  #decoder: AudioDecoder | undefined;
  #closed = false;
  /** Positions of packets in the decoder, by their number. */
  readonly #due = new Map<number, number>();
  #number = 0;
  #anchoredMs = 0;
  #lateSamples = 0;
  #latePackets = 0;

  constructor(output: SoundOutput, onError: (error: unknown) => void) {
    this.#output = output;
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
        this.#heard(event.data);
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

  /** Capture to hand-off to the audio graph of a sample of the last 0.1 s, ms; each once, undefined where there was none. */
  takeHeardLag(): number | undefined {
    const lagMs = this.#heardLagMs;
    this.#heardLagMs = undefined;
    return lagMs;
  }

  #heard({ at, contextTime }: FromVoiceWorklet): void {
    if (at === undefined) return;
    const offsetMs = this.#output.clock.observe(performance.now());
    this.#heardLagMs = contextTime * 1000 + offsetMs - this.#track.captureAt(at);
  }

  /** Samples that came too late to sound. */
  get late(): number {
    return this.#latePackets * PACKET_SAMPLES + this.#lateSamples;
  }

  /** One packet as it arrives. The bytes are copied. */
  push({ packet, sequence, captureMs, playMs }: WatchedVoice): void {
    this.packets += 1;
    if (playMs === undefined) this.#latePackets += 1;
    const decoder = this.#decoder;
    if (playMs === undefined || !this.#output.running || decoder?.state !== 'configured') return;
    // The number stands for the time stamp, since decoders may shift or regularise time stamps.
    const number = this.#number++;
    this.#due.set(number, this.#track.place({ sequence, captureMs, samples: PACKET_SAMPLES }));
    if (this.#due.size > 64) this.#due.delete(this.#due.keys().next().value!);
    decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: number * PACKET_US, data: packet.slice() }));
  }

  #decoded(data: AudioData): void {
    const number = Math.round(data.timestamp / PACKET_US);
    const at = this.#due.get(number);
    this.#due.delete(number);
    if (at !== undefined && this.#node) {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      this.#post({ type: 'samples', at, samples }, [samples.buffer]);
    }
    data.close();
  }

  /** Tells the audio thread what is due when; call it each frame. */
  tick(nowMs: number, { voiceDelayMs }: Pick<PlayoutClock, 'voiceDelayMs'>): void {
    if (!this.#node || !this.#output.running) return;
    const offsetMs = this.#output.clock.observe(nowMs);
    if (nowMs - this.#anchoredMs < 50 || this.packets === 0) return;
    this.#anchoredMs = nowMs;
    const at = this.#track.positionAt(nowMs - voiceDelayMs - this.extraMs);
    this.#post({ type: 'anchor', at, drift: this.#track.drift, contextTime: (nowMs - offsetMs) / 1000 });
  }

  /** The liver is another one now. */
  reset(): void {
    this.packets = 0;
    this.#track.reset();
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
