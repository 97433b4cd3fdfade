import type { MouthRig, Rig } from '../rig.ts';
import { alpha } from './colour.ts';
import type { Palette } from './palette.ts';
import { addCurve, type Context2D, closedPath, type HeadSpace, openPath, type Point2 } from './space.ts';

const MOUTH_Y = 0.72;

/** Places on the mouth: u -1..1 from corner to corner, y down from its middle. */
interface Shape {
  at: (u: number, y: number) => Point2;
  upper: Point2[];
  lower: Point2[];
  /** Height of the corner on that side. */
  cornerY: (side: number) => number;
  open: boolean;
}

function shapeOf(space: HeadSpace, rig: Rig): Shape {
  const { mouth } = rig;
  const centreY = MOUTH_Y + 0.03 * rig.jawDrop;
  const wide = (u: number) => mouth.halfWidth + mouth.cornerX[u < 0 ? 0 : 1];
  const lift = 0.03 + 0.05 * rig.jawForward;
  const at = (u: number, y: number) => space.face(mouth.shift + u * wide(u), centreY + y, lift);
  const blend = (u: number) => mouth.cornerY[u < 0 ? 0 : 1] * u * u;
  // A ring has its corners halfway down the gap, a grin has them up.
  const ring = mouth.round * 0.5 * mouth.gap;
  const cornerY = (side: number) => blend(side) + ring;
  const open = mouth.gap > 0.012;
  const bow = open ? 0.006 * mouth.upperLip : -0.006;
  const bulge = 0.55 + 0.3 * mouth.round;
  const up = (side: number) => mouth.upperLift[side < 0 ? 0 : 1];
  const down = (side: number) => mouth.lowerDrop[side < 0 ? 0 : 1];
  const middleUp = Math.max(up(-1), up(1)) * 0.4;
  const upper = [
    at(-1, cornerY(-1)),
    at(-0.5, mouth.upperY * bulge + blend(-0.5) - bow - 0.6 * up(-1)),
    at(0, mouth.upperY + bow + (open ? 0 : 0.014) - (open ? middleUp : 0)),
    at(0.5, mouth.upperY * bulge + blend(0.5) - bow - 0.6 * up(1)),
    at(1, cornerY(1)),
  ];
  const under = mouth.lowerY;
  const sag = 0.74 + 0.16 * mouth.round;
  const low = (side: number) =>
    mouth.upperY + (under - mouth.upperY) * sag + blend(0.55 * side) + 0.6 * down(side) * (open ? 1 : 0.3);
  const lower = [at(-1, cornerY(-1)), at(-0.55, low(-1)), at(0, under), at(0.55, low(1)), at(1, cornerY(1))];
  return { at, upper, lower, cornerY, open };
}

export function drawMouth(ctx: Context2D, space: HeadSpace, rig: Rig, palette: Palette): void {
  const { mouth } = rig;
  const { scale } = space;
  const shape = shapeOf(space, rig);
  const { at, upper, lower, open } = shape;
  const under = mouth.lowerY;
  ctx.lineCap = 'round';
  ctx.lineJoin = 'round';
  if (open) drawInside(ctx, space, mouth, shape, palette);
  // Fullness of the lower lip, its light, and the dent below it.
  ctx.strokeStyle = alpha(palette.lip, Math.min(0.6, 0.34 * mouth.lowerLip));
  ctx.lineWidth = 0.036 * scale * mouth.lowerLip;
  ctx.stroke(openPath([at(-0.36, under + 0.034), at(0, under + 0.046), at(0.36, under + 0.034)]));
  ctx.strokeStyle = alpha(palette.lip, Math.min(0.5, 0.26 * mouth.upperLip));
  ctx.lineWidth = 0.022 * scale * mouth.upperLip;
  const over = -0.022 - 0.02 * mouth.shrugUpper;
  ctx.stroke(openPath(upper.slice(1, 4).map(([x, y]): Point2 => [x, y + over * scale])));
  if (mouth.tongue > 0.12) drawTongueOut(ctx, space, mouth.tongue, at, under, palette);
  ctx.fillStyle = alpha(palette.white, 0.65 * Math.min(1, mouth.lowerLip));
  ctx.beginPath();
  const [glossX, glossY] = at(-0.16, under + 0.036);
  if (mouth.tongue <= 0.12) {
    ctx.ellipse(glossX, glossY, 0.028 * scale, 0.009 * scale, 0.1, 0, 2 * Math.PI);
    ctx.fill();
  }

  ctx.strokeStyle = alpha(palette.skinLine, 1);
  ctx.lineWidth = (0.014 + 0.006 * mouth.upperLip) * scale;
  ctx.stroke(openPath(upper));
  if (open) {
    ctx.lineWidth = 0.012 * scale * Math.max(0.5, mouth.lowerLip);
    ctx.strokeStyle = alpha(palette.skinLine, 0.8);
    ctx.stroke(openPath(lower));
  }
  drawCorners(ctx, space, rig, shape, palette);
  const dent = 0.13 - 0.012 * mouth.shrug;
  ctx.strokeStyle = alpha(palette.skinLine, 0.3 + 0.4 * mouth.shrug);
  ctx.lineWidth = (0.014 + 0.008 * mouth.shrug) * scale;
  ctx.stroke(
    openPath([
      at(-0.2, under + dent - 0.01 * mouth.shrug),
      at(0, under + dent),
      at(0.2, under + dent - 0.01 * mouth.shrug),
    ]),
  );
}

