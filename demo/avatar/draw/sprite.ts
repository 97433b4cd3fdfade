import type { Context2D } from './space.ts';

export type Picture = OffscreenCanvas | HTMLCanvasElement;

/** A canvas that nobody sees, on the page or in a worker. */
export function blank(width: number, height: number): Picture {
  if (typeof OffscreenCanvas === 'function') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

/** Opaque, so that nothing below has to be mixed in. Throws where a canvas has no 2D context. */
export function openCanvas(canvas: Picture): Context2D {
  const ctx = canvas.getContext('2d', { alpha: false }) as Context2D | null;
  if (!ctx) throw new Error('canvas 2D is not available');
  return ctx;
}
