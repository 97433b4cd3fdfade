import type { Hair, Lock } from '../motion/hair.ts';
import { alpha } from './colour.ts';
import { along, lockPath, type Spine, streak } from './lock.ts';
import type { Palette } from './palette.ts';
import { type Context2D, closedPath, type HeadSpace, type Point2, surface } from './space.ts';

function spineOf(space: HeadSpace, { shape, strand }: Lock): Spine {
  const points = shape.points.map((_, i) => space.canvas(strand.x(i), strand.y(i)));
  return { points, widths: shape.widths.map((width) => width * space.scale) };
}

function outline(
  ctx: Context2D,
  space: HeadSpace,
  path: Path2D,
  palette: Palette,
  opacity: number,
  width = 0.016,
): void {
  ctx.strokeStyle = alpha(palette.hairLine, opacity);
  ctx.lineWidth = width * space.scale;
  ctx.lineJoin = 'round';
  ctx.stroke(path);
}

/** Behind everything: the mass of the hair, its locks down the back with their inside in another colour. */
export function drawBackHair(ctx: Context2D, space: HeadSpace, hair: Hair, palette: Palette): void {
  for (const lock of hair.long) {
    const spine = spineOf(space, lock);
    const path = lockPath(spine);
    ctx.fillStyle = along(ctx, spine, [
      [0, palette.hairDark],
      [0.45, palette.hairDark],
      [0.72, palette.hair],
      [1, palette.inner],
    ]);
    ctx.fill(path);
    outline(ctx, space, path, palette, 0.7);
    // The others hang behind the body.
    if (Math.abs(lock.shape.points[0]![0]) < 0.7) continue;
    ctx.fillStyle = alpha(palette.hairLine, 0.35);
    ctx.fill(streak(spine, 0.45, 0.2, 1, 6));
    ctx.fillStyle = alpha(palette.hairLight, 0.22);
    ctx.fill(streak(spine, -0.45, 0.16, 1, 6));
  }
  const z = -0.4;
  const at = (x: number, y: number) => space.project([x, y, z]);
  const mass = closedPath([
    at(0, -1.5),
    at(0.7, -1.28),
    at(1.14, -0.56),
    at(1.24, 0.2),
    at(1.16, 0.9),
    at(0.7, 1.3),
    at(0, 1.2),
    at(-0.7, 1.3),
    at(-1.16, 0.9),
    at(-1.24, 0.2),
    at(-1.14, -0.56),
    at(-0.7, -1.28),
  ]);
  ctx.fillStyle = palette.hairDark;
  ctx.fill(mass);
  outline(ctx, space, mass, palette, 0.6);
}

/** Locks at the temples. They lie before the shoulders. */
export function drawSideLocks(ctx: Context2D, space: HeadSpace, hair: Hair, palette: Palette): void {
  for (const [index, lock] of hair.sides.entries()) {
    const spine = spineOf(space, lock);
    const path = lockPath(spine);
    ctx.fillStyle = along(ctx, spine, [
      [0, palette.hair],
      [0.3, palette.hair],
      [0.62, palette.hair],
      [1, palette.inner],
    ]);
    ctx.fill(path);
    // The light comes from the upper left.
    ctx.fillStyle = alpha(palette.hairDark, 0.5);
    ctx.fill(streak(spine, 0.5, 0.42, 0, 5));
    ctx.fillStyle = alpha(palette.hairLight, index < 2 ? 0.42 : 0.6);
    ctx.fill(streak(spine, -0.42, 0.14, 1, 4));
    outline(ctx, space, path, palette, 0.85);
  }
}

/** Where the fringe throws its shadow: the same locks a little lower, in one path. */
export function fringeShadow(space: HeadSpace, hair: Hair): Path2D {
  const path = new Path2D();
  const drop = 0.085 * space.scale;
  for (const lock of hair.fringe) {
    const spine = spineOf(space, lock);
    for (const point of spine.points) {
      point[0] += drop * 0.45;
      point[1] += drop;
    }
    path.addPath(lockPath(spine));
  }
  return path;
}

export function drawFrontHair(ctx: Context2D, space: HeadSpace, hair: Hair, palette: Palette): void {
  ctx.lineCap = 'round';
  drawAhoge(ctx, space, hair, palette);
  drawCap(ctx, space, palette);
  for (const lock of hair.fringe) {
    const spine = spineOf(space, lock);
    const path = lockPath(spine);
    ctx.fillStyle = along(ctx, spine, [
      [0, palette.hairDark],
      [0.3, palette.hair],
      [0.72, palette.hair],
      [1, palette.hairLight],
    ]);
    ctx.fill(path);
    ctx.fillStyle = alpha(palette.hairDark, 0.42);
    ctx.fill(streak(spine, 0.55, 0.34, 1, 5));
    outline(ctx, space, path, palette, 0.55, 0.013);
  }
  drawShine(ctx, space, palette);
  drawClip(ctx, space, palette);
}

