import { describe, expect, it } from 'vitest';
import { BLENDSHAPE_COUNT, CH, CHANNEL_COUNT } from '../avatar/channels.ts';
import { createNodeVoice, createOpus } from './node-voice.ts';
import { createPerformer } from './performer.ts';
import { STEP_US } from './timeline.ts';
import { synthesizeVoice, voiceEnvelope } from './voice.ts';

const FPS = 60;

function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const mean = (x: ArrayLike<number>) => Array.from(x).reduce((sum, v) => sum + v, 0) / x.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [cross, squareA, squareB] = [0, 0, 0];
  for (let i = 0; i < a.length; i += 1) {
    cross += (a[i]! - meanA) * (b[i]! - meanB);
    squareA += (a[i]! - meanA) ** 2;
    squareB += (b[i]! - meanB) ** 2;
  }
  return cross / Math.sqrt(squareA * squareB);
}

/** jawOpen at each 60 Hz frame, and the voice's loudness `shiftUs` later. */
function lipsAndVoice(envelope: Float32Array, shiftUs: number): [jaw: number[], level: number[]] {
  const performer = createPerformer({ seed: 7, fps: FPS });
  const jaw: number[] = [];
  const level: number[] = [];
  for (let frame = 12; frame < 19 * FPS; frame += 1) {
    const tUs = frame * performer.frameUs;
    jaw.push(performer.frame(tUs).values[CH.jawOpen]!);
    level.push(envelope[Math.round((tUs + shiftUs) / STEP_US)]!);
  }
  return [jaw, level];
}

describe('performer', () => {
  it('gives equal frames for equal seeds in any order, and others for another seed', () => {
    const a = createPerformer({ seed: 7, fps: FPS });
    const b = createPerformer({ seed: 7, fps: FPS });
    const other = createPerformer({ seed: 8, fps: FPS });
    const forward = Array.from({ length: 300 }, (_, i) => Float32Array.from(a.frame(i * 37_000).values));
    for (let i = 299; i >= 0; i -= 1) expect(b.frame(i * 37_000).values).toEqual(forward[i]);
    expect(other.frame(37_000 * 50).values).not.toEqual(forward[50]);
  });

  it('stays within the ranges of the channels for 100 s', () => {
    const performer = createPerformer({ seed: 3, fps: FPS });
    const low = new Float32Array(CHANNEL_COUNT).fill(Infinity);
    const high = new Float32Array(CHANNEL_COUNT).fill(-Infinity);
    for (let frame = 0; frame < 100 * FPS; frame += 1) {
      const { values } = performer.frame(frame * performer.frameUs);
      for (let i = 0; i < CHANNEL_COUNT; i += 1) {
        low[i] = Math.min(low[i]!, values[i]!);
        high[i] = Math.max(high[i]!, values[i]!);
      }
    }
    for (let i = 0; i < BLENDSHAPE_COUNT; i += 1) {
      expect(low[i]).toBeGreaterThanOrEqual(0);
      expect(high[i]).toBeLessThanOrEqual(1);
    }
    for (let i = BLENDSHAPE_COUNT; i < CHANNEL_COUNT; i += 1) {
      expect(Math.max(-low[i]!, high[i]!)).toBeLessThan(0.9);
    }
    // It is alive: it blinks fully, opens its mouth, turns its head.
    expect(high[CH.eyeBlinkLeft]).toBeGreaterThan(0.9);
    expect(high[CH.jawOpen]).toBeGreaterThan(0.5);
    expect(high[CH.headYaw]! - low[CH.headYaw]!).toBeGreaterThan(0.2);
  });

  it('moves without jumps', () => {
    const performer = createPerformer({ seed: 3, fps: FPS });
    let before = performer.frame(0).values.slice();
    for (let frame = 1; frame < 60 * FPS; frame += 1) {
      const now = performer.frame(frame * performer.frameUs).values.slice();
      for (const index of [CH.headYaw, CH.headPitch, CH.headRoll]) {
        expect(Math.abs(now[index]! - before[index]!)).toBeLessThan(0.03);
      }
      expect(Math.abs(now[CH.jawOpen]! - before[CH.jawOpen]!)).toBeLessThan(0.25);
      before = now;
    }
  });
});

describe('voice', () => {
  const speech = createPerformer({ seed: 7, fps: FPS }).speech;
  const blocks = [...synthesizeVoice(speech, { sampleRate: 48_000 })];

  it('is audible, finite, unclipped and deterministic', () => {
    let peak = 0;
    let square = 0;
    let count = 0;
    for (const block of blocks) {
      for (const sample of block) {
        if (!Number.isFinite(sample)) throw new Error('not a number');
        peak = Math.max(peak, Math.abs(sample));
        square += sample * sample;
        count += 1;
      }
    }
    expect(count).toBe(20 * 48_000);
    expect(Math.sqrt(square / count)).toBeGreaterThan(0.03);
    expect(peak).toBeLessThan(0.95);
    const again = synthesizeVoice(speech, { sampleRate: 48_000 });
    for (let i = 0; i < 100; i += 1) expect(again.next().value).toEqual(blocks[i]);
  }, 20_000);

  it('agrees with the lips within a frame', () => {
    const envelope = voiceEnvelope(blocks, 48_000);
    const together = correlation(...lipsAndVoice(envelope, 0));
    expect(together).toBeGreaterThan(0.6);
    const frameUs = 1e6 / FPS;
    const best = [-4, -3, -2, -1, 0, 1, 2, 3, 4]
      .map((frames) => ({ frames, r: correlation(...lipsAndVoice(envelope, frames * frameUs)) }))
      .sort((a, b) => b.r - a.r)[0]!;
    expect(Math.abs(best.frames)).toBeLessThanOrEqual(1);
    // Control: a quarter of a second apart they no longer agree.
    expect(correlation(...lipsAndVoice(envelope, 250_000))).toBeLessThan(0.4);
  });

  it('encodes to Opus that decodes to the same loudness, with silence as DTX', async () => {
    const voice = await createNodeVoice(createPerformer({ seed: 7, fps: FPS }));
    expect(voice.count).toBe(1000);
    const decoder = createOpus();
    const decoded: Float32Array[] = [];
    let bytes = 0;
    let silent = 0;
    for (let n = 0; n < voice.count; n += 1) {
      const packet = voice.packet(n);
      bytes += packet.length;
      if (packet.length <= 2) silent += 1;
      const pcm = decoder.decode(packet);
      const view = new DataView(pcm.buffer, pcm.byteOffset, pcm.byteLength);
      decoded.push(Float32Array.from({ length: pcm.byteLength / 2 }, (_, i) => view.getInt16(2 * i, true) / 32768));
    }
    decoder.delete();
    expect(decoded.every((block) => block.length === 960)).toBe(true);
    // The decoder gives 6.5 ms of look-ahead first: one 5 ms step.
    const sent = voiceEnvelope(blocks, 48_000);
    const heard = voiceEnvelope(decoded, 48_000);
    expect(correlation(sent.subarray(0, -1), heard.subarray(1))).toBeGreaterThan(0.9);
    expect(correlation(...lipsAndVoice(heard, 6_500))).toBeGreaterThan(0.6);
    expect((bytes * 8) / 20).toBeLessThan(26_000);
    expect(silent).toBeGreaterThan(100);
    expect(voice.packet(1003)).toBe(voice.packet(3));
  }, 20_000);
});
