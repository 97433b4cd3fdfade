import { EYE, faceParts, hairCap, TARGETS } from './face.ts';
import { GlbWriter, type Mesh } from './glb.ts';
import { ellipsoid, joined, lathe } from './shapes.ts';

export interface VrmOptions {
  /** Expressions by ARKit's 52 names beside the presets. */
  perfectSync: boolean;
}

type Place = readonly [x: number, y: number, z: number];

/** VRM's bones: where each is from its parent, m. The model stands with its arms out and looks to +z. */
const BONES: readonly (readonly [name: string, parent: string | undefined, at: Place])[] = [
  ['hips', undefined, [0, 0.85, 0]],
  ['spine', 'hips', [0, 0.1, 0]],
  ['chest', 'spine', [0, 0.14, 0]],
  ['neck', 'chest', [0, 0.2, 0]],
  ['head', 'neck', [0, 0.07, 0]],
  ['leftEye', 'head', [EYE.x, EYE.y, EYE.z]],
  ['rightEye', 'head', [-EYE.x, EYE.y, EYE.z]],
  ...(['left', 'right'] as const).flatMap((side): [string, string, Place][] => {
    const x = side === 'left' ? 1 : -1;
    return [
      [`${side}UpperArm`, 'chest', [0.13 * x, 0.14, 0]],
      [`${side}LowerArm`, `${side}UpperArm`, [0.2 * x, 0, 0]],
      [`${side}Hand`, `${side}LowerArm`, [0.18 * x, 0, 0]],
      [`${side}UpperLeg`, 'hips', [0.08 * x, -0.05, 0]],
      [`${side}LowerLeg`, `${side}UpperLeg`, [0, -0.36, 0]],
      [`${side}Foot`, `${side}LowerLeg`, [0, -0.36, 0]],
    ];
  }),
];

const COLOURS = {
  skin: [1, 0.89, 0.83],
  hair: [0.24, 0.3, 0.62],
  cloth: [0.95, 0.96, 1],
  collar: [0.16, 0.6, 0.55],
  white: [1, 1, 1],
  iris: [0.1, 0.55, 0.6],
  dark: [0.09, 0.1, 0.22],
  mouth: [0.55, 0.16, 0.22],
  tongue: [0.93, 0.47, 0.52],
} as const;
type Colour = keyof typeof COLOURS;
const COLOUR_NAMES = Object.keys(COLOURS) as Colour[];

/** VRM 1.0's presets, by the targets that make them. */
const PRESETS: Readonly<Record<string, Partial<Record<(typeof TARGETS)[number], number>>>> = {
  aa: { jawOpen: 1 },
  ih: { mouthStretchLeft: 0.7, mouthStretchRight: 0.7, jawOpen: 0.25 },
  ou: { mouthPucker: 1 },
  ee: { mouthStretchLeft: 1, mouthStretchRight: 1, jawOpen: 0.45 },
  oh: { mouthFunnel: 1, jawOpen: 0.5 },
  blink: { eyeBlinkLeft: 1, eyeBlinkRight: 1 },
  blinkLeft: { eyeBlinkLeft: 1 },
  blinkRight: { eyeBlinkRight: 1 },
  happy: { mouthSmileLeft: 1, mouthSmileRight: 1, cheekSquintLeft: 1, cheekSquintRight: 1 },
  angry: { browDownLeft: 1, browDownRight: 1 },
  sad: { browInnerUp: 1, mouthFrownLeft: 0.8, mouthFrownRight: 0.8 },
  surprised: { eyeWideLeft: 1, eyeWideRight: 1, browOuterUpLeft: 1, browOuterUpRight: 1 },
};

const TAIL_JOINTS = 4;
const TAIL_STEP = 0.085;

/** A whole model: body, face, eyes, and two tails of hair that swing. */
class Model {
  readonly #glb = new GlbWriter();
  readonly #bones = new Map<string, number>();
  readonly #springs: number[][] = [];
  #face = -1;

