import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VoiceBuffer } from './voice-buffer.ts';
import { VoiceTrack } from './voice-track.ts';

const RATE = 8000;
const PACKET = RATE / 50;
const BLOCK = RATE / 100;

/** A voice of 125 Hz with harmonics. */
function voice(at: number): number {
  const turn = (2 * Math.PI * 125 * at) / RATE;
  return 0.4 * Math.sin(turn) + 0.2 * Math.sin(2 * turn + 1) + 0.1 * Math.sin(3 * turn + 2);
}

/** Steepest step of it from sample to sample. */
const STEEP = ((2 * Math.PI * 125) / RATE) * (0.4 + 2 * 0.2 + 3 * 0.1);

function fill(buffer: VoiceBuffer, from: number, to: number): void {
  for (let at = from; at < to; at += PACKET) {
    buffer.write(
      at,
      Float32Array.from({ length: PACKET }, (_, i) => voice(at + i)),
    );
  }
}

/** Reads up to `seconds` with `target(t)`; gives all samples. */
function run(buffer: VoiceBuffer, seconds: number, target: (seconds: number) => number, before?: (t: number) => void) {
  const out: number[] = [];
  const block = new Float32Array(BLOCK);
  for (let t = 0; t < seconds; t += BLOCK / RATE) {
    before?.(t);
    buffer.read(block, target(t));
    out.push(...block);
  }
  return out;
}

function steepest(samples: readonly number[]): number {
  let most = 0;
  for (let i = 1; i < samples.length; i++) most = Math.max(most, Math.abs(samples[i]! - samples[i - 1]!));
  return most;
}

