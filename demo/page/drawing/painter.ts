import { Avatar } from '../../avatar/avatar.ts';
import { h } from '../dom.ts';
import { followSize } from './size.ts';

export interface DrawFigures {
  /** Animation frames drawn; those left out because the frames before were not drawn yet. */
  drawn: number;
  skipped: number;
  /** Spent drawing, ms, all frames together. */
  drawMs: number;
  /** From the pose to its picture, ms, smoothed. */
  waitMs: number;
}

/** One avatar on the page. */
export interface Portrait {
  readonly canvas: HTMLCanvasElement;
  /** What the next `flush` draws. `values` is read then or before. `awake` false dims the picture. */
  pose(values: Float32Array, awake: boolean): void;
  remove(): void;
}

/** What draws the avatars; one for the whole life of a page. */
export interface Painter {
  readonly where: 'worker' | 'page';
  readonly figures: Readonly<DrawFigures>;
  portrait(slot: number, label: string): Portrait;
  /** Draws what was posed since the last call. False: not this time. */
  flush(nowMs: number): boolean;
}

export const noFigures = (): DrawFigures => ({ drawn: 0, skipped: 0, drawMs: 0, waitMs: 0 });

export const canvasFor = (label: string) => h('canvas', { role: 'img', 'aria-label': label });

/** Draws on the page's own thread, for browsers without canvases in workers. */
export class PagePainter implements Painter {
  readonly where = 'page';
  readonly figures = noFigures();
  readonly #due: (() => void)[] = [];
  #nowMs = 0;

  portrait(slot: number, label: string): Portrait {
    const canvas = canvasFor(label);
    const avatar = new Avatar(canvas, slot);
    const stop = followSize(canvas, (width, height) => avatar.resize(width, height));
    return {
      canvas,
      pose: (values, awake) => this.#due.push(() => avatar.draw(values, this.#nowMs, awake)),
      remove: stop,
    };
  }

  flush(nowMs: number): boolean {
    this.#nowMs = nowMs;
    const beganMs = performance.now();
    for (const draw of this.#due) draw();
    this.#due.length = 0;
    const tookMs = performance.now() - beganMs;
    this.figures.drawn += 1;
    this.figures.drawMs += tookMs;
    this.figures.waitMs += (tookMs - this.figures.waitMs) * 0.05;
    return true;
  }
}
