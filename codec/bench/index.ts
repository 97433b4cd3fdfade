export type { BenchCodec, BenchStream, StreamOptions } from './codec.ts';
export { BenchError } from './errors.ts';
export { benchFiles } from './face.ts';
export type { LossKind, Repair } from './loss.ts';
export type { BenchFile } from './recording.ts';
export {
  type BenchFigures,
  type BenchOptions,
  type BenchReport,
  benchWith,
  type FileReport,
  type LossFigures,
} from './report.ts';
export type { FoldFile, ModelChoice, Profile, Seen, SeenRecording } from './seen.ts';
