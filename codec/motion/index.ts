export * from './channels.ts';
export * from './livelink.ts';
export * from './mediapipe.ts';
export {
  createMotionDecoder,
  createMotionEncoder,
  type MotionEncoderOptions,
  SIMPLE_CODEC,
  simpleConfig,
} from './simple.ts';
export type * from './types.ts';
