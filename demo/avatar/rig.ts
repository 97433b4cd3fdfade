import { CH } from './channels.ts';

/** One for each side of the screen: index 0 is the liver's right, drawn at the left. */
type Sides<T> = [T, T];

/** What the drawing needs, from the 61 channels. Lengths in head half-widths, screen directions: x right, y down. */
export interface Rig {
  yaw: number;
  pitch: number;
  roll: number;
  eyes: Sides<EyeRig>;
  mouth: MouthRig;
  /** 0..1 */
  smile: number;
  cheekPuff: number;
  /** How far each cheek is pushed up, 0..1. */
  cheekUp: Sides<number>;
  sneer: Sides<number>;
  jawDrop: number;
  jawShift: number;
  jawForward: number;
}

export interface EyeRig {
  /** 1 open, 0 closed, over 1 wide. */
  open: number;
  /** How far the lower lid rises, 0..1. */
  lower: number;
  /** -1..1 */
  gazeX: number;
  gazeY: number;
  /** Of the iris, rad. */
  roll: number;
  browInner: number;
  browOuter: number;
  browFrown: number;
}

export interface MouthRig {
  halfWidth: number;
  shift: number;
  /** Farther out than `halfWidth`. */
  cornerX: Sides<number>;
  /** Corner heights; up is negative. */
  cornerY: Sides<number>;
  upperY: number;
  lowerY: number;
  /** How far each half of the upper lip is raised, and of the lower one pulled down. */
  upperLift: Sides<number>;
  lowerDrop: Sides<number>;
  /** Gap between the lips; 0 is closed. */
  gap: number;
  /** 0..1: the corners round towards a ring. */
  round: number;
  /** Thickness of the lips, 1 at rest. */
  upperLip: number;
  lowerLip: number;
  press: Sides<number>;
  dimple: Sides<number>;
  /** 0..1: the lower lip pushed up, with a dent under it. */
  shrug: number;
  shrugUpper: number;
  teeth: number;
  tongue: number;
}

