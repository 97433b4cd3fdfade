import type { MotionFrame } from '@hayate/codec/motion';
import { CH, CHANNEL_COUNT } from '../avatar/channels.ts';
import { hashUnit, smoothstep } from './random.ts';
import { composeSpeech, type Speech, sampleTrack } from './timeline.ts';

export interface PerformerOptions {
  seed: number;
  /** Frames a second that the caller asks for; only `frameUs` depends on it. */
  fps: number;
  /** Length of the speech loop, a multiple of 20 ms. Default 20 s. */
  loopUs?: number;
}

export interface Performer {
  readonly fps: number;
  /** Time between two frames, us. */
  readonly frameUs: number;
  readonly speech: Speech;
  /** The face at an instant, us from the performance's begin; any order, same answer. The array is reused by the next call. */
  frame(tUs: number): MotionFrame;
}

const BLINK_SLOT_S = 3.1;
const GAZE_SLOT_S = 1.15;

function clamp01(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Lid closure 0..1: closes in 70 ms, opens in 130; one blink a slot, at times two. */
function blinkAt(seed: number, t: number): number {
  const slot = Math.floor(t / BLINK_SLOT_S);
  let closed = 0;
  for (const index of [slot - 1, slot]) {
    const at = index * BLINK_SLOT_S + 0.2 + hashUnit(seed, index * 3) * (BLINK_SLOT_S - 1);
    const twice = hashUnit(seed, index * 3 + 1) > 0.78;
    for (const begin of twice ? [at, at + 0.29] : [at]) {
      const since = t - begin;
      if (since <= 0 || since >= 0.2) continue;
      closed = Math.max(closed, since < 0.07 ? smoothstep(since / 0.07) : 1 - smoothstep((since - 0.07) / 0.13));
    }
  }
  return closed;
}

/** Gaze (right of the liver, down), rad: rests near the camera, jumps within 45 ms. */
function gazeAt(seed: number, t: number): [yaw: number, pitch: number] {
  const slot = Math.floor(t / GAZE_SLOT_S);
  const target = (index: number): [number, number] => {
    const far = hashUnit(seed, index * 5) > 0.72 ? 1 : 0.28;
    return [(hashUnit(seed, index * 5 + 1) - 0.5) * 0.62 * far, (hashUnit(seed, index * 5 + 2) - 0.45) * 0.34 * far];
  };
  const before = target(slot - 1);
  const now = target(slot);
  const begin = slot * GAZE_SLOT_S + hashUnit(seed, slot * 5 + 3) * 0.6;
  const share = smoothstep((t - begin) / 0.045);
  return [before[0] + (now[0] - before[0]) * share, before[1] + (now[1] - before[1]) * share];
}

/**
 * A liver made of arithmetic: talks, blinks, glances, breathes, smiles and sways. Pure and seeded; its `speech` also drives
 * the voice (voice.ts), so that lips and sound have one source.
 */
export function createPerformer(options: PerformerOptions): Performer {
  const { seed, fps } = options;
  const speech = composeSpeech(seed, options.loopUs ?? 20_000_000);
  const { tracks } = speech;
  const values = new Float32Array(CHANNEL_COUNT);
  const frame: MotionFrame = { face: true, values };
  const blinkSeed = seed ^ 0xb11c;
  const gazeSeed = seed ^ 0x6a2e;
  const phases = Array.from({ length: 9 }, (_, i) => hashUnit(seed ^ 0x5afe, i) * 2 * Math.PI);
  const wave = (t: number, hz: number, index: number) => Math.sin(2 * Math.PI * hz * t + phases[index]!);

  const set = (index: number, value: number) => {
    values[index] = clamp01(value);
  };

  const mouth = (tUs: number, smile: number) => {
    const open = sampleTrack(tracks.open, tUs);
    const wide = sampleTrack(tracks.wide, tUs);
    const round = sampleTrack(tracks.round, tUs);
    const lips = sampleTrack(tracks.lips, tUs);
    const tongue = sampleTrack(tracks.tongue, tUs);
    const skew = 0.04 * wave(tUs / 1e6, 0.11, 8);
    set(CH.jawOpen, open * (1 - 0.75 * lips) * 0.92);
    set(CH.mouthClose, 0.28 * lips * open + 0.03);
    set(CH.mouthFunnel, 0.62 * round * (0.35 + open));
    set(CH.mouthPucker, 0.6 * round * (1 - 0.5 * open));
    set(CH.mouthStretchLeft, 0.42 * wide + 0.08 * open);
    set(CH.mouthStretchRight, 0.42 * wide + 0.08 * open);
    set(CH.mouthSmileLeft, 0.72 * smile * (1 - 0.45 * round) + 0.12 * wide + skew);
    set(CH.mouthSmileRight, 0.72 * smile * (1 - 0.45 * round) + 0.12 * wide - skew);
    set(CH.mouthDimpleLeft, 0.25 * smile);
    set(CH.mouthDimpleRight, 0.22 * smile);
    set(CH.mouthPressLeft, 0.45 * lips);
    set(CH.mouthPressRight, 0.45 * lips);
    set(CH.mouthRollLower, 0.3 * lips);
    set(CH.mouthRollUpper, 0.22 * lips);
    set(CH.mouthLowerDownLeft, 0.42 * open + 0.2 * wide);
    set(CH.mouthLowerDownRight, 0.42 * open + 0.2 * wide);
    set(CH.mouthUpperUpLeft, 0.25 * open + 0.12 * smile * open);
    set(CH.mouthUpperUpRight, 0.25 * open + 0.12 * smile * open);
    set(CH.mouthShrugUpper, 0.08 * round);
    set(CH.mouthShrugLower, 0.12 * lips);
    set(CH.jawForward, 0.06 * round);
    set(CH.tongueOut, 0.06 * tongue * open);
  };

  const eyes = (t: number, smile: number, brow: number, accent: number, headYaw: number, headPitch: number) => {
    const blink = blinkAt(blinkSeed, t);
    const [gazeYaw, gazePitch] = gazeAt(gazeSeed, t);
    // The eyes hold the camera while the head moves.
    const yaw = gazeYaw - 0.75 * headYaw;
    const pitch = gazePitch - 0.75 * headPitch;
    const squint = 0.45 * smile * smile;
    for (const side of ['Left', 'Right'] as const) {
      // The liver's own right is positive, so outwards differs by side.
      const outward = side === 'Right' ? yaw : -yaw;
      set(CH[`eyeBlink${side}`], blink + 0.16 * smile + Math.max(0, pitch) * 0.6);
      set(CH[`eyeLookOut${side}`], Math.max(0, outward) * 1.6);
      set(CH[`eyeLookIn${side}`], Math.max(0, -outward) * 1.6);
      set(CH[`eyeLookDown${side}`], Math.max(0, pitch) * 1.9);
      set(CH[`eyeLookUp${side}`], Math.max(0, -pitch) * 1.9);
      set(CH[`eyeSquint${side}`], squint);
      set(CH[`eyeWide${side}`], Math.max(0, brow - 0.45) * 0.9 * (1 - blink));
      set(CH[`cheekSquint${side}`], 0.6 * smile);
      set(CH[`browOuterUp${side}`], 0.5 * brow + 0.12 * accent);
      set(CH[`browDown${side}`], 0.1 * (1 - brow) * (1 - smile));
      set(CH[`noseSneer${side}`], 0.06 * smile);
    }
    set(CH.browInnerUp, 0.55 * brow + 0.2 * accent);
    values[CH.leftEyeYaw] = yaw;
    values[CH.rightEyeYaw] = yaw;
    values[CH.leftEyePitch] = pitch;
    values[CH.rightEyePitch] = pitch;
  };

  return {
    fps,
    frameUs: 1e6 / fps,
    speech,
    frame(tUs) {
      const t = tUs / 1e6;
      const talking = sampleTrack(tracks.talking, tUs);
      const accent = sampleTrack(tracks.accent, tUs) * talking;
      const brow = sampleTrack(tracks.brow, tUs);
      const smile = clamp01(0.22 + 0.06 * wave(t, 0.07, 0) + 0.75 * sampleTrack(tracks.smile, tUs));
      const breath = Math.sin(2 * Math.PI * 0.24 * t + phases[1]!);
      const liveliness = 0.45 + 0.55 * talking;
      const yaw = liveliness * (0.16 * wave(t, 0.13, 2) + 0.09 * wave(t, 0.37, 3)) + 0.02 * wave(t, 0.9, 4);
      const pitch = 0.045 * wave(t, 0.17, 5) + 0.014 * breath + 0.11 * accent - 0.05 * brow;
      const roll = liveliness * 0.1 * wave(t, 0.15, 6) + 0.045 * wave(t, 0.41, 7) * talking;
      mouth(tUs, smile);
      eyes(t, smile, brow, accent, yaw, pitch);
      set(CH.cheekPuff, 0.03 * (1 + breath));
      values[CH.headYaw] = yaw;
      values[CH.headPitch] = pitch;
      values[CH.headRoll] = roll;
      return frame;
    },
  };
}
