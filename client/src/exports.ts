/** What both entries export beside their own `connectRoom`, `publish` and `watch`. */
export { HayateError } from '@hayate/codec/errors';
export { LagHistogram } from '../watch/histogram.ts';
export { PlayoutClock, type PlayoutOptions, type PlayoutUnit, type Pose } from '../watch/playout.ts';
export type * from './types.ts';
