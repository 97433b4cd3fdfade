import type { Palette } from './palette.ts';
import type { Context2D } from './space.ts';

/** The sky behind a face, painted once for each size: its two gradients cost software more than the whole face. */
export class Backdrop {
  readonly #palette: Palette;
  #image: OffscreenCanvas | HTMLCanvasElement | undefined;

  constructor(palette: Palette) {
    this.#palette = palette;
  }

  image(width: number, height: number): OffscreenCanvas | HTMLCanvasElement {
    if (this.#image?.width === width && this.#image.height === height) return this.#image;
    this.#image = blank(width, height);
    this.#paint(this.#image, width, height);
    return this.#image;
  }

  #paint(canvas: OffscreenCanvas | HTMLCanvasElement, width: number, height: number): void {
    const ctx = openCanvas(canvas);
    const sky = ctx.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, this.#palette.skyTop);
    sky.addColorStop(1, this.#palette.skyLow);
    ctx.fillStyle = sky;
    ctx.fillRect(0, 0, width, height);
    const glow = ctx.createRadialGradient(width / 2, height * 0.45, 0, width / 2, height * 0.45, height * 0.6);
    glow.addColorStop(0, 'rgba(255, 255, 255, 0.75)');
    glow.addColorStop(1, 'rgba(255, 255, 255, 0)');
    ctx.fillStyle = glow;
    ctx.fillRect(0, 0, width, height);
  }
}

function blank(width: number, height: number): OffscreenCanvas | HTMLCanvasElement {
  if (typeof OffscreenCanvas === 'function') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

/** Opaque, so that nothing below has to be mixed in. Throws where a canvas has no 2D context. */
export function openCanvas(canvas: OffscreenCanvas | HTMLCanvasElement): Context2D {
  const ctx = canvas.getContext('2d', { alpha: false }) as Context2D | null;
  if (!ctx) throw new Error('canvas 2D is not available');
  return ctx;
}
