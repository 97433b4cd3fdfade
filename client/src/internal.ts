/** For sibling packages and tests: no promise of stability. */
export type { Environment } from '../room/environment.ts';
export { systemTimers } from '../room/environment.ts';
export { Ways } from '../room/ways.ts';
export { GapAsker } from '../watch/asker.ts';
export { PlayoutSchedule, type UnitKindName } from '../watch/schedule.ts';
export { createEntry, type Entry, type Platform } from './entry.ts';
