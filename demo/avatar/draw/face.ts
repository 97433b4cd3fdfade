import type { Rig } from '../rig.ts';
import { alpha, mix } from './colour.ts';
import type { Palette } from './palette.ts';
import { type Context2D, closedPath, type HeadSpace, openPath, type Point2 } from './space.ts';

export function facePath(space: HeadSpace, rig: Rig): Path2D {
  const drop = 0.16 * rig.jawDrop;
  const puff = 0.09 * rig.cheekPuff;
  const shift = rig.jawShift;
  const forward = 0.14 * rig.jawForward;
  return closedPath([
    space.project([0, -1.02, 0.1]),
    space.project([0.62, -0.86, 0.05]),
    space.project([0.94, -0.42, 0]),
    space.project([0.955, 0.1, 0]),
    space.project([0.85 + puff, 0.46, 0.08]),
    space.project([0.5 + puff + shift * 0.5, 0.84 + 0.6 * drop, 0.22]),
    space.project([0.12 + shift, 1.09 + drop, 0.4 + forward]),
    space.project([-0.12 + shift, 1.09 + drop, 0.4 + forward]),
    space.project([-0.5 - puff + shift * 0.5, 0.84 + 0.6 * drop, 0.22]),
    space.project([-0.85 - puff, 0.46, 0.08]),
    space.project([-0.955, 0.1, 0]),
    space.project([-0.94, -0.42, 0]),
    space.project([-0.62, -0.86, 0.05]),
  ]);
}

/** Where the chin is on the canvas. */
export function chinOf(space: HeadSpace, rig: Rig): Point2 {
  return space.project([rig.jawShift, 1.09 + 0.16 * rig.jawDrop, 0.4]);
}

export function drawEars(ctx: Context2D, space: HeadSpace, palette: Palette): void {
  for (const side of [-1, 1]) {
    const ear = closedPath([
      space.project([side * 0.92, 0.04, -0.08]),
      space.project([side * 1.06, 0.0, -0.16]),
      space.project([side * 1.09, 0.18, -0.18]),
      space.project([side * 1.0, 0.42, -0.12]),
      space.project([side * 0.92, 0.42, -0.08]),
    ]);
    ctx.fillStyle = palette.skinShade;
    ctx.fill(ear);
    ctx.strokeStyle = alpha(palette.skinLine, 0.7);
    ctx.lineWidth = 0.014 * space.scale;
    ctx.stroke(ear);
  }
}

/** The skin with its light and shade; `shadow` is what the fringe throws. */
export function drawSkin(ctx: Context2D, space: HeadSpace, rig: Rig, palette: Palette, shadow: Path2D): void {
  const { scale } = space;
  const path = facePath(space, rig);
  // The side away from the light, softly.
  const [lightX, lightY] = space.project([-0.3, -0.1, 0.8]);
  const round = ctx.createRadialGradient(lightX, lightY, 0.75 * scale, lightX, lightY, 1.55 * scale);
  round.addColorStop(0, palette.skin);
  round.addColorStop(1, mix(palette.skin, palette.skinShade, 0.95));
  ctx.fillStyle = round;
  ctx.fill(path);
  ctx.save();
  ctx.clip(path);
  drawBlush(ctx, space, rig, palette);
  ctx.fillStyle = alpha(palette.skinDeep, 0.5);
  ctx.fill(shadow);
  ctx.restore();
  ctx.strokeStyle = alpha(palette.skinLine, 0.8);
  ctx.lineWidth = 0.016 * scale;
  ctx.lineJoin = 'round';
  ctx.stroke(path);
}

