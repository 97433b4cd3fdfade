import { Backdrop, openCanvas } from './backdrop.ts';
import { drawBrow, drawEars, drawEye, drawMouth, drawNose, drawSkin, facePath } from './draw-face.ts';
import { drawBackHair, drawBody, drawFrontHair, type HairSway } from './draw-hair.ts';
import { type Palette, paletteOf } from './palette.ts';
import { createRig, poseRig, type Rig } from './rig.ts';
import { type Context2D, HeadSpace } from './space.ts';

const STREAKS = 9;
/** Slower frames than this make the picture coarser, down to a quarter of its pixels. */
const SLOW_FRAME_MS = 26;
const LEAST_DETAIL = 0.5;

/**
 * One liver's face on one canvas, of the page or of a worker. Hair and shoulders have a little inertia of their own,
 * everything else is the pose.
 */
export class Avatar {
  readonly #canvas: HTMLCanvasElement | OffscreenCanvas;
  readonly #ctx: Context2D;
  readonly #palette: Palette;
  readonly #backdrop: Backdrop;
  readonly #rig: Rig = createRig();
  readonly #space = new HeadSpace();
  readonly #sway: HairSway = { x: 0, y: 0 };
  #swaySpeedX = 0;
  #swaySpeedY = 0;
  #lastMs = 0;
  #frameMs = 1000 / 60;
  #detail = 1;
  #width = 0;
  #height = 0;

  constructor(canvas: HTMLCanvasElement | OffscreenCanvas, slot: number) {
    this.#canvas = canvas;
    this.#ctx = openCanvas(canvas);
    this.#palette = paletteOf(slot);
    this.#backdrop = new Backdrop(this.#palette);
  }

  /** Pixels of the screen that the canvas covers. Nothing is drawn before the first call. */
  resize(width: number, height: number): void {
    this.#width = width;
    this.#height = height;
  }

  /** Draws the 61 values. `awake` false dims the picture: nobody is there. */
  draw(values: Float32Array, nowMs: number, awake: boolean): void {
    if (this.#width * this.#height === 0) return;
    poseRig(this.#rig, values);
    const stepMs = Math.min(50, Math.max(0, nowMs - this.#lastMs));
    this.#lastMs = nowMs;
    this.#adapt(stepMs);
    this.#swing(stepMs / 1000, nowMs);
    const { width, height } = this.#fit();
    const ctx = this.#ctx;
    const rig = this.#rig;
    const palette = this.#palette;
    const space = this.#space;
    const scale = Math.min(width / 3.5, height / 3.9);
    const breath = Math.sin(nowMs / 660);
    const x = width / 2 - Math.sin(rig.roll) * 0.12 * scale;
    const y = height * 0.485 - 0.015 * breath * scale;
    space.place(x, y, scale);
    space.turn(rig.yaw, rig.pitch, rig.roll);

    this.#stage(width, height, nowMs);
    drawBackHair(ctx, space, this.#sway, palette);
    drawBody(ctx, width / 2, y, scale, breath, -Math.sin(rig.roll), palette);
    drawEars(ctx, space);
    drawSkin(ctx, space, rig, palette);
    drawNose(ctx, space, rig);
    drawMouth(ctx, space, rig);
    ctx.save();
    ctx.clip(facePath(space, rig));
    for (const [index, side] of [-1, 1].entries()) drawEye(ctx, space, rig.eyes[index]!, side, palette);
    ctx.restore();
    drawFrontHair(ctx, space, this.#sway, palette);
    // Brows show through the fringe, as is the custom of drawn faces.
    ctx.globalAlpha = 0.78;
    for (const [index, side] of [-1, 1].entries()) drawBrow(ctx, space, rig.eyes[index]!, side, palette);
    ctx.globalAlpha = 1;
    if (!awake) {
      ctx.fillStyle = 'rgba(20, 26, 48, 0.45)';
      ctx.fillRect(0, 0, width, height);
    }
  }

  /** Software rendering on a busy machine must not take the time that media needs. */
  #adapt(stepMs: number): void {
    if (stepMs <= 0 || stepMs >= 50) return;
    this.#frameMs += (stepMs - this.#frameMs) * 0.03;
    if (this.#frameMs < SLOW_FRAME_MS || this.#detail <= LEAST_DETAIL) return;
    this.#detail = Math.max(LEAST_DETAIL, this.#detail * 0.8);
    this.#frameMs = 1000 / 60;
  }

  #fit(): { width: number; height: number } {
    const canvas = this.#canvas;
    const width = Math.max(1, Math.round(this.#width * this.#detail));
    const height = Math.max(1, Math.round(this.#height * this.#detail));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    return { width, height };
  }

  /** Hair is a damped spring that the head drags along, in a light wind. */
  #swing(seconds: number, nowMs: number): void {
    const wind = 0.03 * Math.sin(nowMs / 900) + 0.02 * Math.sin(nowMs / 370);
    const targetX = wind + 0.35 * Math.sin(this.#rig.yaw) + 0.3 * Math.sin(this.#rig.roll);
    const targetY = -0.12 * this.#rig.pitch;
    // Small steps keep the spring stable when frames come late.
    for (let left = seconds; left > 0; left -= 0.008) {
      const dt = Math.min(0.008, left);
      this.#swaySpeedX += ((targetX - this.#sway.x) * 70 - this.#swaySpeedX * 7) * dt;
      this.#swaySpeedY += ((targetY - this.#sway.y) * 70 - this.#swaySpeedY * 7) * dt;
      this.#sway.x += this.#swaySpeedX * dt;
      this.#sway.y += this.#swaySpeedY * dt;
    }
  }

  #stage(width: number, height: number, nowMs: number): void {
    const ctx = this.#ctx;
    ctx.drawImage(this.#backdrop.image(width, height), 0, 0);
    ctx.lineCap = 'round';
    for (let i = 0; i < STREAKS; i += 1) {
      const speed = 0.05 + 0.03 * ((i * 7) % 5);
      const length = width * (0.12 + 0.03 * (i % 4));
      const across = width + 2 * length;
      const x = ((nowMs * speed * 0.9 + i * across * 0.37) % across) - length;
      const y = height * ((i * 0.618) % 1);
      ctx.strokeStyle = `rgba(255, 255, 255, ${0.2 + 0.08 * (i % 3)})`;
      ctx.lineWidth = height * 0.004 * (1 + (i % 3));
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.quadraticCurveTo(x + length / 2, y - height * 0.012, x + length, y);
      ctx.stroke();
    }
  }
}
