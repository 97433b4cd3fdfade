import { addCurve, type Context2D, type Point2 } from './space.ts';

/** The middle of a strand on the canvas, and half of its width at each point, px. */
export interface Spine {
  points: Point2[];
  widths: number[];
}

/** The two edges of a strand: left and right on the screen where it hangs down. */
function edges({ points, widths }: Spine): { left: Point2[]; right: Point2[] } {
  const left: Point2[] = [];
  const right: Point2[] = [];
  const last = points.length - 1;
  for (const [i, [x, y]] of points.entries()) {
    const [fromX, fromY] = points[Math.max(0, i - 1)]!;
    const [toX, toY] = points[Math.min(last, i + 1)]!;
    const long = Math.hypot(toX - fromX, toY - fromY) || 1;
    const width = widths[i]!;
    const nx = (-(toY - fromY) / long) * width;
    const ny = ((toX - fromX) / long) * width;
    left.push([x + nx, y + ny]);
    right.push([x - nx, y - ny]);
  }
  return { left, right };
}

/** The outline of a strand that ends in a point, or squarely where its last width is not 0. */
export function lockPath(spine: Spine): Path2D {
  const { left, right } = edges(spine);
  const path = new Path2D();
  addCurve(path, left, false);
  addCurve(path, right.reverse(), true);
  path.closePath();
  return path;
}

/** A narrower strand inside, `side` -1 (left) to 1 (right) of the middle; `from` and `to` are points of the spine. */
export function streak(spine: Spine, side: number, share: number, from = 0, to = spine.points.length): Path2D {
  const { left, right } = edges(spine);
  const points = left.map(([x, y], i): Point2 => {
    const t = (side + 1) / 2;
    return [x + (right[i]![0] - x) * t, y + (right[i]![1] - y) * t];
  });
  const widths = spine.widths.map((width) => width * share);
  const part = { points: points.slice(from, to), widths: widths.slice(from, to) };
  if (from > 0) part.widths[0] = 0;
  part.widths[part.widths.length - 1] = 0;
  return lockPath(part);
}

/** Fill along a strand, from its root to its tip. */
export function along(
  ctx: Context2D,
  { points }: Spine,
  stops: readonly (readonly [number, string])[],
): CanvasGradient {
  const tone = ctx.createLinearGradient(...points[0]!, ...points.at(-1)!);
  for (const [at, colour] of stops) tone.addColorStop(at, colour);
  return tone;
}
