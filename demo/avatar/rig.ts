import { CH } from './channels.ts';

/** What the drawing needs, from the 61 channels. Lengths in head half-widths, screen directions: x right, y down. */
export interface Rig {
  yaw: number;
  pitch: number;
  roll: number;
  /** Eyes and brows by screen side: index 0 is the liver's right, drawn at the left. */
  eyes: [EyeRig, EyeRig];
  mouth: MouthRig;
  /** 0..1 */
  smile: number;
  cheekPuff: number;
  sneer: [number, number];
  jawDrop: number;
  jawShift: number;
}

export interface EyeRig {
  /** 1 open, 0 closed, over 1 wide. */
  open: number;
  /** How far the lower lid rises, 0..1. */
  lower: number;
  gazeX: number;
  gazeY: number;
  browInner: number;
  browOuter: number;
  browFrown: number;
}

interface MouthRig {
  halfWidth: number;
  shift: number;
  /** Corner heights, screen left first; up is negative. */
  cornerY: [number, number];
  upperY: number;
  lowerY: number;
  /** Gap between the lips; 0 is closed. */
  gap: number;
  /** 0..1: the corners round towards a ring. */
  round: number;
  /** Thickness of the lips, 1 at rest. */
  lips: number;
  press: number;
  teeth: number;
  tongue: number;
}

