export { FACE_CODEC, type FaceConfigOptions, faceConfig, stepsOf } from './config.ts';
export { createFaceDecoder, type FaceDecoderOptions } from './decoder.ts';
export { createFaceEncoder, type FaceEncoderOptions } from './encoder.ts';
export { FACE_CHANNEL_GROUPS, PROFILES, type Profile } from './layout.ts';
export { type FaceModel, loadFaceModel } from './model.ts';
export { MAX_UNIT_BYTES } from './unit.ts';
