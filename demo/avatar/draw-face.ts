import { type Palette, SKIN } from './palette.ts';
import type { EyeRig, Rig } from './rig.ts';
import { addCurve, type Context2D, closedPath, type HeadSpace, openPath, type Point2 } from './space.ts';

const EYE_X = 0.43;
const EYE_Y = 0.16;
const EYE_HALF_WIDTH = 0.24;
const EYE_HALF_HEIGHT = 0.245;
const MOUTH_Y = 0.71;

export function facePath(space: HeadSpace, rig: Rig): Path2D {
  const drop = 0.16 * rig.jawDrop;
  const puff = 0.05 * rig.cheekPuff;
  const shift = rig.jawShift;
  return closedPath([
    space.project([0, -1.02, 0.1]),
    space.project([0.62, -0.86, 0.05]),
    space.project([0.95, -0.42, 0]),
    space.project([0.97, 0.08, 0]),
    space.project([0.86 + puff, 0.48, 0.08]),
    space.project([0.53 + puff + shift * 0.5, 0.86 + 0.6 * drop, 0.2]),
    space.project([0.16 + shift, 1.08 + drop, 0.36]),
    space.project([-0.16 + shift, 1.08 + drop, 0.36]),
    space.project([-0.53 - puff + shift * 0.5, 0.86 + 0.6 * drop, 0.2]),
    space.project([-0.86 - puff, 0.48, 0.08]),
    space.project([-0.97, 0.08, 0]),
    space.project([-0.95, -0.42, 0]),
    space.project([-0.62, -0.86, 0.05]),
  ]);
}

export function drawEars(ctx: Context2D, space: HeadSpace): void {
  for (const side of [-1, 1]) {
    ctx.fillStyle = SKIN.shade;
    ctx.fill(
      closedPath([
        space.project([side * 0.93, 0.0, -0.1]),
        space.project([side * 1.1, 0.02, -0.18]),
        space.project([side * 1.07, 0.3, -0.18]),
        space.project([side * 0.93, 0.4, -0.1]),
      ]),
    );
  }
}