function drawAhoge(ctx: Context2D, space: HeadSpace, hair: Hair, palette: Palette): void {
  const spine = spineOf(space, hair.ahoge);
  const path = lockPath(spine);
  ctx.fillStyle = palette.hair;
  ctx.fill(path);
  ctx.fillStyle = alpha(palette.hairLight, 0.6);
  ctx.fill(streak(spine, -0.2, 0.3, 1, 4));
  outline(ctx, space, path, palette, 0.8, 0.014);
}

function capPath(space: HeadSpace): Path2D {
  const on = (x: number, y: number): Point2 => space.project([x, y, surface(x, y) + 0.1]);
  return closedPath([
    space.project([0, -1.5, -0.05]),
    space.project([0.6, -1.34, -0.05]),
    space.project([1.05, -0.78, -0.03]),
    space.project([1.12, -0.2, -0.03]),
    space.project([1.0, 0.1, 0.1]),
    on(0.84, -0.42),
    on(0.42, -0.66),
    on(0, -0.74),
    on(-0.42, -0.66),
    on(-0.84, -0.42),
    space.project([-1.0, 0.1, 0.1]),
    space.project([-1.12, -0.2, -0.03]),
    space.project([-1.05, -0.78, -0.03]),
    space.project([-0.6, -1.34, -0.05]),
  ]);
}

/** The crown of the head down to the hairline. */
function drawCap(ctx: Context2D, space: HeadSpace, palette: Palette): void {
  const path = capPath(space);
  const [, top] = space.project([0, -1.4, 0]);
  const [, low] = space.project([0, 0.1, 0.7]);
  const tone = ctx.createLinearGradient(0, top, 0, low);
  tone.addColorStop(0, palette.hairDark);
  tone.addColorStop(0.28, palette.hair);
  tone.addColorStop(1, palette.hair);
  ctx.fillStyle = tone;
  ctx.fill(path);
  outline(ctx, space, path, palette, 0.85, 0.018);
}

/** The band of light about the head: on each side of the parting a crescent, ragged where locks part. */
function drawShine(ctx: Context2D, space: HeadSpace, palette: Palette): void {
  const on = (x: number, y: number): Point2 => space.project([x, y, surface(x, y) + 0.18]);
  const curve = (x: number) => -0.8 + 0.36 * x * x;
  for (const [from, to, count] of [
    [-0.86, -0.12, 5],
    [0.12, 0.62, 4],
  ] as const) {
    const x = (share: number) => from + (to - from) * share;
    const path = new Path2D();
    path.moveTo(...on(from, curve(from)));
    path.quadraticCurveTo(...on(x(0.5), curve(x(0.5)) - 0.2), ...on(to, curve(to)));
    for (let i = count - 1; i >= 0; i -= 1) {
      const [middle, end] = [(i + 0.5) / count, i / count];
      const deep = 0.09 * Math.sin(Math.PI * middle) * (i % 2 === 0 ? 1 : 0.6);
      path.quadraticCurveTo(...on(x(middle), curve(x(middle)) + deep), ...on(x(end), curve(x(end)) - 0.012));
    }
    path.closePath();
    const [, top] = on(x(0.5), curve(x(0.5)) - 0.1);
    const [, low] = on(x(0.5), curve(x(0.5)) + 0.08);
    const tone = ctx.createLinearGradient(0, top, 0, low);
    tone.addColorStop(0, alpha(palette.hairLight, 0.15));
    tone.addColorStop(0.5, alpha(palette.hairLight, 0.9));
    tone.addColorStop(1, alpha(palette.hairLight, 0.65));
    ctx.fillStyle = tone;
    ctx.fill(path);
  }
}

/** A hair clip: three gusts of wind. */
function drawClip(ctx: Context2D, space: HeadSpace, palette: Palette): void {
  const [x, y] = space.project([0.8, -0.46, 0.66]);
  const size = 0.13 * space.scale;
  ctx.save();
  ctx.translate(x, y);
  ctx.rotate(-0.35);
  ctx.lineCap = 'round';
  for (const [colour, width, drop] of [
    [alpha(palette.hairLine, 0.6), 0.085, 0.02],
    [palette.white, 0.082, 0],
    [palette.accent, 0.05, 0],
  ] as const) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width * space.scale;
    for (const [offset, length] of [
      [-0.72, 1],
      [0, 1.35],
      [0.72, 0.8],
    ] as const) {
      const dy = drop * space.scale;
      ctx.beginPath();
      ctx.moveTo(-length * size, offset * size + dy);
      ctx.quadraticCurveTo(0, (offset - 0.4) * size + dy, length * size, offset * size + dy);
      ctx.stroke();
    }
  }
  ctx.restore();
}