export function createRig(): Rig {
  const eye = (): EyeRig => ({ open: 1, lower: 0, gazeX: 0, gazeY: 0, browInner: 0, browOuter: 0, browFrown: 0 });
  return {
    yaw: 0,
    pitch: 0,
    roll: 0,
    eyes: [eye(), eye()],
    mouth: {
      halfWidth: 0.26,
      shift: 0,
      cornerY: [0, 0],
      upperY: 0,
      lowerY: 0,
      gap: 0,
      round: 0,
      lips: 1,
      press: 0,
      teeth: 0,
      tongue: 0,
    },
    smile: 0,
    cheekPuff: 0,
    sneer: [0, 0],
    jawDrop: 0,
    jawShift: 0,
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function poseEye(eye: EyeRig, v: Float32Array, side: 'Left' | 'Right'): void {
  const blink = v[CH[`eyeBlink${side}`]]!;
  const down = v[CH[`eyeLookDown${side}`]]!;
  const up = v[CH[`eyeLookUp${side}`]]!;
  const inward = v[CH[`eyeLookIn${side}`]]!;
  const outward = v[CH[`eyeLookOut${side}`]]!;
  const squint = Math.max(v[CH[`eyeSquint${side}`]]!, 0.7 * v[CH[`cheekSquint${side}`]]!);
  // Trackers lower the lid with the gaze; a stylised eye that followed fully would look asleep.
  const lid = clamp((blink - 0.35 * down) * 1.12, 0, 1);
  eye.open = clamp(1 - lid + 0.22 * v[CH[`eyeWide${side}`]]! - 0.12 * squint, 0, 1.25);
  eye.lower = clamp(0.75 * squint, 0, 0.7);
  const angular = inward + outward + up + down === 0;
  const yaw = v[side === 'Left' ? CH.leftEyeYaw : CH.rightEyeYaw]!;
  const pitch = v[side === 'Left' ? CH.leftEyePitch : CH.rightEyePitch]!;
  const outwardX = side === 'Left' ? 1 : -1;
  eye.gazeX = clamp(angular ? -yaw * 1.6 : (outward - inward) * outwardX, -1, 1);
  eye.gazeY = clamp(angular ? pitch * 1.8 : down - up, -1, 1);
  eye.browInner = v[CH.browInnerUp]!;
  eye.browOuter = v[CH[`browOuterUp${side}`]]!;
  eye.browFrown = v[CH[`browDown${side}`]]!;
}

function poseMouth(mouth: MouthRig, v: Float32Array): void {
  const jaw = v[CH.jawOpen]!;
  const funnel = v[CH.mouthFunnel]!;
  const pucker = v[CH.mouthPucker]!;
  const closed = clamp(v[CH.mouthClose]! * 0.9, 0, jaw);
  const smileRight = v[CH.mouthSmileRight]!;
  const smileLeft = v[CH.mouthSmileLeft]!;
  const stretch = (v[CH.mouthStretchLeft]! + v[CH.mouthStretchRight]!) / 2;
  const dimple = (v[CH.mouthDimpleLeft]! + v[CH.mouthDimpleRight]!) / 2;
  const press = (v[CH.mouthPressLeft]! + v[CH.mouthPressRight]!) / 2;
  const upperUp = (v[CH.mouthUpperUpLeft]! + v[CH.mouthUpperUpRight]!) / 2;
  const lowerDown = (v[CH.mouthLowerDownLeft]! + v[CH.mouthLowerDownRight]!) / 2;
  const rollUpper = v[CH.mouthRollUpper]!;
  const rollLower = v[CH.mouthRollLower]!;
  const smile = (smileLeft + smileRight) / 2;

  mouth.round = clamp(funnel * 0.9 + pucker, 0, 1);
  mouth.halfWidth = clamp(
    0.25 + 0.12 * smile + 0.09 * stretch + 0.04 * dimple - 0.13 * pucker - 0.07 * funnel,
    0.09,
    0.48,
  );
  // The liver's left is at the screen's right.
  mouth.shift = 0.14 * (v[CH.mouthLeft]! - v[CH.mouthRight]!) + 0.08 * (v[CH.jawLeft]! - v[CH.jawRight]!);
  mouth.cornerY[0] = -0.025 - 0.13 * smileRight + 0.11 * v[CH.mouthFrownRight]! + 0.025 * stretch - 0.02 * dimple;
  mouth.cornerY[1] = -0.025 - 0.13 * smileLeft + 0.11 * v[CH.mouthFrownLeft]! + 0.025 * stretch - 0.02 * dimple;
  const opening = Math.max(0, jaw - closed);
  mouth.gap = Math.max(0, opening * 0.5 + funnel * 0.07 + lowerDown * 0.06 + upperUp * 0.05 - press * 0.06 - 0.015);
  mouth.upperY = -0.06 * upperUp - 0.03 * v[CH.mouthShrugUpper]! + 0.02 * rollUpper - 0.12 * mouth.gap + 0.03 * smile;
  // Shrugged or rolled in over closed lips it would lie above the upper one: no canvas draws such a mouth.
  const lower = mouth.gap - 0.03 * v[CH.mouthShrugLower]! * (1 - opening) - 0.02 * rollLower;
  mouth.lowerY = mouth.upperY + Math.max(0, lower);
  mouth.lips = clamp(1 + 0.7 * mouth.round - 0.5 * (rollUpper + rollLower) - 0.3 * press, 0.2, 1.8);
  mouth.press = press;
  mouth.teeth = clamp(0.35 + upperUp + 0.6 * stretch + 0.5 * smile - 0.9 * mouth.round, 0, 1);
  mouth.tongue = v[CH.tongueOut]!;
}

/** Writes the pose of one frame's 61 values into `rig`. */
export function poseRig(rig: Rig, v: Float32Array): void {
  // The drawing has a front, not a profile.
  rig.yaw = 0.62 * Math.tanh(v[CH.headYaw]! / 0.62);
  rig.pitch = 0.5 * Math.tanh(v[CH.headPitch]! / 0.5);
  rig.roll = clamp(v[CH.headRoll]!, -0.7, 0.7);
  poseEye(rig.eyes[0], v, 'Right');
  poseEye(rig.eyes[1], v, 'Left');
  poseMouth(rig.mouth, v);
  rig.smile = (v[CH.mouthSmileLeft]! + v[CH.mouthSmileRight]!) / 2;
  rig.cheekPuff = v[CH.cheekPuff]!;
  rig.sneer[0] = v[CH.noseSneerRight]!;
  rig.sneer[1] = v[CH.noseSneerLeft]!;
  rig.jawDrop = Math.max(0, v[CH.jawOpen]! - 0.3 * v[CH.mouthClose]!) + 0.15 * v[CH.jawForward]!;
  rig.jawShift = 0.09 * (v[CH.jawLeft]! - v[CH.jawRight]!);
}
