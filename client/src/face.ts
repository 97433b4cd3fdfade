/**
 * What a face is: the names of its channels, and frames from what a face tracker gives.
 * @module @hayate/client/face
 */
export {
  ARKIT_CHANNELS,
  type ArkitChannel,
  BLENDSHAPE_COUNT,
  type FaceConfigOptions,
  type MediapipeResult,
  type MotionConfig,
  type MotionFrame,
  mediapipeFrame,
  PROFILES,
  type Profile,
} from '@hayate/codec/motion';
