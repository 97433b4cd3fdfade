/** What both entries export beside their own `connectRoom`, `publish` and `watch`. */
export { HayateError } from '@hayate/codec/errors';
export { webGiftStorage } from '../gifts/storage.ts';
export { type RelaySource, relaysFrom } from '../room/target.ts';
export { LagHistogram } from '../watch/histogram.ts';
export { PlayoutClock, type PlayoutOptions } from '../watch/playout.ts';
export type { Pose } from '../watch/pose.ts';
export type { KindPlayout, Percentiles, PlayoutStats, PlayoutUnit, ScheduleOptions } from '../watch/schedule.ts';
export type * from './types.ts';
