import type { Ribbons } from '../motion/ribbons.ts';
import { alpha } from './colour.ts';
import { along, lockPath, streak } from './lock.ts';
import type { Palette } from './palette.ts';
import { type Context2D, closedPath, type Point2 } from './space.ts';

/** Where the body is: its coordinates are the head's at rest, x right, y down, in head half-widths. */
export class BodySpace {
  #x = 0;
  #y = 0;
  #scale = 1;
  #lean = 0;
  #turn = 0;
  #lift = 0;

  /** `lean` with the head's tilt, `turn` with its yaw, both -1..1; `breath` -1..1. */
  place(x: number, y: number, scale: number, lean: number, turn: number, breath: number): void {
    this.#x = x;
    this.#y = y;
    this.#scale = scale;
    this.#lean = lean;
    this.#turn = turn;
    this.#lift = 0.028 * breath;
  }

  get scale(): number {
    return this.#scale;
  }

  /** In head half-widths about the body's own place: shoulders rise with the breath, hips stay. */
  readonly unit = (u: number, v: number): [number, number] => {
    const high = Math.max(0, 1 - Math.max(0, v - 1.2) / 3);
    const near = Math.max(0, 1 - Math.abs(u) / 2.4);
    return [
      u * (1 + 0.5 * this.#lift * high) + this.#lean * 0.22 * high + this.#turn * 0.16 * near,
      v - this.#lift * high,
    ];
  };

  canvas(x: number, y: number): Point2 {
    return [this.#x + x * this.#scale, this.#y + y * this.#scale];
  }

  at(u: number, v: number): Point2 {
    return this.canvas(...this.unit(u, v));
  }
}

function line(ctx: Context2D, space: BodySpace, palette: Palette, width = 0.016): void {
  ctx.strokeStyle = alpha(palette.collarDark, 0.75);
  ctx.lineWidth = width * space.scale;
  ctx.lineJoin = 'round';
  ctx.lineCap = 'round';
}

function curve(space: BodySpace, start: Point2, ...rest: [number, number, number, number, number, number][]): Path2D {
  const path = new Path2D();
  path.moveTo(...space.at(...start));
  for (const [a, b, c, d, e, f] of rest) path.bezierCurveTo(...space.at(a, b), ...space.at(c, d), ...space.at(e, f));
  return path;
}

export function drawNeck(ctx: Context2D, space: BodySpace, palette: Palette, chin: Point2): void {
  const neck = curve(
    space,
    [-0.3, 0.6],
    [-0.3, 1.1, -0.28, 1.32, -0.62, 1.52],
    [-0.5, 2.9, 0.5, 2.9, 0.62, 1.52],
    [0.28, 1.32, 0.3, 1.1, 0.3, 0.6],
  );
  ctx.fillStyle = palette.skin;
  ctx.fill(neck);
  ctx.save();
  ctx.clip(neck);
  // The head's shadow, which follows the chin.
  const { scale } = space;
  const [x] = chin;
  const low = space.at(0, 1.36)[1];
  ctx.fillStyle = palette.skinShade;
  const shade = new Path2D();
  shade.moveTo(x - 0.7 * scale, low - 0.9 * scale);
  shade.lineTo(x - 0.5 * scale, low - 0.12 * scale);
  shade.quadraticCurveTo(x + 0.06 * scale, low + 0.3 * scale, x + 0.5 * scale, low - 0.16 * scale);
  shade.lineTo(x + 0.7 * scale, low - 0.9 * scale);
  ctx.fill(shade);
  ctx.restore();
  // Collar bones.
  ctx.strokeStyle = alpha(palette.skinLine, 0.4);
  ctx.lineWidth = 0.014 * scale;
  ctx.lineCap = 'round';
  ctx.stroke(curve(space, [-0.4, 1.66], [-0.28, 1.7, -0.16, 1.72, -0.07, 1.78]));
  ctx.stroke(curve(space, [0.4, 1.66], [0.28, 1.7, 0.16, 1.72, 0.07, 1.78]));
  ctx.strokeStyle = alpha(palette.skinLine, 0.7);
  ctx.stroke(neck);
}

/** Blouse with a sailor's collar. */
export function drawBody(ctx: Context2D, space: BodySpace, palette: Palette): void {
  const body = curve(space, [-0.5, 1.5], [-0.95, 1.66, -1.45, 1.66, -1.72, 2.12], [-1.95, 2.55, -2.1, 3.6, -2.2, 5.6]);
  body.lineTo(...space.at(2.2, 5.6));
  body.bezierCurveTo(...space.at(2.1, 3.6), ...space.at(1.95, 2.55), ...space.at(1.72, 2.12));
  body.bezierCurveTo(...space.at(1.45, 1.66), ...space.at(0.95, 1.66), ...space.at(0.5, 1.5));
  body.quadraticCurveTo(...space.at(0.3, 2.3), ...space.at(0, 2.42));
  body.quadraticCurveTo(...space.at(-0.3, 2.3), ...space.at(-0.5, 1.5));
  const [, top] = space.at(0, 1.6);
  const [, low] = space.at(0, 4.4);
  const cloth = ctx.createLinearGradient(0, top, 0, low);
  cloth.addColorStop(0, palette.cloth);
  cloth.addColorStop(1, palette.clothShade);
  ctx.fillStyle = cloth;
  ctx.fill(body);
  line(ctx, space, palette);
  ctx.stroke(body);
  // Sleeves: where the arms part from the body, and folds.
  ctx.fillStyle = alpha(palette.clothShade, 0.75);
  for (const side of [-1, 1]) {
    const fold = curve(
      space,
      [side * 1.22, 2.34],
      [side * 1.3, 2.8, side * 1.3, 3.6, side * 1.24, 5.6],
      [side * 1.4, 5.6, side * 1.44, 5.6, side * 1.5, 5.6],
      [side * 1.5, 4.2, side * 1.46, 3.0, side * 1.22, 2.34],
    );
    ctx.fill(fold);
    ctx.strokeStyle = alpha(palette.collarDark, 0.4);
    ctx.stroke(curve(space, [side * 1.22, 2.34], [side * 1.3, 2.8, side * 1.3, 3.6, side * 1.24, 5.6]));
    ctx.stroke(curve(space, [side * 0.8, 3.1], [side * 0.72, 3.4, side * 0.74, 3.8, side * 0.86, 4.2]));
  }
  drawCollar(ctx, space, palette);
}

function drawCollar(ctx: Context2D, space: BodySpace, palette: Palette): void {
  for (const side of [-1, 1]) {
    const half = curve(
      space,
      [side * 0.46, 1.42],
      [side * 0.78, 1.5, side * 1.14, 1.62, side * 1.42, 1.8],
      [side * 1.3, 2.1, side * 1.12, 2.34, side * 0.94, 2.5],
      [side * 0.6, 2.52, side * 0.28, 2.54, 0, 2.62],
      [side * 0.1, 2.3, side * 0.36, 1.9, side * 0.46, 1.42],
    );
    // Its shadow on the blouse.
    ctx.save();
    ctx.translate(0, 0.06 * space.scale);
    ctx.fillStyle = alpha(palette.collarDark, 0.18);
    ctx.fill(half);
    ctx.restore();
    const tone = ctx.createLinearGradient(...space.at(0, 1.5), ...space.at(side * 0.4, 2.6));
    tone.addColorStop(0, palette.collar);
    tone.addColorStop(1, palette.collarDark);
    ctx.fillStyle = tone;
    ctx.fill(half);
    line(ctx, space, palette, 0.014);
    ctx.stroke(half);
    ctx.strokeStyle = palette.accent;
    ctx.lineWidth = 0.03 * space.scale;
    for (const inset of [0.1, 0.19]) {
      ctx.stroke(
        curve(
          space,
          [side * (1.42 - inset * 1.25), 1.8 - inset * 0.35],
          [
            side * (1.3 - inset * 1.2),
            2.08 - inset * 0.5,
            side * (1.12 - inset * 1.1),
            2.32 - inset * 0.9,
            side * (0.94 - inset * 0.8),
            2.5 - inset,
          ],
          [side * 0.55, 2.52 - inset, side * 0.3, 2.54 - inset, side * 0.16, 2.57 - inset],
        ),
      );
    }
  }
}

/** The bow on the chest; its ends swing. */
export function drawBow(ctx: Context2D, space: BodySpace, ribbons: Ribbons, palette: Palette): void {
  for (const { shape, strand } of ribbons.tails) {
    const spine = {
      points: shape.points.map((_, i) => space.canvas(strand.x(i), strand.y(i))),
      widths: shape.widths.map((width) => width * space.scale),
    };
    const path = lockPath(spine);
    ctx.fillStyle = along(ctx, spine, [
      [0, palette.ribbonDark],
      [0.35, palette.ribbon],
      [1, palette.ribbon],
    ]);
    ctx.fill(path);
    ctx.fillStyle = alpha(palette.ribbonDark, 0.45);
    ctx.fill(streak(spine, 0.45, 0.3));
    line(ctx, space, palette, 0.014);
    ctx.stroke(path);
  }
  for (const side of [-1, 1]) {
    const at = (u: number, v: number) => space.at(side * u, v);
    const loop = closedPath([
      at(0.04, 2.5),
      at(0.3, 2.3),
      at(0.56, 2.28),
      at(0.6, 2.52),
      at(0.54, 2.74),
      at(0.28, 2.68),
    ]);
    const tone = ctx.createLinearGradient(...at(0, 2.5), ...at(0.6, 2.4));
    tone.addColorStop(0, palette.ribbonDark);
    tone.addColorStop(0.5, palette.ribbon);
    tone.addColorStop(1, palette.ribbon);
    ctx.fillStyle = tone;
    ctx.fill(loop);
    line(ctx, space, palette, 0.014);
    ctx.stroke(loop);
    ctx.strokeStyle = alpha(palette.ribbonDark, 0.8);
    for (const [u, v] of [
      [0.34, 2.42],
      [0.36, 2.58],
    ] as const) {
      const crease = new Path2D();
      crease.moveTo(...at(0.08, 2.5));
      crease.quadraticCurveTo(...at(0.2, (2.5 + v) / 2), ...at(u, v));
      ctx.stroke(crease);
    }
  }
  const knot = closedPath([
    space.at(-0.09, 2.4),
    space.at(0.09, 2.4),
    space.at(0.11, 2.52),
    space.at(0.08, 2.63),
    space.at(-0.08, 2.63),
    space.at(-0.11, 2.52),
  ]);
  ctx.fillStyle = palette.ribbon;
  ctx.fill(knot);
  line(ctx, space, palette, 0.014);
  ctx.stroke(knot);
}