export function createRig(): Rig {
  const eye = (): EyeRig => ({
    open: 1,
    lower: 0,
    gazeX: 0,
    gazeY: 0,
    roll: 0,
    browInner: 0,
    browOuter: 0,
    browFrown: 0,
  });
  return {
    yaw: 0,
    pitch: 0,
    roll: 0,
    eyes: [eye(), eye()],
    mouth: {
      halfWidth: 0.22,
      shift: 0,
      cornerX: [0, 0],
      cornerY: [0, 0],
      upperY: 0,
      lowerY: 0,
      upperLift: [0, 0],
      lowerDrop: [0, 0],
      gap: 0,
      round: 0,
      upperLip: 1,
      lowerLip: 1,
      press: [0, 0],
      dimple: [0, 0],
      shrug: 0,
      shrugUpper: 0,
      teeth: 0,
      tongue: 0,
    },
    smile: 0,
    cheekPuff: 0,
    cheekUp: [0, 0],
    sneer: [0, 0],
    jawDrop: 0,
    jawShift: 0,
    jawForward: 0,
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

type SideName = 'Left' | 'Right';
const SIDES: Readonly<Sides<SideName>> = ['Right', 'Left'];

function poseEye(eye: EyeRig, v: Float32Array, side: SideName): void {
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
  eye.roll = clamp(v[side === 'Left' ? CH.leftEyeRoll : CH.rightEyeRoll]!, -0.6, 0.6);
  eye.browInner = v[CH.browInnerUp]!;
  eye.browOuter = v[CH[`browOuterUp${side}`]]!;
  eye.browFrown = v[CH[`browDown${side}`]]!;
}

function poseMouthSide(mouth: MouthRig, v: Float32Array, index: 0 | 1): void {
  const of = (name: 'Smile' | 'Frown' | 'Dimple' | 'Stretch' | 'Press' | 'LowerDown' | 'UpperUp') =>
    v[CH[`mouth${name}${SIDES[index]!}`]]!;
  const sneer = v[CH[`noseSneer${SIDES[index]!}`]]!;
  mouth.cornerX[index] = 0.1 * of('Smile') + 0.1 * of('Stretch') + 0.05 * of('Dimple') - 0.02 * of('Press');
  mouth.cornerY[index] = -0.025 - 0.13 * of('Smile') + 0.11 * of('Frown') + 0.03 * of('Stretch') - 0.025 * of('Dimple');
  mouth.upperLift[index] = 0.075 * of('UpperUp') + 0.03 * sneer;
  mouth.lowerDrop[index] = 0.075 * of('LowerDown');
  mouth.press[index] = of('Press');
  mouth.dimple[index] = Math.max(of('Dimple'), 0.35 * of('Smile'));
}

function poseMouth(mouth: MouthRig, v: Float32Array): void {
  const jaw = v[CH.jawOpen]!;
  const funnel = v[CH.mouthFunnel]!;
  const pucker = v[CH.mouthPucker]!;
  const close = v[CH.mouthClose]!;
  const closed = clamp(close * 0.9, 0, jaw);
  const both = (values: Sides<number>) => (values[0] + values[1]) / 2;
  poseMouthSide(mouth, v, 0);
  poseMouthSide(mouth, v, 1);
  const smile = (v[CH.mouthSmileLeft]! + v[CH.mouthSmileRight]!) / 2;
  const stretch = (v[CH.mouthStretchLeft]! + v[CH.mouthStretchRight]!) / 2;
  const rollUpper = v[CH.mouthRollUpper]!;
  const rollLower = v[CH.mouthRollLower]!;
  const press = both(mouth.press);

  mouth.round = clamp(funnel * 0.9 + pucker, 0, 1);
  // Lips that close without a jaw that is open draw together.
  mouth.halfWidth = clamp(0.22 - 0.11 * pucker - 0.05 * funnel - 0.035 * close * (1 - jaw), 0.08, 0.4);
  // The liver's left is at the screen's right.
  mouth.shift = 0.14 * (v[CH.mouthLeft]! - v[CH.mouthRight]!) + 0.08 * (v[CH.jawLeft]! - v[CH.jawRight]!);
  const opening = Math.max(0, jaw - closed);
  const pulled = both(mouth.upperLift) + both(mouth.lowerDrop);
  mouth.gap = Math.max(0, opening * 0.5 + funnel * 0.09 + 0.8 * pulled - press * 0.06 - 0.015);
  mouth.shrugUpper = v[CH.mouthShrugUpper]!;
  mouth.upperY = -0.045 * mouth.shrugUpper + 0.02 * rollUpper - 0.12 * mouth.gap + 0.03 * smile;
  mouth.shrug = v[CH.mouthShrugLower]!;
  // Shrugged or rolled in over closed lips it would lie above the upper one: no canvas draws such a mouth.
  const lower = mouth.gap - 0.03 * mouth.shrug * (1 - opening) - 0.02 * rollLower;
  mouth.lowerY = mouth.upperY + Math.max(0, lower);
  const full = 1 + 0.7 * mouth.round - 0.3 * press - 0.25 * close * (1 - jaw);
  mouth.upperLip = clamp(full - 0.9 * rollUpper + 0.3 * mouth.shrugUpper, 0.05, 1.9);
  mouth.lowerLip = clamp(full - 0.9 * rollLower + 0.3 * mouth.shrug, 0.05, 1.9);
  mouth.teeth = clamp(0.35 + 12 * both(mouth.upperLift) + 0.6 * stretch + 0.5 * smile - 0.9 * mouth.round, 0, 1);
  mouth.tongue = v[CH.tongueOut]!;
}

/** Writes the pose of one frame's 61 values into `rig`. */
export function poseRig(rig: Rig, v: Float32Array): void {
  // The drawing has a front, not a profile.
  rig.yaw = 0.62 * Math.tanh(v[CH.headYaw]! / 0.62);
  rig.pitch = 0.5 * Math.tanh(v[CH.headPitch]! / 0.5);
  rig.roll = clamp(v[CH.headRoll]!, -0.7, 0.7);
  for (const index of [0, 1] as const) {
    poseEye(rig.eyes[index], v, SIDES[index]);
    rig.sneer[index] = v[CH[`noseSneer${SIDES[index]}`]]!;
    rig.cheekUp[index] = v[CH[`cheekSquint${SIDES[index]}`]]!;
  }
  poseMouth(rig.mouth, v);
  rig.smile = (v[CH.mouthSmileLeft]! + v[CH.mouthSmileRight]!) / 2;
  rig.cheekPuff = v[CH.cheekPuff]!;
  rig.jawForward = v[CH.jawForward]!;
  rig.jawDrop = Math.max(0, v[CH.jawOpen]! - 0.3 * v[CH.mouthClose]!) + 0.12 * rig.jawForward;
  rig.jawShift = 0.09 * (v[CH.jawLeft]! - v[CH.jawRight]!);
}

/** The pose of a body that nobody tracks, mixed in by `share`: own blinks, and the head where breath and sway have it. */
export function relax(rig: Rig, own: { blink: number; yaw: number; pitch: number; roll: number }, share: number): void {
  for (const axis of ['yaw', 'pitch', 'roll'] as const) rig[axis] += own[axis] * share;
  for (const eye of rig.eyes) eye.open *= 1 - own.blink * share;
}