export function drawSkin(ctx: Context2D, space: HeadSpace, rig: Rig, palette: Palette): void {
  const path = facePath(space, rig);
  const [, top] = space.project([0, -1, 0.1]);
  const [, chin] = space.project([0, 1.1, 0.3]);
  const tone = ctx.createLinearGradient(0, top, 0, chin);
  tone.addColorStop(0, '#fbd9c8');
  tone.addColorStop(0.35, SKIN.base);
  tone.addColorStop(0.85, SKIN.base);
  tone.addColorStop(1, '#fbd5c4');
  ctx.fillStyle = tone;
  ctx.fill(path);
  ctx.save();
  ctx.clip(path);
  // Shade under the fringe, in the hair's tint.
  ctx.globalAlpha = 0.16;
  ctx.fillStyle = palette.hairDark;
  ctx.fill(
    closedPath([
      space.face(-1, -1.1, 0),
      space.face(1, -1.1, 0),
      space.face(0.99, -0.1),
      space.face(0.55, -0.3),
      space.face(0.1, -0.16),
      space.face(-0.35, -0.3),
      space.face(-0.99, -0.08),
    ]),
  );
  ctx.globalAlpha = 1;
  const blush = 0.2 + 0.35 * rig.smile + 0.2 * rig.cheekPuff;
  for (const side of [-1, 1]) {
    const [x, y] = space.face(side * 0.6, 0.52 - 0.05 * rig.smile);
    const radius = 0.26 * space.scale;
    const glow = ctx.createRadialGradient(x, y, 0, x, y, radius);
    glow.addColorStop(0, `rgba(255, 130, 130, ${blush})`);
    glow.addColorStop(1, 'rgba(255, 130, 130, 0)');
    ctx.fillStyle = glow;
    ctx.beginPath();
    ctx.ellipse(x, y, radius, radius * 0.7, 0, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.restore();
  ctx.strokeStyle = 'rgba(185, 115, 95, 0.55)';
  ctx.lineWidth = 0.014 * space.scale;
  ctx.stroke(path);
}

export function drawNose(ctx: Context2D, space: HeadSpace, rig: Rig): void {
  const lift = -0.03 * (rig.sneer[0] + rig.sneer[1]);
  const tip = space.face(0, 0.44 + lift, 0.1);
  const left = space.face(-0.035, 0.475 + lift, 0.04);
  const right = space.face(0.04, 0.475 + lift, 0.04);
  ctx.strokeStyle = 'rgba(196, 120, 98, 0.75)';
  ctx.lineWidth = 0.018 * space.scale;
  ctx.lineCap = 'round';
  const path = new Path2D();
  path.moveTo(...left);
  path.quadraticCurveTo(tip[0], tip[1] + 0.045 * space.scale, ...right);
  ctx.stroke(path);
  ctx.fillStyle = 'rgba(255, 255, 255, 0.65)';
  ctx.beginPath();
  ctx.ellipse(tip[0], tip[1] - 0.045 * space.scale, 0.018 * space.scale, 0.026 * space.scale, 0, 0, 2 * Math.PI);
  ctx.fill();
}

/** Upper and lower lid as points from the inner to the outer corner. */
function lids(space: HeadSpace, eye: EyeRig, side: number): { upper: Point2[]; lower: Point2[] } {
  const at = (u: number, y: number) => space.face(side * (EYE_X + u * EYE_HALF_WIDTH), EYE_Y + y, 0.01);
  const low = EYE_HALF_HEIGHT * (0.82 - 0.55 * eye.lower);
  // A shut lid hangs low; when the lower one rises (a smile) it shuts in an arch.
  const shut = low * (0.75 - 0.9 * eye.lower);
  const lidY = (full: number, bend: number) => shut * bend + (full - shut * bend) * Math.min(1.2, eye.open);
  const upper = [
    at(-0.94, 0.06),
    at(-0.68, lidY(-0.14, 0.8)),
    at(-0.08, lidY(-EYE_HALF_HEIGHT, 1)),
    at(0.6, lidY(-0.2, 0.85)),
    at(1, 0.05 * (1 - eye.open) - 0.02),
  ];
  const squash = eye.open < 0.25 ? eye.open / 0.25 : 1;
  const lowerY = (y: number, index: number) => {
    const shutY = [0, lidY(-0.14, 0.8), lidY(-EYE_HALF_HEIGHT, 1), lidY(-0.2, 0.85)][index]!;
    return shutY + (Math.max(y, shutY) - shutY) * squash;
  };
  const lower = [
    at(-0.94, 0.06),
    at(-0.5, lowerY(low * 0.86, 1)),
    at(0.05, lowerY(low, 2)),
    at(0.6, lowerY(low * 0.8, 3)),
    at(1, 0.05 * (1 - eye.open) - 0.02),
  ];
  return { upper, lower };
}

export function drawEye(ctx: Context2D, space: HeadSpace, eye: EyeRig, side: number, palette: Palette): void {
  const { upper, lower } = lids(space, eye, side);
  const scale = space.scale;
  if (eye.open > 0.06) {
    const opening = new Path2D();
    addCurve(opening, upper, false);
    addCurve(opening, [...lower].reverse(), true);
    opening.closePath();
    ctx.save();
    ctx.clip(opening);
    ctx.fillStyle = '#ffffff';
    ctx.fill(opening);
    drawIris(ctx, space, eye, side, palette);
    // The lid's shadow on the eye.
    ctx.strokeStyle = 'rgba(60, 40, 80, 0.22)';
    ctx.lineWidth = 0.11 * scale;
    ctx.stroke(openPath(upper));
    ctx.restore();
  }
  ctx.lineCap = 'round';
  ctx.lineJoin = 'round';
  ctx.strokeStyle = 'rgba(120, 70, 70, 0.5)';
  ctx.lineWidth = 0.014 * scale;
  if (eye.open > 0.2) ctx.stroke(openPath(lower.slice(1, 4)));
  drawLashes(ctx, space, upper, side);
  if (eye.open > 0.3) {
    ctx.strokeStyle = 'rgba(185, 115, 95, 0.55)';
    ctx.lineWidth = 0.012 * scale;
    ctx.stroke(openPath(upper.slice(2, 4).map(([x, y]): Point2 => [x, y - 0.1 * scale])));
  }
}

/** Thick in the middle, thin at the inner corner, with a wing outside. */
function drawLashes(ctx: Context2D, space: HeadSpace, upper: Point2[], side: number): void {
  const scale = space.scale;
  const thickness = [0.014, 0.045, 0.062, 0.066, 0.03];
  const top = upper.map(([x, y], index): Point2 => [x, y - thickness[index]! * scale]);
  const corner = upper[4]!;
  const wing: Point2 = [corner[0] + side * 0.06 * scale, corner[1] - 0.045 * scale];
  const path = new Path2D();
  addCurve(path, upper, false);
  path.lineTo(...wing);
  addCurve(path, [...top].reverse(), true);
  path.closePath();
  ctx.fillStyle = '#3b2436';
  ctx.fill(path);
}

function drawIris(ctx: Context2D, space: HeadSpace, eye: EyeRig, side: number, palette: Palette): void {
  const scale = space.scale;
  const [x, y] = space.face(side * EYE_X + eye.gazeX * 0.1, EYE_Y + 0.01 + eye.gazeY * 0.085);
  const edge = space.face(side * EYE_X + eye.gazeX * 0.1 + 0.155, EYE_Y);
  const narrow = Math.max(0.55, Math.min(1.1, Math.hypot(edge[0] - x, 0) / (0.155 * scale)));
  const radiusX = 0.18 * scale * narrow;
  const radiusY = 0.222 * scale;
  const tone = ctx.createLinearGradient(x, y - radiusY, x, y + radiusY);
  tone.addColorStop(0, palette.eyeDark);
  tone.addColorStop(0.45, palette.eye);
  tone.addColorStop(1, palette.eyeLight);
  const disc = (dx: number, dy: number, rx: number, ry: number, fill: string | CanvasGradient) => {
    ctx.fillStyle = fill;
    ctx.beginPath();
    ctx.ellipse(x + dx * scale, y + dy * scale, rx, ry, 0, 0, 2 * Math.PI);
    ctx.fill();
  };
  disc(0, 0, radiusX, radiusY, palette.eyeDark);
  disc(0, 0, radiusX * 0.92, radiusY * 0.93, tone);
  disc(0, -0.005, radiusX * 0.45, radiusY * 0.5, 'rgba(12, 16, 40, 0.92)');
  ctx.globalAlpha = 0.5;
  disc(0, 0.115, radiusX * 0.6, radiusY * 0.3, palette.eyeLight);
  ctx.globalAlpha = 1;
  // Lights stay with the world, so they follow the gaze by half.
  disc(
    -0.055 - eye.gazeX * 0.03,
    -0.085 - eye.gazeY * 0.03,
    radiusX * 0.34,
    radiusY * 0.3,
    'rgba(255, 255, 255, 0.97)',
  );
  disc(0.062 - eye.gazeX * 0.02, 0.07, radiusX * 0.16, radiusY * 0.14, 'rgba(255, 255, 255, 0.85)');
}

export function drawBrow(ctx: Context2D, space: HeadSpace, eye: EyeRig, side: number, palette: Palette): void {
  const base = -0.27;
  const inner = base - 0.15 * eye.browInner - 0.03 * eye.browOuter + 0.13 * eye.browFrown;
  const middle = base - 0.06 - 0.1 * eye.browInner - 0.1 * eye.browOuter + 0.07 * eye.browFrown;
  const outer = base + 0.02 - 0.02 * eye.browInner - 0.15 * eye.browOuter + 0.03 * eye.browFrown;
  const pinch = 0.05 * eye.browFrown;
  const line = [
    space.face(side * (0.22 - pinch), inner, 0.03),
    space.face(side * (0.43 - pinch), middle, 0.03),
    space.face(side * 0.67, outer, 0.03),
  ];
  const thick = [0.02, 0.034, 0.006].map((t) => t * space.scale);
  const path = new Path2D();
  addCurve(path, line, false);
  addCurve(path, line.map(([x, y], i): Point2 => [x, y + thick[i]!]).reverse(), true);
  path.closePath();
  ctx.fillStyle = palette.hairDark;
  ctx.strokeStyle = palette.hairDark;
  ctx.lineJoin = 'round';
  ctx.lineWidth = 0.016 * space.scale;
  ctx.fill(path);
  ctx.stroke(path);
}

export function drawMouth(ctx: Context2D, space: HeadSpace, rig: Rig): void {
  const { mouth } = rig;
  const scale = space.scale;
  const centreY = MOUTH_Y + 0.03 * rig.jawDrop;
  const at = (u: number, y: number) => space.face(mouth.shift + u * mouth.halfWidth, centreY + y, 0.03);
  const [left, right] = mouth.cornerY;
  const blend = (u: number) => (u < 0 ? left * u * u : right * u * u);
  // A ring has its corners halfway down the gap, a grin has them up.
  const ring = mouth.round * 0.5 * mouth.gap;
  const corner = (u: number) => at(u, blend(u) + ring);
  const open = mouth.gap > 0.012;
  const bow = open ? 0.008 * mouth.lips : -0.004;
  const bulge = 0.55 + 0.3 * mouth.round;
  const upper = [
    corner(-1),
    at(-0.5, mouth.upperY * bulge + blend(-0.5) - bow),
    at(0, mouth.upperY + bow + (open ? 0 : 0.012)),
    at(0.5, mouth.upperY * bulge + blend(0.5) - bow),
    corner(1),
  ];
  const under = mouth.lowerY;
  const sag = 0.72 + 0.16 * mouth.round;
  const lower = [
    corner(-1),
    at(-0.55, mouth.upperY + (under - mouth.upperY) * sag + blend(-0.55)),
    at(0, under),
    at(0.55, mouth.upperY + (under - mouth.upperY) * sag + blend(0.55)),
    corner(1),
  ];
  ctx.lineCap = 'round';
  ctx.lineJoin = 'round';
  if (open) drawInside(ctx, space, rig, upper, lower, at);
  if (mouth.tongue > 0.15) drawTongueOut(ctx, space, mouth.tongue, at, under);

  ctx.strokeStyle = open ? '#a9544e' : '#9c4a47';
  ctx.lineWidth = (0.015 + 0.006 * mouth.lips) * scale;
  if (open) {
    ctx.stroke(openPath(upper));
    ctx.lineWidth = 0.013 * scale * mouth.lips;
    ctx.strokeStyle = 'rgba(190, 96, 88, 0.9)';
    ctx.stroke(openPath(lower));
  } else {
    ctx.stroke(openPath(upper));
  }
  // Fullness of the lower lip, and the dent below it.
  ctx.strokeStyle = `rgba(233, 120, 112, ${0.28 * mouth.lips})`;
  ctx.lineWidth = 0.032 * scale * mouth.lips;
  ctx.stroke(openPath([at(-0.35, under + 0.035), at(0, under + 0.045), at(0.35, under + 0.035)]));
  ctx.strokeStyle = 'rgba(196, 120, 98, 0.35)';
  ctx.lineWidth = 0.014 * scale;
  ctx.stroke(openPath([at(-0.22, under + 0.125), at(0, under + 0.135), at(0.22, under + 0.125)]));
  // Smile creases.
  if (rig.smile > 0.3) {
    ctx.globalAlpha = Math.min(0.5, rig.smile - 0.3);
    for (const side of [-1, 1]) {
      const y = blend(side) + ring;
      ctx.stroke(openPath([at(side * 1.12, y - 0.045), at(side * 1.2, y + 0.005), at(side * 1.15, y + 0.05)]));
    }
    ctx.globalAlpha = 1;
  }
}

function drawInside(
  ctx: Context2D,
  space: HeadSpace,
  rig: Rig,
  upper: Point2[],
  lower: Point2[],
  at: (u: number, y: number) => Point2,
): void {
  const { mouth } = rig;
  const scale = space.scale;
  const inside = new Path2D();
  addCurve(inside, upper, false);
  addCurve(inside, [...lower].reverse(), true);
  inside.closePath();
  ctx.save();
  ctx.clip(inside);
  ctx.fillStyle = '#7a2733';
  ctx.fill(inside);
  const depth = mouth.lowerY - mouth.upperY;
  const [tongueX, tongueY] = at(0, mouth.lowerY - 0.12 * depth);
  ctx.fillStyle = '#e8747c';
  ctx.beginPath();
  ctx.ellipse(tongueX, tongueY + 0.03 * scale, mouth.halfWidth * 0.72 * scale, 0.42 * depth * scale, 0, 0, 2 * Math.PI);
  ctx.fill();
  if (mouth.teeth > 0.1) {
    ctx.globalAlpha = Math.min(1, mouth.teeth * 1.3);
    ctx.strokeStyle = '#ffffff';
    ctx.lineWidth = Math.min(0.11, 0.05 + 0.35 * depth) * scale;
    ctx.stroke(openPath(upper));
  }
  ctx.restore();
}

function drawTongueOut(
  ctx: Context2D,
  space: HeadSpace,
  amount: number,
  at: (u: number, y: number) => Point2,
  under: number,
): void {
  const reach = 0.16 * amount;
  ctx.fillStyle = '#ee7f88';
  ctx.fill(
    closedPath([
      at(-0.4, under - 0.06),
      at(0.4, under - 0.06),
      at(0.42, under + reach * 0.6),
      at(0, under + reach),
      at(-0.42, under + reach * 0.6),
    ]),
  );
  ctx.strokeStyle = '#c9565f';
  ctx.lineWidth = 0.012 * space.scale;
  ctx.stroke(openPath([at(0, under - 0.04), at(0, under + reach * 0.6)]));
}
