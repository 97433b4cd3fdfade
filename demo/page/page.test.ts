import { formatLiveLinkCsv, type LiveLinkFrame } from '@hayate/codec/motion';
import { describe, expect, it } from 'vitest';
import { CH, CHANNEL_COUNT } from '../avatar/channels.ts';
import { HeadSpace } from '../avatar/draw/space.ts';
import { createRig, poseRig } from '../avatar/rig.ts';
import { createPerformer } from '../liver/performer.ts';
import { AudioClock } from './audio-clock.ts';
import { BlockCutter, LevelMeter } from './microphone.ts';
import { voiceDelayBeside } from './playout.ts';
import { Skew } from './skew.ts';
import { parseRecording, performerSource, recordingSource } from './sources.ts';

describe('microphone blocks', () => {
  for (const rate of [44_100, 48_000, 96_000]) {
    it(`resamples ${rate} Hz to 20 ms at 48 kHz and keeps time`, () => {
      const blocks: { block: Float32Array; firstMs: number }[] = [];
      const cutter = new BlockCutter(rate, (block, firstMs) => blocks.push({ block, firstMs }));
      const chunk = 441;
      let at = 0;
      while (at < rate) {
        const from = at;
        cutter.push(
          Float32Array.from({ length: chunk }, (_, i) => Math.sin((2 * Math.PI * 440 * (from + i)) / rate)),
          1000 + (from / rate) * 1000,
        );
        at += chunk;
      }
      expect(blocks.length).toBeGreaterThanOrEqual(49);
      for (const [n, { block, firstMs }] of blocks.entries()) {
        expect(firstMs).toBeCloseTo(1000 + n * 20, 1);
        for (let i = 0; i < 960; i += 97) {
          const t = (firstMs - 1000) / 1000 + i / 48_000;
          expect(Math.abs(block[i]! - Math.sin(2 * Math.PI * 440 * t))).toBeLessThan(0.02);
        }
      }
    });
  }
});

it('shows the level of the loudest block of each 0.1 s, in dB', () => {
  const levels: number[] = [];
  const meter = new LevelMeter((level) => levels.push(level));
  const push = (amplitude: number) => meter.push(new Float32Array(960).fill(amplitude));
  for (let n = 0; n < 5; n += 1) push(0);
  for (let n = 0; n < 5; n += 1) push(n === 2 ? 10 ** (-33 / 20) : 0.001);
  for (let n = 0; n < 5; n += 1) push(1);
  expect(levels.map((level) => Number(level.toFixed(6)))).toEqual([0, 0.5, 1]);
});

describe('lips', () => {
  it('let the voice wait for a face that is drawn late, and no longer than it has to', () => {
    const playout = { delayMs: 80, voiceDelayMs: 90 };
    expect(voiceDelayBeside(playout, 16)).toBe(90);
    expect(voiceDelayBeside(playout, 40)).toBe(114);
    expect(voiceDelayBeside(playout, 500)).toBe(150);
  });

  it('are measured: least, most and shares of what is between', () => {
    const skew = new Skew();
    expect(skew.quantile(0.5)).toBeNaN();
    for (const ms of [-30, 0, 10, 10.4, 45]) skew.add(ms);
    expect([skew.count, skew.least, skew.most]).toEqual([5, -30, 45]);
    expect([0.01, 0.5, 0.99].map((share) => skew.quantile(share))).toEqual([-30, 10, 45]);
    expect(skew.within(-20, 40)).toBe(0.6);
    skew.add(-90, true);
    expect([skew.count, skew.frozen, skew.least]).toEqual([6, 1, -30]);
    expect(skew.within(-20, 40)).toBe(0.5);
    skew.reset();
    expect([skew.count, skew.quantile(0.5)]).toEqual([0, Number.NaN]);
  });
});

