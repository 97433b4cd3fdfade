import type { Child } from '../dom.ts';
import { h } from '../dom.ts';
import { type Sign, sign } from '../room/signs.ts';
import { type Celebration, celebrate } from './particles.ts';

/** Gifts on the stage at once: more would be a wall. The list has them all. */
const MOST_BANNERS = 5;
/** Of all gifts together: a flood of gifts must not take the time that the face needs. */
const MOST_PARTICLES = 90;
/** As long as the animation in the style sheet. */
const BANNER_MS = 4200;

const HOW: Partial<Record<Sign, Celebration>> = { star: 'burst', flower: 'rain', crown: 'crowning' };

/** The layer over the stage where gifts are celebrated. Styles and transforms only: the browser animates it by itself. */
export class StageEffects {
  readonly element = h('div', { class: 'effects', 'aria-hidden': 'true' });
  readonly #banners = h('div', { class: 'banners' });
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)');
  #particles = 0;

  constructor() {
    this.element.append(this.#banners);
  }

  /** @param seed the same on every page, so that all see the same */
  gift(kind: Sign, seed: number, ...words: Child[]): void {
    const banner = h('div', { class: `banner ${kind}` }, sign(kind), h('span', {}, ...words));
    this.#banners.append(banner);
    while (this.#banners.childElementCount > MOST_BANNERS) this.#banners.firstElementChild?.remove();
    setTimeout(() => banner.remove(), BANNER_MS);
    const how = HOW[kind] ?? 'burst';
    // Who wants no motion reads it.
    if (!this.#still.matches) this.#fly(kind, how, seed);
  }

  #fly(kind: Sign, how: Celebration, seed: number): void {
    const particles = celebrate(how, seed).slice(0, MOST_PARTICLES - this.#particles);
    if (particles.length === 0) return;
    this.#particles += particles.length;
    const elements = particles.map(({ x, y, dx, dy, spin, delayMs, lifeMs, size }) => {
      const style = [
        `left: ${x}%; top: ${y}%; --dx: ${dx.toFixed(1)}cqw; --dy: ${dy.toFixed(1)}cqh; --spin: ${spin.toFixed(0)}deg;`,
        `--size: ${size.toFixed(2)}; animation-delay: ${delayMs}ms; animation-duration: ${lifeMs}ms`,
      ].join(' ');
      return h('i', { class: `particle ${how}`, style }, sign(kind));
    });
    const rays = how === 'crowning' ? [h('i', { class: 'rays' })] : [];
    const group = h('div', { class: 'flight' }, ...rays, ...elements);
    this.element.prepend(group);
    const overMs = Math.max(...particles.map(({ delayMs, lifeMs }) => delayMs + lifeMs));
    setTimeout(() => {
      group.remove();
      this.#particles -= particles.length;
    }, overMs + 100);
  }
}
