import type { SceneName, Surroundings } from '../../avatar/scene/light.ts';
import { h } from '../dom.ts';
import type { Said } from '../language/language.ts';

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
  /** The liver's choice; undefined: the scene of the viewer's hour. */
  choose(scene: SceneName | undefined): void;
  remove(): void;
}

/** What draws the avatars; one for the whole life of a page. */
export interface Painter {
  readonly where: 'worker' | 'page';
  readonly figures: Readonly<DrawFigures>;
  portrait(slot: number, label: Said): Portrait;
  /** The light and the place for all avatars, those to come too. */
  light(surroundings: Surroundings): void;
  /** Draws what was posed since the last call. False: not this time. */
  flush(nowMs: number): boolean;
}

export const noFigures = (): DrawFigures => ({ drawn: 0, skipped: 0, drawMs: 0, waitMs: 0 });

export const canvasFor = (label: Said) => h('canvas', { role: 'img', 'aria-label': label });
