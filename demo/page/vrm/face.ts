import { BLENDSHAPE_COUNT, CH, type ChannelName } from '../../avatar/channels.ts';

/** What a model is told in one frame. Angles in rad: yaw to its own right, pitch down, roll to its right shoulder. */
export interface VrmFace {
  /** Expressions by name, 0..1. All that this model has are written in each frame. */
  readonly weights: Map<string, number>;
  lookYaw: number;
  lookPitch: number;
  headYaw: number;
  headPitch: number;
  headRoll: number;
}

const BLENDSHAPES = Object.keys(CH).slice(0, BLENDSHAPE_COUNT) as ChannelName[];

/** Fewer of the 52 than this are expressions that happen to have such names. */
const LEAST_PERFECT = 26;

/** How a model can be moved: by ARKit's own names ("perfect sync") where it has them, else by the presets of VRM. */
export interface VrmRig {
  readonly perfect: boolean;
  /** ARKit's channel to the model's name of it. */
  readonly arkit: ReadonlyMap<ChannelName, string>;
  readonly presets: ReadonlySet<string>;
  /** It turns its eyes by bones (or looks by presets), so what ARKit says of the gaze must not turn them once more. */
  readonly looks: boolean;
}

/**
 * @param names of the expressions that the model has; ARKit's begin with a small or a large letter
 * @param looks whether it has a gaze of its own
 */
export function rigOf(names: Iterable<string>, looks: boolean): VrmRig {
  const known = new Map([...names].map((name) => [name.toLowerCase(), name]));
  const arkit = new Map<ChannelName, string>();
  for (const channel of BLENDSHAPES) {
    const name = known.get(channel.toLowerCase());
    if (name !== undefined) arkit.set(channel, name);
  }
  return { perfect: arkit.size >= LEAST_PERFECT, arkit, presets: new Set(known.values()), looks };
}

export function createFace(): VrmFace {
  return { weights: new Map(), lookYaw: 0, lookPitch: 0, headYaw: 0, headPitch: 0, headRoll: 0 };
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));

/** Of a gaze that fills the blendshapes, rad. */
const LOOK_YAW = 0.55;
const LOOK_PITCH = 0.45;

/** Writes one frame's 61 values into `face`. `blink` 0..1 is the body's own, for when no data comes. */
export function poseFace(face: VrmFace, rig: VrmRig, v: Float32Array, blink: number): void {
  face.headYaw = v[CH.headYaw]!;
  face.headPitch = v[CH.headPitch]!;
  face.headRoll = v[CH.headRoll]!;
  look(face, v);
  if (rig.perfect) {
    for (const [channel, name] of rig.arkit) {
      if (rig.looks && channel.startsWith('eyeLook')) continue;
      const own = channel === 'eyeBlinkLeft' || channel === 'eyeBlinkRight' ? blink : 0;
      face.weights.set(name, clamp(Math.max(v[CH[channel]]!, own)));
    }
    return;
  }
  for (const [name, weight] of presets(rig, v, blink)) if (rig.presets.has(name)) face.weights.set(name, clamp(weight));
}

function look(face: VrmFace, v: Float32Array): void {
  const right = (v[CH.eyeLookOutRight]! + v[CH.eyeLookInLeft]! - v[CH.eyeLookInRight]! - v[CH.eyeLookOutLeft]!) / 2;
  const down = (v[CH.eyeLookDownLeft]! + v[CH.eyeLookDownRight]! - v[CH.eyeLookUpLeft]! - v[CH.eyeLookUpRight]!) / 2;
  const shapes = v[CH.eyeLookOutRight]! + v[CH.eyeLookInRight]! + v[CH.eyeLookOutLeft]! + v[CH.eyeLookInLeft]!;
  const tilts = v[CH.eyeLookDownLeft]! + v[CH.eyeLookDownRight]! + v[CH.eyeLookUpLeft]! + v[CH.eyeLookUpRight]!;
  const angular = shapes + tilts === 0;
  face.lookYaw = angular ? (v[CH.leftEyeYaw]! + v[CH.rightEyeYaw]!) / 2 : right * LOOK_YAW;
  face.lookPitch = angular ? (v[CH.leftEyePitch]! + v[CH.rightEyePitch]!) / 2 : down * LOOK_PITCH;
}

/** The presets of VRM 1.0 (those of 0.x are known by the same names). */
function presets(rig: VrmRig, v: Float32Array, own: number): [string, number][] {
  const both = (name: 'mouthSmile' | 'mouthStretch' | 'mouthFrown' | 'browDown' | 'eyeWide' | 'browOuterUp') =>
    (v[CH[`${name}Left`]]! + v[CH[`${name}Right`]]!) / 2;
  const smile = both('mouthSmile');
  const open = Math.max(0, v[CH.jawOpen]! - 0.8 * v[CH.mouthClose]!);
  const round = clamp(v[CH.mouthFunnel]! + v[CH.mouthPucker]!);
  const wide = clamp(1.4 * both('mouthStretch') + 0.4 * smile) * (1 - round);
  const mouth: [string, number][] = [
    ['aa', 1.2 * open * (1 - round) * (1 - 0.6 * wide)],
    ['oh', 1.5 * open * round],
    ['ou', 0.9 * round * (1 - open)],
    ['ee', 1.2 * open * wide],
    ['ih', 0.35 * wide * (1 - open)],
  ];
  // More than one vowel's worth in all would tear the mouth.
  const total = mouth.reduce((sum, [, weight]) => sum + weight, 0);
  const fit = total > 1 ? 1 / total : 1;
  const left = Math.max(own, v[CH.eyeBlinkLeft]!);
  const right = Math.max(own, v[CH.eyeBlinkRight]!);
  const sides = rig.presets.has('blinkLeft') && rig.presets.has('blinkRight');
  return [
    ...mouth.map(([name, weight]): [string, number] => [name, weight * fit]),
    ...(sides
      ? ([
          ['blinkLeft', left],
          ['blinkRight', right],
        ] satisfies [string, number][])
      : ([['blink', Math.min(left, right)]] satisfies [string, number][])),
    // Gentle: they also move what the others move.
    ['happy', 0.6 * Math.max(0, smile - 0.25)],
    ['angry', 0.7 * Math.max(0, both('browDown') - 0.3)],
    ['sad', 0.7 * Math.max(0, both('mouthFrown') - 0.2)],
    ['surprised', 0.7 * Math.max(0, both('eyeWide') + both('browOuterUp') - 0.8)],
  ];
}
