import type { NativeEngine } from './native.ts';

/** What the two halves of a stream need of the addon. */
export type StreamPort = Pick<
  NativeEngine,
  'streamWrite' | 'streamReset' | 'streamStop' | 'streamCredit' | 'streamOptions'
>;