describe('voice buffer', () => {
  it('gives what was put in, at its time', () => {
    const buffer = new VoiceBuffer(RATE);
    buffer.read(new Float32Array(BLOCK), 0);
    fill(buffer, BLOCK, RATE);
    const out = run(buffer, 0.5, (t) => BLOCK + t * RATE);
    for (let i = 100; i < out.length; i++) expect(out[i]).toBeCloseTo(voice(BLOCK + i), 5);
    expect(buffer.counts).toMatchObject({ late: 0, splices: 0, jumps: 0, concealed: BLOCK });
  });

  it('stands in for a missing packet without a click, and dies away in a pause', () => {
    const buffer = new VoiceBuffer(RATE);
    buffer.read(new Float32Array(BLOCK), 0);
    fill(buffer, BLOCK, BLOCK + 20 * PACKET);
    fill(buffer, BLOCK + 21 * PACKET, BLOCK + 40 * PACKET);
    const out = run(buffer, 1.5, (t) => BLOCK + t * RATE);
    expect(buffer.counts.played).toBe(39 * PACKET);
    expect(steepest(out.slice(100))).toBeLessThan(1.3 * STEEP);
    const missing = out.slice(20 * PACKET, 21 * PACKET);
    // A steady voice goes on as it would have.
    for (let i = 0; i < 70; i++) expect(missing[i]).toBeCloseTo(voice(BLOCK + 20 * PACKET + i), 1);
    expect(Math.max(...out.slice(40 * PACKET + 0.07 * RATE).map(Math.abs))).toBe(0);
  });

  it('follows a changed delay by whole periods: no jump, no gap, at most 10 % faster or slower', () => {
    for (const changeMs of [60, -60, 20, -20]) {
      const buffer = new VoiceBuffer(RATE);
      buffer.read(new Float32Array(BLOCK), 0);
      const begin = RATE / 5;
      fill(buffer, BLOCK, 6 * RATE);
      const reads: number[] = [];
      const target = (t: number) => begin + t * RATE + (t > 0.5 ? (changeMs / 1000) * RATE : 0);
      let written = 1;
      const out = run(buffer, 4, target, (t) => {
        reads.push(buffer.position);
        // The ring holds two seconds.
        if (t >= written) fill(buffer, BLOCK + ++written * RATE - RATE, BLOCK + (written + 1) * RATE);
      });
      expect(buffer.counts.jumps).toBe(0);
      expect(buffer.counts.concealed).toBeLessThanOrEqual(BLOCK);
      expect(Math.abs(target(4 - BLOCK / RATE) - reads.at(-1)!)).toBeLessThan(0.012 * RATE);
      expect(steepest(out.slice(200))).toBeLessThan(1.5 * STEEP);
      for (let i = 5; i + 100 < reads.length; i++) {
        const pace = (reads[i + 100]! - reads[i]!) / (100 * BLOCK);
        expect(Math.abs(pace - 1)).toBeLessThan(0.105);
      }
    }
  });

  it('waits in a gap instead of going past what comes', () => {
    const buffer = new VoiceBuffer(RATE);
    buffer.read(new Float32Array(BLOCK), 0);
    fill(buffer, BLOCK, BLOCK + 10 * PACKET);
    // At 0.2 s the voice breaks off, and the delay grows as fast as time passes.
    const end = BLOCK + 10 * PACKET;
    run(buffer, 0.4, (t) => Math.min(BLOCK + t * RATE, end));
    fill(buffer, end, end + 10 * PACKET);
    expect(buffer.counts.late).toBe(0);
    const played = buffer.counts.played;
    run(buffer, 0.2, (t) => end + t * RATE);
    expect(buffer.counts.played - played).toBe(10 * PACKET);
  });

  it('stays within its bounds whatever comes', () => {
    const step = fc.record({
      at: fc.integer({ min: -5000, max: 50_000 }),
      count: fc.integer({ min: 0, max: 400 }),
      target: fc.integer({ min: -5000, max: 50_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const buffer = new VoiceBuffer(RATE);
        const block = new Float32Array(BLOCK);
        for (const { at, count, target } of steps) {
          buffer.write(at, new Float32Array(count).fill(0.5));
          buffer.read(block, target);
          for (const sample of block) expect(Math.abs(sample)).toBeLessThanOrEqual(0.5001);
        }
      }),
    );
  });
});

describe('voice track', () => {
  it('puts packets one after another, losses and repairs in their place', () => {
    const track = new VoiceTrack(RATE);
    const place = (sequence: number) => track.place({ sequence, captureMs: 1000 + sequence * 20, samples: PACKET });
    expect([0, 1, 3, 2, 6, 4].map(place)).toEqual([8000, 8160, 8480, 8320, 8960, 8640]);
  });

  it('begins anew after a pause, at its own time', () => {
    const track = new VoiceTrack(RATE);
    track.place({ sequence: 0, captureMs: 1000, samples: PACKET });
    expect(track.place({ sequence: 1, captureMs: 2007, samples: PACKET })).toBe(16_056);
    expect(track.place({ sequence: 2, captureMs: 2027, samples: PACKET })).toBe(16_216);
  });

  it('knows when what stands at a position was captured', () => {
    const track = new VoiceTrack(RATE);
    for (let n = 0; n < 1000; n += 1) track.place({ sequence: n, captureMs: n * 20.001, samples: PACKET });
    expect(track.drift).not.toBe(0);
    for (const captureMs of [19_000, 20_000.5, 30_000]) {
      expect(track.captureAt(track.positionAt(captureMs))).toBeCloseTo(captureMs, 6);
    }
  });

  it('learns how the crystals differ, through jitter of the time stamps', () => {
    for (const ppm of [200, -200, 0]) {
      const track = new VoiceTrack(RATE);
      let seed = 1;
      let seams = 0;
      let expected = Number.NaN;
      for (let n = 0; n < 6000; n++) {
        seed = (seed * 1103515245 + 12345) % 2 ** 31;
        const jitterMs = (seed / 2 ** 31 - 0.5) * 2;
        const at = track.place({ sequence: n, captureMs: (n * 20) / (1 + ppm / 1e6) + jitterMs, samples: PACKET });
        if (n > 0 && at !== expected) seams += 1;
        expected = at + PACKET;
      }
      expect(seams).toBe(0);
      expect(Math.abs(track.drift * 1e6 - ppm)).toBeLessThan(30);
      const now = (6000 * 20) / (1 + ppm / 1e6);
      expect(Math.abs(track.positionAt(now) - expected)).toBeLessThan(0.001 * RATE);
    }
  });
});
