export * from './channels.ts';
export * from './face/index.ts';
export * from './livelink.ts';
export * from './mediapipe.ts';
export type * from './types.ts';
