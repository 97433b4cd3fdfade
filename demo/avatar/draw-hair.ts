import { type Palette, SKIN } from './palette.ts';
import { type Context2D, closedPath, type HeadSpace, openPath, type Point3, surface } from './space.ts';

/** Where loose ends hang, against the head: x by swing and wind, in head half-widths. */
export interface HairSway {
  x: number;
  y: number;
}

function gradient(ctx: Context2D, space: HeadSpace, from: Point3, to: Point3, colours: string[]): CanvasGradient {
  const [x0, y0] = space.project(from);
  const [x1, y1] = space.project(to);
  const tone = ctx.createLinearGradient(x0, y0, x1, y1);
  for (const [index, colour] of colours.entries()) tone.addColorStop(index / (colours.length - 1), colour);
  return tone;
}

export function drawBackHair(ctx: Context2D, space: HeadSpace, sway: HairSway, palette: Palette): void {
  const z = -0.45;
  const hang = (x: number, y: number, share: number) => space.project([x + sway.x * share, y + sway.y * share, z]);
  ctx.fillStyle = gradient(ctx, space, [0, -1.2, z], [0, 1.5, z], [palette.hair, palette.hairDark, palette.hairDark]);
  ctx.fill(
    closedPath([
      hang(0, -1.36, 0),
      hang(0.72, -1.16, 0),
      hang(1.15, -0.5, 0.05),
      hang(1.24, 0.3, 0.3),
      hang(1.2, 1.0, 0.7),
      hang(1.02, 1.5, 1.1),
      hang(0.62, 1.36, 1),
      hang(0, 1.3, 0.9),
      hang(-0.62, 1.36, 1),
      hang(-1.02, 1.5, 1.1),
      hang(-1.2, 1.0, 0.7),
      hang(-1.24, 0.3, 0.3),
      hang(-1.15, -0.5, 0.05),
      hang(-0.72, -1.16, 0),
    ]),
  );
}

/** Fringe locks: root at the crown, tip on the brow; [root x, tip x, tip y, half-width]. */
const LOCKS: readonly (readonly [number, number, number, number])[] = [
  [-0.56, -0.93, 0.12, 0.24],
  [0.56, 0.94, 0.14, 0.24],
  [-0.4, -0.68, 0.0, 0.27],
  [0.42, 0.72, -0.04, 0.26],
  [-0.2, -0.34, 0.06, 0.25],
  [0.24, 0.46, -0.1, 0.24],
  [0.02, 0.12, 0.03, 0.24],
];

export function drawFrontHair(ctx: Context2D, space: HeadSpace, sway: HairSway, palette: Palette): void {
  const on = (x: number, y: number, lift: number, share: number) =>
    space.project([x + sway.x * share, y + sway.y * share, surface(x, y) + lift]);
  drawSideLocks(ctx, space, sway, palette);
  ctx.fillStyle = gradient(ctx, space, [0, -1.36, 0.3], [0, 0, 0.9], [palette.hair, palette.hairLight, palette.hair]);
  ctx.strokeStyle = palette.hairDark;
  ctx.lineCap = 'butt';
  ctx.lineJoin = 'round';
  ctx.lineWidth = 0.013 * space.scale;
  // Cap of the crown down to the hairline.
  ctx.fill(
    closedPath([
      space.project([0, -1.38, 0.0]),
      space.project([0.6, -1.24, 0.0]),
      space.project([1.02, -0.78, 0.02]),
      space.project([1.1, -0.2, 0.0]),
      space.project([1.0, 0.04, 0.1]),
      on(0.82, -0.45, 0.1, 0),
      on(0.4, -0.72, 0.12, 0),
      on(0, -0.78, 0.12, 0),
      on(-0.4, -0.72, 0.12, 0),
      on(-0.82, -0.45, 0.1, 0),
      space.project([-1.0, 0.04, 0.1]),
      space.project([-1.1, -0.2, 0.0]),
      space.project([-1.02, -0.78, 0.02]),
      space.project([-0.6, -1.24, 0.0]),
    ]),
  );
  for (const [rootX, tipX, tipY, half] of LOCKS) {
    const bend = (tipX - rootX) * 0.3;
    const lock = new Path2D();
    const left = on(rootX - half, -0.86, 0.1, 0);
    const right = on(rootX + half, -0.86, 0.1, 0);
    const tip = on(tipX, tipY, 0.12, 0.35);
    const leftBend = on(rootX - half * 1.0 + bend, -0.34, 0.15, 0.1);
    const rightBend = on(rootX + half * 1.0 + bend, -0.34, 0.15, 0.1);
    lock.moveTo(...left);
    lock.quadraticCurveTo(...leftBend, ...tip);
    lock.quadraticCurveTo(...rightBend, ...right);
    ctx.fill(lock);
    ctx.globalAlpha = 0.45;
    ctx.stroke(lock);
    ctx.globalAlpha = 1;
  }
  drawShine(ctx, space);
  drawClip(ctx, space, palette);
}