describe('motion sources', () => {
  const frames: LiveLinkFrame[] = [0, 1, 2].map((n) => ({
    timeUs: 5_000_000 + n * 50_000,
    frame: { face: true, values: new Float32Array(CHANNEL_COUNT).fill(n / 10) },
    line: n + 2,
  }));

  it('gives each frame of a recording once, at its own time, and begins anew', () => {
    const source = recordingSource(frames);
    expect(source.fps).toBe(20);
    const seen: [number, number][] = [];
    let last = -1;
    for (let tUs = 0; tUs < 300_000; tUs += 4000) {
      const due = source.next(tUs, last);
      if (!due) continue;
      last = due.tUs;
      seen.push([due.tUs, Math.round(due.frame.values[0]! * 10)]);
    }
    expect(seen).toEqual([
      [0, 0],
      [50_000, 1],
      [100_000, 2],
      [150_000, 0],
      [200_000, 1],
      [250_000, 2],
    ]);
  });

  it('reads a Live Link Face CSV and says which line is wrong', () => {
    const lines = [...formatLiveLinkCsv(frames, { fps: 60 })];
    expect(parseRecording(lines.join('\n'))).toHaveLength(3);
    expect(() => parseRecording(`${lines[0]}\nnonsense`)).toThrow(/line 2/);
    expect(() => parseRecording(lines[0]!)).toThrow();
  });

  it('skips what a stall made late, at the performer too', () => {
    const source = performerSource(createPerformer({ seed: 1, fps: 60 }));
    expect(source.next(0, -1)?.tUs).toBe(0);
    expect(source.next(10_000, 0)).toBeUndefined();
    expect(source.next(1_010_000, 0)?.tUs).toBeCloseTo(1_000_000, 3);
  });
});

describe('avatar rig', () => {
  const pose = (set: Partial<Record<keyof typeof CH, number>>) => {
    const values = new Float32Array(CHANNEL_COUNT);
    for (const [name, value] of Object.entries(set)) values[CH[name as keyof typeof CH]] = value;
    const rig = createRig();
    poseRig(rig, values);
    return rig;
  };

  it('opens, rounds and lifts the mouth', () => {
    expect(pose({}).mouth.gap).toBe(0);
    expect(pose({ jawOpen: 0.8 }).mouth.gap).toBeGreaterThan(0.3);
    expect(pose({ jawOpen: 0.8, mouthClose: 0.8 }).mouth.gap).toBeLessThan(0.1);
    expect(pose({ mouthPucker: 1 }).mouth.halfWidth).toBeLessThan(pose({}).mouth.halfWidth);
    const grin = pose({ mouthSmileLeft: 1 }).mouth.cornerY;
    // The liver's left is at the screen's right.
    expect(grin[1]).toBeLessThan(grin[0]);
  });

  it('closes each eye alone and looks with blendshapes, else with angles', () => {
    const wink = pose({ eyeBlinkLeft: 1 });
    expect(wink.eyes[1].open).toBeLessThan(0.05);
    expect(wink.eyes[0].open).toBeGreaterThan(0.95);
    expect(pose({ eyeLookOutLeft: 0.5, eyeLookInRight: 0.5 }).eyes.map((eye) => eye.gazeX)).toEqual([0.5, 0.5]);
    expect(pose({ leftEyeYaw: -0.3, rightEyeYaw: -0.3 }).eyes[0].gazeX).toBeGreaterThan(0.3);
  });

  it('turns the nose where the angles say: yaw to screen left, pitch down', () => {
    const space = new HeadSpace();
    space.place(0, 0, 100);
    const straight = space.face(0, 0.4);
    space.turn(0.4, 0, 0);
    expect(space.face(0, 0.4)[0]).toBeLessThan(straight[0] - 10);
    space.turn(0, 0.3, 0);
    expect(space.face(0, 0.4)[1]).toBeGreaterThan(straight[1] + 10);
    space.turn(0, 0, 0.3);
    expect(space.project([0, -1, 0])[0]).toBeLessThan(-10);
  });

  it('stays finite for any values in range', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const rig = createRig();
      poseRig(
        rig,
        Float32Array.from({ length: CHANNEL_COUNT }, (_, i) => Math.abs(Math.sin(seed * 61 + i * 7.3))),
      );
      expect(JSON.stringify(rig)).not.toContain('null');
    }
  });
});

describe('audio clock', () => {
  it('finds the difference behind stepping readings, and follows a pause', () => {
    const context = { currentTime: 0 };
    const clock = new AudioClock(context as BaseAudioContext);
    let offset = 0;
    // The context steps by 10 ms and began at 500.
    for (let nowMs = 500; nowMs < 3000; nowMs += 7) {
      context.currentTime = Math.floor((nowMs - 500) / 10) / 100;
      offset = clock.observe(nowMs);
    }
    expect(offset).toBeGreaterThanOrEqual(500);
    expect(offset).toBeLessThan(502);
    // Suspended for a second.
    for (let nowMs = 4000; nowMs < 9000; nowMs += 7) {
      context.currentTime = Math.floor((nowMs - 1500) / 10) / 100;
      offset = clock.observe(nowMs);
    }
    expect(offset).toBeGreaterThanOrEqual(1500);
    expect(offset).toBeLessThan(1502);
  });
});
