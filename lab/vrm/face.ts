import { ARKIT_CHANNELS, type ArkitChannel, BLENDSHAPE_COUNT } from '@hayate/codec/motion';
import type { Mesh } from './glb.ts';
import { ellipsoid, joined, type Move, morphed } from './shapes.ts';

/** Of the head's middle over the head bone, and its radii, m. */
const HEAD = { y: 0.1, radii: [0.135, 0.15, 0.13] } as const;
export const EYE = { x: 0.052, y: 0.085, z: 0.1, radius: 0.036 } as const;

export const TARGETS: readonly ArkitChannel[] = ARKIT_CHANNELS.slice(0, BLENDSHAPE_COUNT);

const MOUTH_Y = 0.022;
const STILL: Move = () => [0, 0, 0];
type Moves = Partial<Record<ArkitChannel, Move>>;

/** 1 at a place, 0 at a distance from it. */
function near(x: number, y: number, atX: number, atY: number, width: number): number {
  return Math.max(0, 1 - Math.hypot(x - atX, y - atY) / width);
}

/** Both sides of a channel: the model's left is at +x. */
function sides(name: string, move: (side: 1 | -1) => Move): Moves {
  return { [`${name}Left`]: move(1), [`${name}Right`]: move(-1) } as Moves;
}

const front = (z: number) => (z > 0 ? 1 : 0);

const SKIN: Moves = {
  cheekPuff: (x, y, z) => [Math.sign(x) * 0.025 * front(z) * near(Math.abs(x), y, 0.09, 0.03, 0.07), 0, 0],
  jawOpen: (_x, y, z) => [0, -0.02 * front(z) * Math.max(0, (0.06 - y) / 0.1), 0],
  jawForward: (_x, y, z) => [0, 0, 0.02 * front(z) * Math.max(0, (0.06 - y) / 0.1)],
  jawLeft: (_x, y, z) => [0.02 * front(z) * Math.max(0, (0.06 - y) / 0.1), 0, 0],
  jawRight: (_x, y, z) => [-0.02 * front(z) * Math.max(0, (0.06 - y) / 0.1), 0, 0],
  ...sides('cheekSquint', (side) => (x, y, z) => [0, 0.012 * front(z) * near(x, y, side * 0.07, 0.045, 0.05), 0]),
};

/** The mouth is a flat lens: what opens it pulls its two lips apart. */
const lip = (y: number) => (y > MOUTH_Y ? 1 : -1);
const corner = (x: number, side: 1 | -1) => Math.max(0, (side * x) / 0.035);
const MOUTH: Moves = {
  jawOpen: (x, y) => [-0.15 * x, y > MOUTH_Y ? 0.004 : -0.042 * Math.sqrt(Math.max(0, 1 - (x / 0.036) ** 2)), 0],
  mouthClose: (x) => [-0.2 * x, 0, -0.002],
  mouthFunnel: (x, y) => [-0.45 * x, lip(y) * 0.014, 0.006],
  mouthPucker: (x, y) => [-0.62 * x, lip(y) * 0.007, 0.012],
  mouthLeft: () => [0.018, 0, 0],
  mouthRight: () => [-0.018, 0, 0],
  mouthRollLower: (_x, y) => [0, y > MOUTH_Y ? 0 : 0.002, -0.006],
  mouthRollUpper: (_x, y) => [0, y > MOUTH_Y ? -0.002 : 0, -0.006],
  mouthShrugLower: () => [0, 0.006, 0],
  mouthShrugUpper: (_x, y) => [0, y > MOUTH_Y ? 0.007 : 0, 0],
  ...sides('mouthSmile', (side) => (x) => [0.3 * x * corner(x, side), 0.018 * corner(x, side) ** 2, 0]),
  ...sides('mouthFrown', (side) => (x) => [0, -0.018 * corner(x, side) ** 2, 0]),
  ...sides('mouthDimple', (side) => (x) => [0.2 * x * corner(x, side), 0.004 * corner(x, side), -0.004]),
  ...sides('mouthStretch', (side) => (x) => [0.45 * x * corner(x, side), -0.004 * corner(x, side), 0]),
  ...sides('mouthPress', (side) => (x, y) => [0, -0.5 * (y - MOUTH_Y) * corner(x, side), 0]),
  ...sides('mouthLowerDown', (side) => (x, y) => [0, y > MOUTH_Y ? 0 : -0.012 * Math.min(1, 0.4 + corner(x, side)), 0]),
  ...sides('mouthUpperUp', (side) => (x, y) => [0, y > MOUTH_Y ? 0.012 * Math.min(1, 0.4 + corner(x, side)) : 0, 0]),
};

