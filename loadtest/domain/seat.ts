import type { LinkOptions } from '@hayate/engine';
import type { Tags } from '../metrics/registry.ts';

/** Who watches what in which iteration. */
export interface Seat {
  room: string;
  sub: string;
  /** Number of the virtual user. */
  vu: number;
  tags: Tags;
  link: LinkOptions | undefined;
  /** Aborts when the iteration is cut short. */
  signal: AbortSignal;
}
