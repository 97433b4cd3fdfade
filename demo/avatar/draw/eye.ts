import type { EyeRig } from '../rig.ts';
import { alpha, mix } from './colour.ts';
import type { Palette } from './palette.ts';
import { addCurve, type Context2D, closedPath, type HeadSpace, openPath, type Point2 } from './space.ts';
import { blank } from './sprite.ts';

const EYE_X = 0.43;
const EYE_Y = 0.19;
const HALF_WIDTH = 0.262;
const HALF_HEIGHT = 0.25;
const IRIS_X = 0.185;
const IRIS_Y = 0.245;

/** Of the painted iris, px: large enough for a phone that shows one face. */
const SPRITE = 160;

/** Iris and pupil, painted once: their depth is in layers that would cost too much in each frame. */
export class Iris {
  readonly #image: OffscreenCanvas | HTMLCanvasElement;

  constructor(palette: Palette) {
    this.#image = blank(SPRITE, SPRITE);
    paintIris(this.#image.getContext('2d') as Context2D, palette);
  }

  draw(ctx: Context2D, x: number, y: number, radiusX: number, radiusY: number, roll: number): void {
    ctx.save();
    ctx.translate(x, y);
    ctx.rotate(roll);
    ctx.drawImage(this.#image, -radiusX, -radiusY, 2 * radiusX, 2 * radiusY);
    ctx.restore();
  }
}

function paintIris(ctx: Context2D, palette: Palette): void {
  const c = SPRITE / 2;
  const disc = (x: number, y: number, rx: number, ry: number, fill: string | CanvasGradient) => {
    ctx.fillStyle = fill;
    ctx.beginPath();
    ctx.ellipse(x, y, rx, ry, 0, 0, 2 * Math.PI);
    ctx.fill();
  };
  disc(c, c, c - 1, c - 1, palette.eyeDark);
  const depth = ctx.createLinearGradient(0, 0, 0, SPRITE);
  depth.addColorStop(0, palette.eyeDark);
  depth.addColorStop(0.4, palette.eye);
  depth.addColorStop(0.78, mix(palette.eye, palette.eyeLight, 0.6));
  depth.addColorStop(1, palette.eyeLight);
  disc(c, c, c * 0.9, c * 0.9, depth);
  // Fibres.
  ctx.save();
  ctx.beginPath();
  ctx.ellipse(c, c, c * 0.88, c * 0.88, 0, 0, 2 * Math.PI);
  ctx.clip();
  for (let i = 0; i < 44; i += 1) {
    const turn = (i / 44) * 2 * Math.PI;
    const long = 0.62 + 0.22 * Math.abs(Math.sin(i * 2.4));
    ctx.strokeStyle = alpha(i % 2 === 0 ? palette.eyeLight : palette.eyeDark, i % 2 === 0 ? 0.32 : 0.22);
    ctx.lineWidth = 1.6;
    ctx.beginPath();
    ctx.moveTo(c + Math.cos(turn) * c * 0.4, c + Math.sin(turn) * c * 0.4);
    ctx.lineTo(c + Math.cos(turn) * c * long, c + Math.sin(turn) * c * long);
    ctx.stroke();
  }
  // Light that came through gathers below.
  const glow = ctx.createRadialGradient(c, c * 1.62, 0, c, c * 1.62, c * 0.72);
  glow.addColorStop(0, alpha(palette.eyeLight, 0.95));
  glow.addColorStop(1, alpha(palette.eyeLight, 0));
  ctx.fillStyle = glow;
  ctx.fillRect(0, 0, SPRITE, SPRITE);
  ctx.restore();
  const pupil = ctx.createRadialGradient(c, c * 0.98, c * 0.1, c, c * 0.98, c * 0.54);
  pupil.addColorStop(0, mix(palette.eyeDark, '#000000', 0.75));
  pupil.addColorStop(0.8, mix(palette.eyeDark, '#000000', 0.55));
  pupil.addColorStop(1, alpha(palette.eyeDark, 0));
  disc(c, c * 0.98, c * 0.5, c * 0.56, pupil);
  // The lid's shade.
  const shade = ctx.createLinearGradient(0, 0, 0, c * 1.1);
  shade.addColorStop(0, alpha(palette.eyeDark, 0.85));
  shade.addColorStop(1, alpha(palette.eyeDark, 0));
  disc(c, c, c * 0.95, c * 0.95, shade);
  ctx.strokeStyle = alpha(palette.eyeDark, 0.9);
  ctx.lineWidth = 6;
  ctx.beginPath();
  ctx.ellipse(c, c, c - 4, c - 4, 0, 0, 2 * Math.PI);
  ctx.stroke();
}

interface Lids {
  /** From the inner to the outer corner. */
  upper: Point2[];
  lower: Point2[];
}

function lidsOf(space: HeadSpace, eye: EyeRig, side: number): Lids {
  const at = (u: number, y: number) => space.face(side * (EYE_X + u * HALF_WIDTH), EYE_Y + y, 0.01);
  const low = HALF_HEIGHT * (0.84 - 0.55 * eye.lower);
  // A shut lid hangs low; when the lower one rises (a smile) it shuts in an arch.
  const shut = low * (0.72 - 0.95 * eye.lower);
  const lidY = (full: number, bend: number) => shut * bend + (full - shut * bend) * Math.min(1.2, eye.open);
  const inner = at(-0.92, 0.1);
  const outer = at(1, 0.05 * (1 - eye.open) - 0.01);
  const upper = [
    inner,
    at(-0.64, lidY(-0.155, 0.8)),
    at(-0.06, lidY(-HALF_HEIGHT, 1)),
    at(0.6, lidY(-0.205, 0.88)),
    outer,
  ];
  const squash = eye.open < 0.25 ? eye.open / 0.25 : 1;
  const lowerY = (y: number, full: number, bend: number) => {
    const shutY = lidY(full, bend);
    return shutY + (Math.max(y, shutY) - shutY) * squash;
  };
  const lower = [
    inner,
    at(-0.5, lowerY(low * 0.9, -0.13, 0.8)),
    at(0.08, lowerY(low, -HALF_HEIGHT, 1)),
    at(0.68, lowerY(low * 0.68, -0.21, 0.88)),
    outer,
  ];
  return { upper, lower };
}

/** `side` -1 at the left of the screen; `light` moves the highlights, -1..1 each. */
export function drawEye(
  ctx: Context2D,
  space: HeadSpace,
  eye: EyeRig,
  side: number,
  palette: Palette,
  iris: Iris,
  light: Point2,
): void {
  const lids = lidsOf(space, eye, side);
  const { scale } = space;
  if (eye.open > 0.06) {
    const opening = new Path2D();
    addCurve(opening, lids.upper, false);
    addCurve(opening, [...lids.lower].reverse(), true);
    opening.closePath();
    ctx.save();
    ctx.clip(opening);
    ctx.fillStyle = palette.white;
    ctx.fill(opening);
    drawBall(ctx, space, eye, side, iris, light, palette);
    // The lid's shadow on all of it.
    ctx.strokeStyle = alpha(palette.lash, 0.17);
    ctx.lineWidth = 0.15 * scale;
    ctx.stroke(openPath(lids.upper));
    ctx.restore();
  }
  drawLowerLid(ctx, space, eye, lids.lower, palette);
  drawLashes(ctx, space, lids.upper, side, palette);
  if (eye.open > 0.3) {
    ctx.strokeStyle = alpha(palette.skinLine, 0.75);
    ctx.lineWidth = 0.014 * scale;
    const crease = lids.upper.slice(1, 5).map(([x, y], i): Point2 => [x, y - [0.1, 0.125, 0.11, 0.05][i]! * scale]);
    ctx.stroke(openPath(crease));
  }
}

function drawBall(
  ctx: Context2D,
  space: HeadSpace,
  eye: EyeRig,
  side: number,
  iris: Iris,
  light: Point2,
  palette: Palette,
): void {
  const { scale } = space;
  const [x, y] = space.face(side * (EYE_X - 0.015) + eye.gazeX * 0.1, EYE_Y - 0.012 + eye.gazeY * 0.085);
  // A face that turns away shows its iris narrower.
  const [edge] = space.face(side * (EYE_X - 0.015) + eye.gazeX * 0.1 + 0.1, EYE_Y + eye.gazeY * 0.085);
  const narrow = Math.min(1, Math.max(0.55, (edge - x) / (0.1 * scale)));
  const [radiusX, radiusY] = [IRIS_X * scale * narrow, IRIS_Y * scale];
  iris.draw(ctx, x, y, radiusX, radiusY, eye.roll);
  const spark = (dx: number, dy: number, rx: number, ry: number, opacity: number) => {
    ctx.fillStyle = alpha(palette.white, opacity);
    ctx.beginPath();
    ctx.ellipse(x + dx * scale, y + dy * scale, rx * scale * narrow, ry * scale, -0.3, 0, 2 * Math.PI);
    ctx.fill();
  };
  // Lights stay with the world, so they follow the gaze by half, and tremble when it jumps.
  const dx = -eye.gazeX * 0.03 + light[0];
  const dy = -eye.gazeY * 0.03 + light[1];
  spark(-0.058 + dx, -0.085 + dy, 0.058, 0.068, 0.98);
  spark(0.072 + 0.7 * dx, 0.085 + 0.7 * dy, 0.028, 0.034, 0.9);
  spark(0.05 + 1.2 * dx, -0.125 + 1.2 * dy, 0.018, 0.02, 0.85);
}

function drawLowerLid(ctx: Context2D, space: HeadSpace, eye: EyeRig, lower: Point2[], palette: Palette): void {
  if (eye.open < 0.2) return;
  const { scale } = space;
  ctx.lineCap = 'round';
  ctx.strokeStyle = alpha(palette.lash, 0.62);
  ctx.lineWidth = 0.015 * scale;
  ctx.stroke(openPath(lower.slice(1)));
}

/** Thick in the middle, thin at the inner corner, with wings outside. */
function drawLashes(ctx: Context2D, space: HeadSpace, upper: Point2[], side: number, palette: Palette): void {
  const { scale } = space;
  const thickness = [0.01, 0.04, 0.066, 0.07, 0.05];
  // Across the line, so that it keeps its weight where the lid is steep.
  const top = upper.map(([x, y], i): Point2 => {
    const [fromX, fromY] = upper[Math.max(0, i - 1)]!;
    const [toX, toY] = upper[Math.min(4, i + 1)]!;
    const long = Math.hypot(toX - fromX, toY - fromY) || 1;
    const thick = (thickness[i]! * scale * side) / long;
    return [x + (toY - fromY) * thick, y - (toX - fromX) * thick];
  });
  const corner = upper[4]!;
  const path = new Path2D();
  addCurve(path, upper, false);
  const wing = (x: number, y: number): Point2 => [corner[0] + side * x * scale, corner[1] + y * scale];
  path.quadraticCurveTo(...wing(0.03, 0.015), ...wing(0.1, -0.05));
  path.quadraticCurveTo(...wing(0.05, -0.07), ...wing(0.0, -0.085));
  addCurve(path, [...top].reverse(), true);
  path.closePath();
  ctx.fillStyle = palette.lash;
  ctx.fill(path);
  // A warm light in the middle of the lash.
  const [a, b] = [top[2]!, top[3]!];
  ctx.strokeStyle = alpha(mix(palette.lash, palette.blush, 0.5), 0.7);
  ctx.lineWidth = 0.014 * scale;
  ctx.lineCap = 'round';
  ctx.beginPath();
  ctx.moveTo(a[0] + 0.2 * (b[0] - a[0]), a[1] + 0.02 * scale + 0.2 * (b[1] - a[1]));
  ctx.lineTo(a[0] + 0.75 * (b[0] - a[0]), a[1] + 0.022 * scale + 0.75 * (b[1] - a[1]));
  ctx.stroke();
}

export function drawBrow(ctx: Context2D, space: HeadSpace, eye: EyeRig, side: number, palette: Palette): void {
  const base = -0.29;
  const inner = base + 0.02 - 0.15 * eye.browInner - 0.03 * eye.browOuter + 0.14 * eye.browFrown;
  const middle = base - 0.05 - 0.09 * eye.browInner - 0.1 * eye.browOuter + 0.07 * eye.browFrown;
  const outer = base + 0.05 - 0.02 * eye.browInner - 0.15 * eye.browOuter + 0.03 * eye.browFrown;
  const pinch = 0.05 * eye.browFrown;
  const at = (x: number, y: number) => space.face(side * x, y, 0.03);
  const brow = closedPath([
    at(0.2 - pinch, inner - 0.012),
    at(0.44 - pinch, middle - 0.022),
    at(0.7, outer),
    at(0.46 - pinch, middle + 0.024),
    at(0.21 - pinch, inner + 0.026),
  ]);
  ctx.fillStyle = palette.hairDark;
  ctx.fill(brow);
}
