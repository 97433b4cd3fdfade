const RATE = 48_000;
const FRAME_SAMPLES = 960;
const PACKET_US = 20_000;

/** 20 ms blocks of mono samples at 48 kHz in, Opus packets with their capture time out. Silence is not sent (DTX). */
export class VoiceEncoder {
  readonly #encoder: AudioEncoder;
  readonly #captureUs = new Map<number, number>();
  #number = 0;

  constructor(onPacket: (packet: Uint8Array, captureUs: number) => void, onError: (error: unknown) => void) {
    this.#encoder = new AudioEncoder({
      output: (chunk) => {
        // The time stamp carries the block's number: encoders regularise it and leave out silent packets.
        const number = Math.round(chunk.timestamp / PACKET_US);
        const captureUs = this.#captureUs.get(number);
        for (const old of this.#captureUs.keys()) {
          if (old > number) break;
          this.#captureUs.delete(old);
        }
        if (captureUs === undefined || chunk.byteLength <= 2) return;
        const packet = new Uint8Array(chunk.byteLength);
        chunk.copyTo(packet);
        onPacket(packet, captureUs);
      },
      error: onError,
    });
    const opus = { frameDuration: PACKET_US, application: 'voip', usedtx: true } as OpusEncoderConfig;
    this.#encoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1, bitrate: 24_000, opus });
  }

  encode(block: Float32Array<ArrayBuffer>, captureUs: number): void {
    // Never more than a moment behind: late voice is worth nothing.
    if (this.#encoder.state !== 'configured' || this.#encoder.encodeQueueSize > 10) return;
    const number = this.#number++;
    this.#captureUs.set(number, captureUs);
    if (this.#captureUs.size > 500) this.#captureUs.delete(this.#captureUs.keys().next().value!);
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: RATE,
      numberOfChannels: 1,
      numberOfFrames: FRAME_SAMPLES,
      timestamp: number * PACKET_US,
      data: block,
    });
    this.#encoder.encode(data);
    data.close();
  }

  close(): void {
    if (this.#encoder.state !== 'closed') this.#encoder.close();
  }
}
