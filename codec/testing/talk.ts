import { ARKIT_CHANNELS, type ArkitChannel, type MotionFrame } from '../motion/index.ts';

/** A smooth wave of -1..1 made of parabolas: the same digits on every platform. `t` and `period` in seconds. */
function wave(t: number, period: number, phase = 0): number {
  const x = t / period + phase;
  const part = x - Math.floor(x);
  return part < 0.5 ? 16 * part * (0.5 - part) : -16 * (part - 0.5) * (1 - part);
}

/** A face that talks, looks about and nods, `t` seconds in: no recording, so that tests need none. Four digits. */
export function talk(t: number): Partial<Record<ArkitChannel, number>> {
  const loud = 0.5 + 0.5 * wave(t, 1.7);
  const open = Math.max(0, loud * (0.3 + 0.25 * wave(t, 0.23) + 0.1 * wave(t, 0.11)));
  const look = 0.25 * wave(t, 1.3, 0.2);
  const lid = Math.max(0, wave(t, 0.9, 0.75) - 0.7) * 3;
  const values: Partial<Record<ArkitChannel, number>> = {
    jawOpen: open,
    mouthClose: 0.3 * open,
    mouthFunnel: Math.max(0, 0.2 * wave(t, 0.37)),
    mouthPucker: Math.max(0, 0.3 * wave(t, 0.53, 0.4)),
    mouthSmileLeft: 0.1 + 0.08 * wave(t, 2.1),
    mouthSmileRight: 0.12 + 0.08 * wave(t, 2.1),
    mouthLowerDownLeft: 0.4 * open,
    mouthLowerDownRight: 0.42 * open,
    mouthUpperUpLeft: 0.2 * open,
    mouthShrugLower: 0.06,
    eyeBlinkLeft: 0.05 + lid,
    eyeBlinkRight: 0.05 + 0.95 * lid,
    [look > 0 ? 'eyeLookInLeft' : 'eyeLookOutLeft']: Math.abs(look),
    [look > 0 ? 'eyeLookOutRight' : 'eyeLookInRight']: Math.abs(look),
    leftEyeYaw: look,
    rightEyeYaw: look,
    browInnerUp: 0.2 + 0.1 * wave(t, 1.1),
    headYaw: 0.2 * wave(t, 3.1),
    headPitch: 0.1 * wave(t, 0.8),
    headRoll: 0.03 * wave(t, 2.3),
  };
  return Object.fromEntries(
    Object.entries(values)
      .map(([name, value]) => [name, Number(Number(value).toFixed(4))] as const)
      .filter(([, value]) => value !== 0),
  );
}

/** The same as a frame; extra parameters move too. */
export function talkFrame(t: number, channels: number = ARKIT_CHANNELS.length): MotionFrame {
  const values = new Float32Array(channels);
  for (const [name, value] of Object.entries(talk(t))) values[ARKIT_CHANNELS.indexOf(name as ArkitChannel)] = value;
  for (let i = ARKIT_CHANNELS.length; i < channels; i++) values[i] = wave(t, 0.5 + 0.1 * (i - ARKIT_CHANNELS.length));
  return { face: true, values };
}