  constructor() {
    for (const name of COLOUR_NAMES) this.#glb.materials.push(material(name));
    for (const [name, parent, at] of BONES) {
      const bone = this.#glb.node({ name, translation: at, children: [] as number[] });
      this.#bones.set(name, bone);
      if (parent !== undefined) this.#childOf(parent, bone);
    }
    this.#body();
    this.#head();
    for (const side of [1, -1] as const) this.#tail(side);
  }

  write({ perfectSync }: VrmOptions): Uint8Array<ArrayBuffer> {
    const humanBones = Object.fromEntries([...this.#bones].map(([name, node]) => [name, { node }]));
    const range = { inputMaxValue: 90, outputScale: 25 };
    const vrm = {
      specVersion: '1.0',
      meta: {
        name: perfectSync ? 'Made for the lab, perfect sync' : 'Made for the lab',
        authors: ['Hayate'],
        licenseUrl: 'https://vrm.dev/licenses/1.0/',
        avatarPermission: 'everyone',
      },
      humanoid: { humanBones },
      lookAt: {
        type: 'bone',
        offsetFromHeadBone: [0, EYE.y, EYE.z],
        rangeMapHorizontalInner: range,
        rangeMapHorizontalOuter: range,
        rangeMapVerticalDown: range,
        rangeMapVerticalUp: range,
      },
      expressions: {
        preset: Object.fromEntries(Object.entries(PRESETS).map(([name, made]) => [name, this.#expression(made)])),
        ...(perfectSync && {
          custom: Object.fromEntries(TARGETS.map((name) => [name, this.#expression({ [name]: 1 })])),
        }),
      },
    };
    const joint = { hitRadius: 0.02, stiffness: 0.9, gravityPower: 0.25, gravityDir: [0, -1, 0], dragForce: 0.35 };
    const springs = this.#springs.map((nodes) => ({ joints: nodes.map((node) => ({ node, ...joint })) }));
    const extensions = { VRMC_vrm: vrm, VRMC_springBone: { specVersion: '1.0', springs } };
    return this.#glb.write([this.#bones.get('hips')!], extensions, ['VRMC_materials_mtoon']);
  }

  #childOf(parent: string | number, child: number): void {
    const node = this.#glb.nodes[typeof parent === 'string' ? this.#bones.get(parent)! : parent]!;
    (node['children'] as number[]).push(child);
  }

  #show(parent: string | number, parts: readonly [Mesh, Colour][]): void {
    const mesh = this.#glb.mesh(
      parts.map(([each, colour]) => ({ mesh: each, material: COLOUR_NAMES.indexOf(colour) })),
    );
    this.#childOf(parent, this.#glb.node({ mesh }));
  }

  #body(): void {
    const trunk = lathe(0.2, -0.26, (v) => 0.075 + 0.075 * Math.sin(Math.min(1, v * 2.2) * 1.5) - 0.02 * v, 0.75);
    const collar = lathe(0.19, 0.1, (v) => 0.07 + 0.085 * v, 0.85);
    const neck = lathe(0.1, -0.06, () => 0.042);
    const bow = joined(
      ellipsoid([0.04, 0.09, 0.125], [0.042, 0.026, 0.016], 12),
      ellipsoid([-0.04, 0.09, 0.125], [0.042, 0.026, 0.016], 12),
    );
    this.#show('chest', [
      [trunk, 'cloth'],
      [collar, 'dark'],
      [bow, 'collar'],
    ]);
    this.#show('neck', [[neck, 'skin']]);
    this.#show('hips', [[lathe(0.1, -0.3, (v) => 0.12 + 0.12 * v, 0.8), 'dark']]);
    for (const [side, x] of [
      ['left', 1],
      ['right', -1],
    ] as const) {
      this.#show(`${side}UpperArm`, [[ellipsoid([0.1 * x, 0, 0], [0.13, 0.05, 0.05], 14), 'cloth']]);
      this.#show(`${side}LowerArm`, [[ellipsoid([0.09 * x, 0, 0], [0.11, 0.035, 0.035], 14), 'skin']]);
      this.#show(`${side}UpperLeg`, [[lathe(0, -0.36, () => 0.055), 'skin']]);
      this.#show(`${side}LowerLeg`, [[lathe(0, -0.36, () => 0.045), 'skin']]);
    }
  }

  #head(): void {
    const { skin, mouth, brows, tongue } = faceParts();
    const parts = [
      ...skin.map((mesh) => ({ mesh, material: COLOUR_NAMES.indexOf('skin') })),
      ...mouth.map((mesh) => ({ mesh, material: COLOUR_NAMES.indexOf('mouth') })),
      ...brows.map((mesh) => ({ mesh, material: COLOUR_NAMES.indexOf('dark') })),
      ...tongue.map((mesh) => ({ mesh, material: COLOUR_NAMES.indexOf('tongue') })),
    ];
    this.#face = this.#glb.node({ name: 'face', mesh: this.#glb.mesh(parts, TARGETS) });
    this.#childOf('head', this.#face);
    this.#show('head', [[hairCap(), 'hair']]);
    const { radius } = EYE;
    for (const bone of ['leftEye', 'rightEye']) {
      this.#show(bone, [
        [ellipsoid([0, 0, 0], [radius, radius, radius], 18), 'white'],
        [ellipsoid([0, 0, radius * 0.62], [radius * 0.6, radius * 0.78, radius * 0.46], 18), 'iris'],
        [ellipsoid([0, 0, radius * 0.86], [radius * 0.3, radius * 0.42, radius * 0.26], 14), 'dark'],
        [ellipsoid([radius * 0.2, radius * 0.32, radius * 1.06], [0.006, 0.007, 0.004], 10), 'white'],
      ]);
    }
  }

  /** A chain of joints from the side of the head. */
  #tail(side: 1 | -1): void {
    const joints: number[] = [];
    let parent: string | number = 'head';
    for (let n = 0; n <= TAIL_JOINTS; n += 1) {
      const translation = n === 0 ? [0.15 * side, 0.13, -0.03] : [0.018 * side, -TAIL_STEP, 0];
      const node = this.#glb.node({ name: `tail${side}.${n}`, translation, children: [] as number[] });
      this.#childOf(parent, node);
      const wide = 0.045 * (1 - n / (TAIL_JOINTS + 1.5));
      if (n < TAIL_JOINTS)
        this.#show(node, [[ellipsoid([0, -TAIL_STEP * 0.5, 0], [wide, TAIL_STEP * 0.75, wide], 14), 'hair']]);
      joints.push(node);
      parent = node;
    }
    this.#springs.push(joints);
  }

  #expression(made: Partial<Record<string, number>>) {
    const morphTargetBinds = Object.entries(made).map(([name, weight]) => ({
      node: this.#face,
      index: TARGETS.indexOf(name as (typeof TARGETS)[number]),
      weight,
    }));
    return { morphTargetBinds, isBinary: false, overrideBlink: 'none', overrideLookAt: 'none', overrideMouth: 'none' };
  }
}

function material(name: Colour) {
  // As a screen shows them; glTF wants them linear.
  const [r, g, b] = COLOURS[name].map((part) => part ** 2.2) as [number, number, number];
  const toon = {
    specVersion: '1.0',
    shadeColorFactor: [r * 0.72, g * 0.56, b * 0.66],
    shadingToonyFactor: 0.9,
    shadingShiftFactor: -0.05,
    giEqualizationFactor: 0.9,
    ...(name !== 'white' && {
      outlineWidthMode: 'worldCoordinates',
      outlineWidthFactor: 0.0016,
      outlineColorFactor: [r * 0.35, g * 0.25, b * 0.3],
      outlineLightingMixFactor: 0.4,
    }),
  };
  return {
    name,
    doubleSided: false,
    pbrMetallicRoughness: { baseColorFactor: [r, g, b, 1], metallicFactor: 0, roughnessFactor: 1 },
    extensions: { VRMC_materials_mtoon: toon },
  };
}

/** A VRM 1.0 made of arithmetic, as bytes of a `.vrm`: the same for the same options. */
export function makeVrm(options: VrmOptions): Uint8Array<ArrayBuffer> {
  return new Model().write(options);
}
