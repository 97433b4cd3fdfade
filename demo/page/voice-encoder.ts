const RATE = 48_000;
const FRAME_SAMPLES = 960;
const PACKET_US = 20_000;

/** Below -62 dBFS a block counts as silent; after so many of them in a row the rest is not sent. */
const SILENCE = 8e-4;
const SILENT_BLOCKS = 10;

interface Block {
  captureUs: number;
  silent: boolean;
}

/**
 * 20 ms blocks of mono samples at 48 kHz in, Opus packets with their capture time out. Long silence is not sent. Opus' own
 * DTX stays off: Chromium then swallows packets and counts its time stamps on without them, so that the capture time of
 * what follows is lost.
 */
export class VoiceEncoder {
  readonly #encoder: AudioEncoder;
  readonly #blocks = new Map<number, Block>();
  #number = 0;
  #silentFor = 0;

  constructor(onPacket: (packet: Uint8Array, captureUs: number) => void, onError: (error: unknown) => void) {
    this.#encoder = new AudioEncoder({
      output: (chunk) => {
        // The time stamp stands for the block's number.
        const number = Math.round(chunk.timestamp / PACKET_US);
        const block = this.#blocks.get(number);
        this.#blocks.delete(number);
        if (block === undefined || block.silent) return;
        const packet = new Uint8Array(chunk.byteLength);
        chunk.copyTo(packet);
        onPacket(packet, block.captureUs);
      },
      error: onError,
    });
    const opus = { frameDuration: PACKET_US, application: 'voip' } as OpusEncoderConfig;
    this.#encoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1, bitrate: 24_000, opus });
  }

  encode(block: Float32Array<ArrayBuffer>, captureUs: number): void {
    // Never more than a moment behind: late voice is worth nothing.
    if (this.#encoder.state !== 'configured' || this.#encoder.encodeQueueSize > 10) return;
    const number = this.#number++;
    this.#silentFor = level(block) < SILENCE ? this.#silentFor + 1 : 0;
    this.#blocks.set(number, { captureUs, silent: this.#silentFor > SILENT_BLOCKS });
    if (this.#blocks.size > 100) this.#blocks.delete(this.#blocks.keys().next().value!);
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

function level(block: Float32Array): number {
  let square = 0;
  for (const sample of block) square += sample * sample;
  return Math.sqrt(square / block.length);
}
