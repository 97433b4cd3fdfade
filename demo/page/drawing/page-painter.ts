import { Avatar } from '../../avatar/avatar.ts';
import type { Surroundings } from '../../avatar/scene/light.ts';
import type { Said } from '../language/language.ts';
import { canvasFor, noFigures, type Painter, type Portrait } from './painter.ts';
import { followSize } from './size.ts';

/** Draws on the page's own thread, for browsers without canvases in workers. */
export class PagePainter implements Painter {
  readonly where = 'page';
  readonly figures = noFigures();
  readonly #due: (() => void)[] = [];
  readonly #avatars = new Set<Avatar>();
  #surroundings: Surroundings | undefined;
  #nowMs = 0;

  portrait(slot: number, label: Said): Portrait {
    const canvas = canvasFor(label);
    const avatar = new Avatar(canvas, slot);
    this.#avatars.add(avatar);
    if (this.#surroundings) avatar.light(this.#surroundings);
    const stop = followSize(canvas, (width, height) => avatar.resize(width, height));
    return {
      canvas,
      pose: (values, awake) => this.#due.push(() => avatar.draw(values, this.#nowMs, awake)),
      choose: (scene) => avatar.choose(scene),
      remove: () => {
        stop();
        this.#avatars.delete(avatar);
      },
    };
  }

  light(surroundings: Surroundings): void {
    this.#surroundings = surroundings;
    for (const avatar of this.#avatars) avatar.light(surroundings);
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
