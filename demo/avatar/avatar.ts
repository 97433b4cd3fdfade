import { CHANNEL_COUNT } from './channels.ts';
import { Detail } from './detail.ts';
import { BodySpace, drawBody, drawBow, drawNeck } from './draw/body.ts';
import { drawBrow, drawEye, Iris } from './draw/eye.ts';
import { chinOf, drawEars, drawNose, drawSkin, facePath } from './draw/face.ts';
import { drawBackHair, drawFrontHair, drawSideLocks, fringeShadow } from './draw/hair.ts';
import { drawMouth } from './draw/mouth.ts';
import { type Palette, paletteOf } from './draw/palette.ts';
import { type Context2D, HeadSpace } from './draw/space.ts';
import { openCanvas } from './draw/sprite.ts';
import { AvatarMotion } from './motion/motion.ts';
import { createRig, poseRig, type Rig, relax } from './rig.ts';
import { Backdrop } from './scene/backdrop.ts';
import { type SceneName, type Surroundings, sceneAt, sceneFor } from './scene/light.ts';

/** From here on an eye comes near the edge of the face, rad. */
const TURNED = 0.2;
const NOON: Surroundings = { hour: 12, dark: false };

/** One liver's face on one canvas, of the page or of a worker. */
export class Avatar {
  readonly #canvas: HTMLCanvasElement | OffscreenCanvas;
  readonly #ctx: Context2D;
  readonly #slot: number;
  readonly #rig: Rig = createRig();
  readonly #head = new HeadSpace();
  readonly #body = new BodySpace();
  readonly #motion: AvatarMotion;
  readonly #detail = new Detail();
  #surroundings = NOON;
  #chosen: SceneName | undefined;
  #scene = sceneAt(NOON);
  #palette: Palette;
  #iris: Iris;
  #backdrop: Backdrop;
  #lastMs = 0;
  #width = 0;
  #height = 0;

  constructor(canvas: HTMLCanvasElement | OffscreenCanvas, slot: number) {
    this.#canvas = canvas;
    this.#ctx = openCanvas(canvas);
    this.#slot = slot;
    this.#motion = new AvatarMotion(slot, CHANNEL_COUNT);
    this.#palette = paletteOf(slot, this.#scene);
    this.#iris = new Iris(this.#palette);
    this.#backdrop = new Backdrop(this.#scene);
  }

  /** Pixels of the screen that the canvas covers. Nothing is drawn before the first call. */
  resize(width: number, height: number): void {
    this.#width = width;
    this.#height = height;
  }

  /** The light and the place of the viewer. */
  light(surroundings: Surroundings): void {
    this.#surroundings = surroundings;
    this.#light();
  }

  /** The light and the place that the liver chose; undefined: the viewer's. */
  choose(scene: SceneName | undefined): void {
    this.#chosen = scene;
    this.#light();
  }

  #light(): void {
    const scene = sceneFor(this.#chosen, this.#surroundings);
    // Told every few minutes, and painted anew only for another.
    if (scene === this.#scene) return;
    this.#scene = scene;
    this.#palette = paletteOf(this.#slot, scene);
    this.#iris = new Iris(this.#palette);
    this.#backdrop = new Backdrop(scene);
  }

  /** Draws the 61 values. `awake` false dims the picture: nobody is there. */
  draw(values: Float32Array, nowMs: number, awake: boolean): void {
    if (this.#width * this.#height === 0) return;
    this.#detail.observe(nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    const { width, height } = this.#fit();
    const ctx = this.#ctx;
    const rig = this.#rig;
    const motion = this.#motion;
    const seconds = nowMs / 1000;
    poseRig(rig, values);
    motion.begin(values, nowMs);
    relax(rig, motion.life, motion.idle);
    const { head, body } = this.#place(width, height);
    motion.follow(rig, head, body);

    this.#backdrop.drawBehind(ctx, width, height, seconds, Math.sin(rig.yaw), Math.sin(rig.pitch));
    const palette = this.#palette;
    drawBackHair(ctx, head, motion.hair, palette);
    drawNeck(ctx, body, palette, chinOf(head, rig));
    drawBody(ctx, body, palette);
    drawBow(ctx, body, motion.ribbons, palette);
    this.#drawHead(ctx, head, palette);
    this.#backdrop.drawBefore(ctx, width, height, seconds, Math.sin(rig.yaw));
    if (!awake) {
      ctx.fillStyle = 'rgba(20, 26, 48, 0.45)';
      ctx.fillRect(0, 0, width, height);
    }
  }

  #drawHead(ctx: Context2D, head: HeadSpace, palette: Palette): void {
    const rig = this.#rig;
    const { hair, spark } = this.#motion;
    drawEars(ctx, head, palette);
    drawSkin(ctx, head, rig, palette, fringeShadow(head, hair));
    drawNose(ctx, head, rig, palette);
    drawMouth(ctx, head, rig, palette);
    ctx.save();
    // The far eye must not leave the face.
    if (Math.abs(rig.yaw) > TURNED) ctx.clip(facePath(head, rig));
    for (const [index, side] of [-1, 1].entries()) {
      drawEye(ctx, head, rig.eyes[index]!, side, palette, this.#iris, spark);
    }
    ctx.restore();
    drawSideLocks(ctx, head, hair, palette);
    drawFrontHair(ctx, head, hair, palette);
    // Brows show through the fringe, as is the custom of drawn faces.
    ctx.globalAlpha = 0.72;
    for (const [index, side] of [-1, 1].entries()) drawBrow(ctx, head, rig.eyes[index]!, side, palette);
    ctx.globalAlpha = 1;
  }

  /** A wide picture shows the shoulders, a high one is filled by its width. */
  #place(width: number, height: number): { head: HeadSpace; body: BodySpace } {
    const rig = this.#rig;
    const { life } = this.#motion;
    const scale = Math.min(width / 3.2, height / 4.4);
    const lean = -Math.sin(rig.roll + life.swayRoll);
    const x = width / 2 + (life.swayX + lean * 0.12) * scale;
    const y = height * 0.44 - (height - 4.4 * scale) * 0.24 - 0.014 * life.breath * scale;
    this.#head.place(x, y, scale);
    this.#head.turn(rig.yaw, rig.pitch, rig.roll + life.swayRoll);
    this.#body.place(width / 2 + life.swayX * 0.6 * scale, y, scale, lean, -Math.sin(rig.yaw), life.breath);
    return { head: this.#head, body: this.#body };
  }

  #fit(): { width: number; height: number } {
    const canvas = this.#canvas;
    const width = Math.max(1, Math.round(this.#width * this.#detail.value));
    const height = Math.max(1, Math.round(this.#height * this.#detail.value));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    return { width, height };
  }
}