/** Where the lips end: a stop of the pen, firmer when they are pressed, a dimple when they are drawn in. */
function drawCorners(ctx: Context2D, space: HeadSpace, rig: Rig, shape: Shape, palette: Palette): void {
  const { mouth } = rig;
  const { scale } = space;
  for (const [index, side] of [-1, 1].entries()) {
    const y = shape.cornerY(side);
    const press = mouth.press[index]!;
    ctx.strokeStyle = alpha(palette.skinLine, 0.75);
    ctx.lineWidth = (0.015 + 0.014 * press) * scale;
    const reach = 0.008 + 0.055 * press;
    ctx.stroke(openPath([shape.at(side * 0.98, y - 0.5 * reach), shape.at(side * 1.02, y + reach)]));
    const dimple = mouth.dimple[index]! - 0.12;
    if (dimple <= 0) continue;
    ctx.strokeStyle = alpha(palette.skinLine, 0.65 * Math.min(1, dimple * 1.3));
    ctx.lineWidth = 0.013 * scale;
    ctx.stroke(
      openPath([shape.at(side * 1.15, y - 0.045), shape.at(side * 1.25, y + 0.005), shape.at(side * 1.18, y + 0.055)]),
    );
  }
}

function drawInside(ctx: Context2D, space: HeadSpace, mouth: MouthRig, shape: Shape, palette: Palette): void {
  const { scale } = space;
  const inside = new Path2D();
  addCurve(inside, shape.upper, false);
  addCurve(inside, [...shape.lower].reverse(), true);
  inside.closePath();
  ctx.save();
  ctx.clip(inside);
  ctx.fillStyle = palette.mouth;
  ctx.fill(inside);
  const depth = mouth.lowerY - mouth.upperY;
  const [tongueX, tongueY] = shape.at(0, mouth.lowerY - 0.1 * depth);
  ctx.fillStyle = palette.tongue;
  ctx.beginPath();
  ctx.ellipse(
    tongueX,
    tongueY + 0.03 * scale,
    (mouth.halfWidth + 0.04) * 0.78 * scale,
    0.44 * depth * scale,
    0,
    0,
    2 * Math.PI,
  );
  ctx.fill();
  if (mouth.teeth > 0.1) {
    ctx.globalAlpha = Math.min(1, mouth.teeth * 1.3);
    ctx.strokeStyle = palette.white;
    ctx.lineWidth = Math.min(0.12, 0.05 + 0.35 * depth) * scale;
    ctx.stroke(openPath(shape.upper));
    ctx.globalAlpha = 1;
  }
  // The upper lip's shadow on teeth and tongue.
  ctx.strokeStyle = alpha(palette.mouth, 0.35);
  ctx.lineWidth = 0.03 * scale;
  ctx.stroke(openPath(shape.upper));
  ctx.restore();
}

function drawTongueOut(
  ctx: Context2D,
  space: HeadSpace,
  amount: number,
  at: Shape['at'],
  under: number,
  palette: Palette,
): void {
  const reach = 0.19 * amount;
  const tongue = closedPath([
    at(-0.4, under - 0.04),
    at(0, under - 0.05),
    at(0.4, under - 0.04),
    at(0.46, under + reach * 0.6),
    at(0, under + reach),
    at(-0.46, under + reach * 0.6),
  ]);
  ctx.fillStyle = palette.tongue;
  ctx.fill(tongue);
  ctx.strokeStyle = alpha(palette.skinLine, 0.85);
  ctx.lineWidth = 0.014 * space.scale;
  ctx.stroke(tongue);
  ctx.stroke(openPath([at(0, under), at(0.02, under + reach * 0.6)]));
}