function drawSideLocks(ctx: Context2D, space: HeadSpace, sway: HairSway, palette: Palette): void {
  for (const side of [-1, 1]) {
    const at = (x: number, y: number, z: number, share: number) =>
      space.project([side * x + sway.x * share, y + sway.y * share, z]);
    ctx.fillStyle = gradient(
      ctx,
      space,
      [side, -0.6, 0.1],
      [side, 1.2, 0.1],
      [palette.hair, palette.hairLight, palette.hairDark],
    );
    const lock = closedPath([
      at(0.8, -0.7, 0.3, 0),
      at(1.06, -0.4, 0.15, 0),
      at(1.12, 0.2, 0.12, 0.25),
      at(1.06, 0.75, 0.15, 0.7),
      at(0.96, 1.2, 0.18, 1.15),
      at(0.9, 0.75, 0.2, 0.75),
      at(0.92, 0.2, 0.2, 0.3),
      at(0.9, -0.2, 0.28, 0.05),
    ]);
    ctx.fill(lock);
    ctx.strokeStyle = palette.hairDark;
    ctx.globalAlpha = 0.5;
    ctx.lineWidth = 0.013 * space.scale;
    ctx.stroke(lock);
    ctx.globalAlpha = 1;
  }
}

function drawShine(ctx: Context2D, space: HeadSpace): void {
  ctx.strokeStyle = 'rgba(255, 255, 255, 0.2)';
  ctx.lineWidth = 0.04 * space.scale;
  ctx.lineCap = 'round';
  const arc = (from: number, to: number) => {
    const points = [0, 1, 2, 3].map((i) => {
      const x = from + ((to - from) * i) / 3;
      return space.project([x, -0.93 + 0.34 * x * x, 0.55 - 0.4 * x * x]);
    });
    ctx.stroke(openPath(points));
  };
  arc(-0.66, -0.2);
  arc(0.02, 0.18);
  arc(0.38, 0.62);
}

/** A hair clip: three gusts of wind. */
function drawClip(ctx: Context2D, space: HeadSpace, palette: Palette): void {
  const [x, y] = space.project([0.78, -0.52, 0.62]);
  const size = 0.15 * space.scale;
  ctx.save();
  ctx.translate(x, y);
  ctx.rotate(-0.35);
  ctx.lineCap = 'round';
  for (const [colour, width] of [
    ['#ffffff', 0.085],
    [palette.accent, 0.052],
  ] as const) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width * space.scale;
    for (const [offset, length] of [
      [-0.7, 1],
      [0, 1.35],
      [0.7, 0.8],
    ] as const) {
      ctx.beginPath();
      ctx.moveTo(-length * size, offset * size);
      ctx.quadraticCurveTo(0, (offset - 0.35) * size, length * size, offset * size);
      ctx.stroke();
    }
  }
  ctx.restore();
}

/** Neck and shoulders: they stay with the body, which breathes and leans a little with the head. */
export function drawBody(
  ctx: Context2D,
  x: number,
  y: number,
  scale: number,
  breath: number,
  lean: number,
  palette: Palette,
): void {
  const at = (u: number, v: number): [number, number] => [
    x + (u + lean * Math.max(0, 1.9 - v) * 0.25) * scale,
    y + v * scale,
  ];
  const lift = 0.025 * breath;
  ctx.fillStyle = SKIN.shade;
  const neck = new Path2D();
  neck.moveTo(...at(-0.3, 0.7));
  neck.lineTo(...at(0.3, 0.7));
  neck.quadraticCurveTo(...at(0.3, 1.3), ...at(0.5, 1.55 - lift));
  neck.quadraticCurveTo(...at(0, 2.2 - lift), ...at(-0.5, 1.55 - lift));
  neck.quadraticCurveTo(...at(-0.3, 1.3), ...at(-0.3, 0.7));
  ctx.fill(neck);
  const cloth = ctx.createLinearGradient(...at(0, 1.3), ...at(0, 3));
  cloth.addColorStop(0, palette.cloth);
  cloth.addColorStop(1, palette.clothDark);
  ctx.fillStyle = cloth;
  const body = new Path2D();
  body.moveTo(...at(-0.52, 1.4 - lift));
  body.quadraticCurveTo(...at(0, 1.95 - lift), ...at(0.52, 1.4 - lift));
  body.bezierCurveTo(...at(0.9, 1.56 - lift), ...at(1.5, 1.6 - lift), ...at(1.75, 2.1 - lift));
  body.quadraticCurveTo(...at(1.95, 2.6), ...at(2.0, 3.6));
  body.lineTo(...at(-2.0, 3.6));
  body.quadraticCurveTo(...at(-1.95, 2.6), ...at(-1.75, 2.1 - lift));
  body.bezierCurveTo(...at(-1.5, 1.6 - lift), ...at(-0.9, 1.56 - lift), ...at(-0.52, 1.4 - lift));
  ctx.fill(body);
  ctx.strokeStyle = palette.accent;
  ctx.lineWidth = 0.07 * scale;
  ctx.lineCap = 'round';
  const collar = new Path2D();
  collar.moveTo(...at(-0.6, 1.46 - lift));
  collar.quadraticCurveTo(...at(0, 2.1 - lift), ...at(0.6, 1.46 - lift));
  ctx.stroke(collar);
}