const TONGUE: Moves = { tongueOut: () => [0, -0.016, 0.055], jawOpen: () => [0, -0.012, 0.012] };
const NOSE: Moves = sides('noseSneer', (side) => (x) => [0, 0.008, 0.002 * side * Math.sign(x)]);

/** How far a lid is turned up at rest, rad. */
const LID_UP = 1.15;

/** A shell over one eye that turns about the eye's own middle. */
function lid(side: 1 | -1, lower: boolean): { mesh: Mesh; moves: Moves } {
  const { y, z, radius } = EYE;
  const shell = radius * 1.12;
  const turned = (angle: number): Move => {
    const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
    return (_x, py, pz) => {
      const [dy, dz] = [py - y, pz - z];
      return [0, dy * cos - dz * sin - dy, dy * sin + dz * cos - dz];
    };
  };
  // A half shell that shuts the eye, turned away from it at rest.
  const mesh = ellipsoid([side * EYE.x, y, z], [shell, shell, shell], 16, lower ? 0.5 : 0, lower ? 1 : 0.5);
  const away = lower ? 0.95 : -LID_UP;
  const opened = morphed(mesh, [turned(away)]);
  const positions = mesh.positions.map((value, i) => value + opened.targets[0]![i]!);
  const name = side === 1 ? 'Left' : 'Right';
  const moves: Moves = lower
    ? { [`eyeSquint${name}`]: turned(-0.6) }
    : { [`eyeBlink${name}`]: turned(LID_UP + 1), [`eyeWide${name}`]: turned(-0.22) };
  return { mesh: { ...mesh, positions }, moves };
}

function brow(side: 1 | -1): { mesh: Mesh; moves: Moves } {
  const name = side === 1 ? 'Left' : 'Right';
  const inner = (x: number) => Math.max(0, 1 - (side * x - 0.02) / 0.06);
  const mesh = ellipsoid([side * 0.055, 0.142, 0.112], [0.033, 0.0055, 0.008], 12);
  const moves: Moves = {
    [`browDown${name}`]: (x: number) => [-0.006 * side, -0.008 - 0.012 * inner(x), 0.004],
    browInnerUp: (x: number) => [0, 0.018 * inner(x), 0],
    [`browOuterUp${name}`]: (x: number) => [0, 0.016 * (1 - inner(x)), 0],
  };
  return { mesh, moves };
}

const withTargets = ({ mesh, moves }: { mesh: Mesh; moves: Moves }) =>
  morphed(
    mesh,
    TARGETS.map((channel) => moves[channel] ?? STILL),
  );

/** One mesh for each material, all with a target for each of `TARGETS`. About the head bone, m. */
export function faceParts(): { skin: Mesh[]; mouth: Mesh[]; brows: Mesh[]; tongue: Mesh[] } {
  const head = ellipsoid([0, HEAD.y, 0], HEAD.radii, 36);
  const nose = ellipsoid([0, 0.055, 0.128], [0.008, 0.01, 0.01], 10);
  const mouth = ellipsoid([0, MOUTH_Y, 0.112], [0.036, 0.0035, 0.012], 24);
  const tongue = ellipsoid([0, MOUTH_Y - 0.004, 0.085], [0.016, 0.006, 0.03], 12);
  const lids = ([1, -1] as const).flatMap((side) => [lid(side, false), lid(side, true)]);
  return {
    skin: [{ mesh: head, moves: SKIN }, { mesh: nose, moves: NOSE }, ...lids].map(withTargets),
    mouth: [withTargets({ mesh: mouth, moves: MOUTH })],
    brows: ([1, -1] as const).map((side) => withTargets(brow(side))),
    tongue: [withTargets({ mesh: tongue, moves: TONGUE })],
  };
}

/** A cap of hair with a fringe, about the head bone; it does not move. */
export function hairCap(): Mesh {
  const cap = ellipsoid([0, HEAD.y + 0.012, -0.012], [0.15, 0.16, 0.145], 36, 0, 0.42);
  const back = ellipsoid([0, HEAD.y - 0.02, -0.045], [0.148, 0.17, 0.115], 30);
  const locks = [-0.085, -0.045, 0, 0.045, 0.085].map((x, i) =>
    ellipsoid([x, HEAD.y + 0.085 - 0.02 * (i % 2), 0.125 - 0.5 * Math.abs(x)], [0.03, 0.06, 0.022], 12),
  );
  return joined(cap, back, ...locks);
}
