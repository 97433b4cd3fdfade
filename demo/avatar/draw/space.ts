/** Of a canvas on the page or in a worker: drawing is the same. */
export type Context2D = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** A point on or around the head: x right, y down, z to the viewer, in head half-widths. */
export type Point3 = readonly [x: number, y: number, z: number];
export type Point2 = [x: number, y: number];

const PIVOT_Y = 1.15;
const PIVOT_Z = -0.25;
const CAMERA = 6.5;

/** Depth of the face's front at (x, y): an ellipsoid that the features lie on. */
export function surface(x: number, y: number): number {
  return 0.74 * Math.sqrt(Math.max(0, 1 - (x / 1.12) ** 2 - ((y - 0.05) / 1.55) ** 2));
}

/** Turns points with the head about the neck and drops them on the canvas. */
export class HeadSpace {
  #sinYaw = 0;
  #cosYaw = 1;
  #sinPitch = 0;
  #cosPitch = 1;
  #sinRoll = 0;
  #cosRoll = 1;
  #x = 0;
  #y = 0;
  #scale = 1;

  /** Angles in rad: yaw to the liver's right (screen left), pitch down, roll to the liver's right shoulder. */
  turn(yaw: number, pitch: number, roll: number): void {
    this.#sinYaw = Math.sin(yaw);
    this.#cosYaw = Math.cos(yaw);
    this.#sinPitch = Math.sin(pitch);
    this.#cosPitch = Math.cos(pitch);
    this.#sinRoll = Math.sin(roll);
    this.#cosRoll = Math.cos(roll);
  }

  place(x: number, y: number, scale: number): void {
    this.#x = x;
    this.#y = y;
    this.#scale = scale;
  }

  get scale(): number {
    return this.#scale;
  }

  /** On the canvas. */
  project(point: Point3): Point2 {
    const [x, y] = this.unit(point);
    return this.canvas(x, y);
  }

  /** From `unit` to the canvas. */
  canvas(x: number, y: number): Point2 {
    return [this.#x + x * this.#scale, this.#y + y * this.#scale];
  }

  /** The turned point in head half-widths about the head's own place: what hangs there moves without the canvas. */
  unit(point: Point3): Point2 {
    const x = point[0];
    const y = point[1] - PIVOT_Y;
    const z = point[2] - PIVOT_Z;
    const turnedX = x * this.#cosYaw - z * this.#sinYaw;
    const turnedZ = x * this.#sinYaw + z * this.#cosYaw;
    const pitchedY = y * this.#cosPitch + turnedZ * this.#sinPitch;
    const pitchedZ = turnedZ * this.#cosPitch - y * this.#sinPitch;
    const near = CAMERA / (CAMERA - pitchedZ);
    const rolledX = turnedX * this.#cosRoll + pitchedY * this.#sinRoll;
    const rolledY = pitchedY * this.#cosRoll - turnedX * this.#sinRoll;
    return [rolledX * near, rolledY * near + PIVOT_Y];
  }

  /** As `unit` of a point that hangs from `root` by its weight: it goes round with the head, but does not tilt. */
  hanging(root: Point3, point: Point3): Point2 {
    const [x, y] = this.unit(root);
    const dx = point[0] - root[0];
    const dz = point[2] - root[2];
    return [x + dx * this.#cosYaw - dz * this.#sinYaw, y + point[1] - root[1]];
  }

  /** On the face's front at (x, y), `lift` before it. */
  face(x: number, y: number, lift = 0): Point2 {
    return this.project([x, y, surface(x, y) + lift]);
  }
}

/** A smooth closed line through the points (Catmull-Rom as Beziers). */
export function closedPath(points: readonly Point2[]): Path2D {
  const path = new Path2D();
  const count = points.length;
  path.moveTo(...points[0]!);
  for (let i = 0; i < count; i += 1) {
    const before = points[(i - 1 + count) % count]!;
    const from = points[i]!;
    const to = points[(i + 1) % count]!;
    const after = points[(i + 2) % count]!;
    path.bezierCurveTo(
      from[0] + (to[0] - before[0]) / 6,
      from[1] + (to[1] - before[1]) / 6,
      to[0] - (after[0] - from[0]) / 6,
      to[1] - (after[1] - from[1]) / 6,
      to[0],
      to[1],
    );
  }
  path.closePath();
  return path;
}

/** An open line through the points, as smooth. */
export function addCurve(path: Path2D, points: readonly Point2[], join: boolean): void {
  const first = points[0]!;
  if (join) path.lineTo(...first);
  else path.moveTo(...first);
  for (let i = 0; i + 1 < points.length; i += 1) {
    const before = points[Math.max(0, i - 1)]!;
    const from = points[i]!;
    const to = points[i + 1]!;
    const after = points[Math.min(points.length - 1, i + 2)]!;
    path.bezierCurveTo(
      from[0] + (to[0] - before[0]) / 6,
      from[1] + (to[1] - before[1]) / 6,
      to[0] - (after[0] - from[0]) / 6,
      to[1] - (after[1] - from[1]) / 6,
      to[0],
      to[1],
    );
  }
}

export function openPath(points: readonly Point2[]): Path2D {
  const path = new Path2D();
  addCurve(path, points, false);
  return path;
}
