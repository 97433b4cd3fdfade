import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Performer } from './performer.ts';
import { synthesizeVoice } from './voice.ts';

export const VOICE_SAMPLE_RATE = 48_000;
export const VOICE_FRAME_MS = 20;
const FRAME_SAMPLES = (VOICE_SAMPLE_RATE * VOICE_FRAME_MS) / 1000;
const PACKETS_A_TURN = 25;
const OPUS_SET_BITRATE = 4002;
const OPUS_SET_VBR = 4006;
const OPUS_SET_COMPLEXITY = 4010;
const OPUS_SET_DTX = 4016;
const OPUS_APPLICATION_VOIP = 2048;

export interface OpusCodec {
  /** 16-bit little-endian samples in, one packet out. */
  encode(pcm: Uint8Array, frameSamples: number): Uint8Array;
  decode(packet: Uint8Array): Uint8Array;
  encoderCTL(request: number, value: number): void;
  delete(): void;
}

/** libopus as WebAssembly, mono at 48 kHz. CommonJS without default export types, hence the require. */
export function createOpus(): OpusCodec {
  const OpusScript = createRequire(import.meta.url)('opusscript') as new (
    sampleRate: number,
    channels: number,
    application: number,
  ) => OpusCodec;
  return new OpusScript(VOICE_SAMPLE_RATE, 1, OPUS_APPLICATION_VOIP);
}

export interface NodeVoice {
  readonly frameMs: number;
  /** Packets of the loop. */
  readonly count: number;
  /**
   * The Opus packet that begins `n * 20 ms` after the performance's begin; the loop repeats for ever. At most 2 bytes mean
   * silence (DTX): such a packet need not be sent.
   */
  packet(n: number): Uint8Array;
}

export interface NodeVoiceOptions {
  /** Bits a second. Default 24 000. */
  bitrate?: number;
  /** Every packet of one size and none for silence: no VBR, no DTX. For measurements of bytes. */
  constant?: boolean;
}

/** Speaks and encodes one loop of the performer's voice, half a second of it a turn of the event loop. */
export async function createNodeVoice(performer: Performer, options: NodeVoiceOptions = {}): Promise<NodeVoice> {
  const opus = createOpus();
  const packets: Uint8Array[] = [];
  try {
    opus.encoderCTL(OPUS_SET_BITRATE, options.bitrate ?? 24_000);
    opus.encoderCTL(OPUS_SET_COMPLEXITY, 5);
    opus.encoderCTL(OPUS_SET_DTX, options.constant ? 0 : 1);
    opus.encoderCTL(OPUS_SET_VBR, options.constant ? 0 : 1);
    const pcm = new Uint8Array(FRAME_SAMPLES * 2);
    const view = new DataView(pcm.buffer);
    for (const block of synthesizeVoice(performer.speech, {
      sampleRate: VOICE_SAMPLE_RATE,
      blockSamples: FRAME_SAMPLES,
    })) {
      for (let i = 0; i < FRAME_SAMPLES; i += 1) view.setInt16(2 * i, Math.round(block[i]! * 32767), true);
      packets.push(Uint8Array.from(opus.encode(pcm, FRAME_SAMPLES)));
      if (packets.length % PACKETS_A_TURN === 0) await nextTurn();
    }
  } finally {
    opus.delete();
  }
  return {
    frameMs: VOICE_FRAME_MS,
    count: packets.length,
    packet: (n) => packets[((n % packets.length) + packets.length) % packets.length]!,
  };
}
