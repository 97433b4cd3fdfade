import { alpha, mix } from '../draw/colour.ts';
import type { Context2D } from '../draw/space.ts';
import { blank, openCanvas, type Picture } from '../draw/sprite.ts';
import type { Scene } from './light.ts';
import { fraction, paintCloud, paintHills, paintSky } from './paint.ts';

/** Layers are so much larger than the picture, that there is something to see where they move to. */
const MARGIN = 0.06;
/** How far each moves against the head's turn, shares of the picture's width. */
const DEPTH = { sky: 0.012, clouds: 0.03, hills: 0.05, flakes: 0.09 };
const FLAKES = 16;

interface Cloud {
  picture: Picture;
  x: number;
  y: number;
  /** Widths of the picture a second. */
  speed: number;
}

/** Sky, clouds, hills with windmills, and what the wind carries. Painted once for a size; a frame only moves it. */
export class Backdrop {
  readonly #scene: Scene;
  #width = 0;
  #height = 0;
  #sky: Picture | undefined;
  #hills: Picture | undefined;
  #clouds: Cloud[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** What is behind the character. `turnX`, `turnY`: how far the view has turned, -1..1. */
  drawBehind(ctx: Context2D, width: number, height: number, seconds: number, turnX: number, turnY: number): void {
    this.#fit(width, height);
    // Whole pixels: a picture that lies between them is filtered, which costs software many times as much.
    const shift = (depth: number): [number, number] => [
      Math.round(turnX * depth * width),
      Math.round(turnY * depth * 0.5 * width),
    ];
    const [left, top] = [Math.round(MARGIN * width), Math.round(MARGIN * height)];
    const [skyX, skyY] = shift(DEPTH.sky);
    ctx.drawImage(this.#sky!, skyX - left, skyY - top);
    const [cloudX, cloudY] = shift(DEPTH.clouds);
    for (const { picture, x, y, speed } of this.#clouds) {
      const across = width + picture.width;
      const at = ((x * across + seconds * speed * width) % across) - picture.width;
      ctx.drawImage(picture, Math.round(at) + cloudX, Math.round(y * height) + cloudY);
    }
    const [hillX, hillY] = shift(DEPTH.hills);
    const hillTop = Math.round(height - this.#hills!.height * 0.92);
    this.#drawMills(ctx, width, height, seconds, hillX, hillTop + hillY);
    ctx.drawImage(this.#hills!, hillX - left, hillTop + hillY);
    this.#drawFlakes(ctx, width, height, seconds, turnX, 0, FLAKES - 4);
  }

  /** What drifts by before it, larger and out of focus. */
  drawBefore(ctx: Context2D, width: number, height: number, seconds: number, turnX: number): void {
    this.#drawFlakes(ctx, width, height, seconds, turnX * 2, FLAKES - 4, FLAKES);
  }

  #drawFlakes(
    ctx: Context2D,
    width: number,
    height: number,
    seconds: number,
    turnX: number,
    from: number,
    to: number,
  ): void {
    const { flake, glowing } = this.#scene;
    for (let i = from; i < to; i += 1) {
      const near = i >= FLAKES - 4;
      const speed = (glowing ? 0.012 : 0.05) * (0.7 + 0.6 * fraction(i * 0.37)) * (near ? 1.7 : 1);
      const x = fraction(i * 0.618 + seconds * speed) * 1.2 - 0.1;
      const fall = glowing ? 0.03 * Math.sin(seconds * 0.7 + i) : seconds * 0.028 * (0.6 + fraction(i * 0.83));
      const y = fraction(i * 0.414 + fall) * 1.1 - 0.05;
      const wobble = 0.012 * Math.sin(seconds * 1.7 + i * 2.1);
      const size = (near ? 0.017 : 0.008) * height * (0.7 + 0.6 * fraction(i * 0.29));
      ctx.save();
      ctx.translate(x * width + turnX * DEPTH.flakes * width, (y + wobble) * height);
      if (glowing) {
        const pulse = 0.35 + 0.3 * Math.sin(seconds * 1.9 + i * 1.7);
        ctx.fillStyle = alpha(flake, 0.22 * pulse + 0.06);
        ctx.beginPath();
        ctx.arc(0, 0, size * 1.5, 0, 2 * Math.PI);
        ctx.fill();
        ctx.fillStyle = alpha(mix(flake, '#ffffff', 0.5), 0.5 + 0.5 * pulse);
        ctx.beginPath();
        ctx.arc(0, 0, size * 0.4, 0, 2 * Math.PI);
        ctx.fill();
      } else {
        ctx.rotate(seconds * (0.6 + fraction(i * 0.53)) + i);
        ctx.scale(1, 0.45 + 0.4 * Math.abs(Math.sin(seconds * 1.1 + i)));
        ctx.fillStyle = alpha(flake, near ? 0.6 : 0.9);
        ctx.beginPath();
        ctx.moveTo(-size, 0);
        ctx.quadraticCurveTo(0, -size * 0.9, size, 0);
        ctx.quadraticCurveTo(0, size * 0.9, -size, 0);
        ctx.fill();
      }
      ctx.restore();
    }
  }

  /** They turn in the same wind. */
  #drawMills(ctx: Context2D, width: number, height: number, seconds: number, x: number, top: number): void {
    ctx.strokeStyle = mix(this.#scene.far, this.#scene.near, 0.35);
    ctx.lineCap = 'round';
    for (const [at, size, speed] of [
      [0.1, 0.13, 0.9],
      [0.9, 0.17, 0.7],
      [0.78, 0.09, 1.1],
    ] as const) {
      const hubX = at * width + x;
      const hubY = top - 0.25 * size * height;
      const long = size * height;
      ctx.lineWidth = Math.max(1, 0.05 * long);
      ctx.beginPath();
      ctx.moveTo(hubX, hubY);
      ctx.lineTo(hubX, hubY + long * 1.4);
      ctx.stroke();
      ctx.lineWidth = Math.max(1, 0.035 * long);
      for (let blade = 0; blade < 3; blade += 1) {
        const turn = seconds * speed + (blade * 2 * Math.PI) / 3;
        ctx.beginPath();
        ctx.moveTo(hubX, hubY);
        ctx.lineTo(hubX + Math.cos(turn) * long * 0.62, hubY + Math.sin(turn) * long * 0.62);
        ctx.stroke();
      }
    }
  }

  #fit(width: number, height: number): void {
    if (this.#width === width && this.#height === height) return;
    this.#width = width;
    this.#height = height;
    const [wide, high] = [Math.ceil(width * (1 + 2 * MARGIN)), Math.ceil(height * (1 + 2 * MARGIN))];
    this.#sky = blank(wide, high);
    paintSky(openCanvas(this.#sky), wide, high, this.#scene);
    this.#hills = blank(wide, Math.ceil(height * 0.4));
    paintHills(context(this.#hills), wide, this.#hills.height, this.#scene);
    this.#clouds = [0, 1, 2, 3].map((i) => {
      const size = Math.ceil(Math.min(width, height) * (0.4 + 0.18 * fraction(i * 0.7)));
      const picture = blank(size, Math.ceil(size * 0.5));
      paintCloud(context(picture), picture.width, picture.height, i, this.#scene);
      return { picture, x: fraction(i * 0.31 + 0.05), y: 0.06 + 0.13 * i, speed: 0.004 + 0.002 * fraction(i * 0.47) };
    });
  }
}

function context(picture: Picture): Context2D {
  const ctx = picture.getContext('2d') as Context2D | null;
  if (!ctx) throw new Error('canvas 2D is not available');
  return ctx;
}