function drawBlush(ctx: Context2D, space: HeadSpace, rig: Rig, palette: Palette): void {
  const { scale } = space;
  for (const [index, side] of [-1, 1].entries()) {
    const up = rig.cheekUp[index]!;
    const warm = Math.min(0.75, 0.26 + 0.28 * rig.smile + 0.2 * rig.cheekPuff + 0.2 * up);
    const [x, y] = space.face(side * 0.6, 0.53 - 0.05 * rig.smile - 0.05 * up);
    const radius = (0.27 + 0.05 * rig.cheekPuff) * scale;
    const glow = ctx.createRadialGradient(x, y, 0, x, y, radius);
    glow.addColorStop(0, alpha(palette.blush, warm));
    glow.addColorStop(0.5, alpha(palette.blush, warm * 0.55));
    glow.addColorStop(1, alpha(palette.blush, 0));
    ctx.fillStyle = glow;
    ctx.save();
    ctx.translate(x, y);
    ctx.scale(1, 0.62);
    ctx.translate(-x, -y);
    ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    ctx.restore();
    // Three strokes of a pen, as in comics.
    ctx.strokeStyle = alpha(palette.blush, Math.max(0, warm - 0.12));
    ctx.lineWidth = 0.016 * scale;
    ctx.lineCap = 'round';
    for (const n of [-1, 0, 1]) {
      const [from, to] = [
        space.face(side * 0.6 + 0.085 * n + 0.022, 0.5 - 0.05 * up),
        space.face(side * 0.6 + 0.085 * n - 0.022, 0.57 - 0.05 * up),
      ];
      ctx.beginPath();
      ctx.moveTo(...from);
      ctx.lineTo(...to);
      ctx.stroke();
    }
    // A cheek that is pushed up or blown shows its edge.
    const edge = Math.max(up, rig.cheekPuff) - 0.12;
    if (edge <= 0) continue;
    ctx.strokeStyle = alpha(palette.skinLine, 0.55 * Math.min(1, edge));
    ctx.lineWidth = 0.014 * scale;
    const high = rig.cheekPuff > up ? 0.66 : 0.46;
    ctx.stroke(
      openPath([
        space.face(side * 0.36, high + 0.02),
        space.face(side * 0.56, high - 0.045 + 0.02 * rig.cheekPuff),
        space.face(side * 0.74, high - 0.02),
      ]),
    );
  }
}

export function drawNose(ctx: Context2D, space: HeadSpace, rig: Rig, palette: Palette): void {
  const { scale } = space;
  const lift = -0.03 * (rig.sneer[0] + rig.sneer[1]);
  const tip = space.face(0.005, 0.46 + lift, 0.12);
  const under = space.face(0.05, 0.5 + lift, 0.03);
  // Its shade, a small wedge on the far side of the light.
  ctx.fillStyle = alpha(palette.skinDeep, 0.42);
  const wedge = new Path2D();
  wedge.moveTo(...space.face(0.025, 0.36 + lift, 0.08));
  wedge.quadraticCurveTo(...space.face(0.09, 0.45 + lift, 0.06), ...under);
  wedge.quadraticCurveTo(...space.face(0.02, 0.49 + lift, 0.08), ...tip);
  wedge.closePath();
  ctx.fill(wedge);
  ctx.strokeStyle = alpha(palette.skinLine, 0.85);
  ctx.lineWidth = 0.018 * scale;
  ctx.lineCap = 'round';
  ctx.stroke(openPath([space.face(-0.028, 0.492 + lift, 0.07), tip, under]));
  ctx.fillStyle = alpha(palette.white, 0.8);
  ctx.beginPath();
  ctx.ellipse(tip[0] - 0.012 * scale, tip[1] - 0.05 * scale, 0.016 * scale, 0.026 * scale, 0.2, 0, 2 * Math.PI);
  ctx.fill();
  // Wrinkles beside it.
  for (const [index, side] of [-1, 1].entries()) {
    const sneer = rig.sneer[index]! - 0.1;
    if (sneer <= 0) continue;
    ctx.strokeStyle = alpha(palette.skinLine, 0.7 * Math.min(1, sneer * 1.2));
    ctx.lineWidth = 0.014 * scale;
    for (const [x, y] of [
      [0.1, 0.3],
      [0.13, 0.36],
    ] as const) {
      ctx.stroke(openPath([space.face(side * (x - 0.05), y - 0.05, 0.06), space.face(side * x, y, 0.04)]));
    }
  }
}
