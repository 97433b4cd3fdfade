import {
  createFaceDecoder,
  createFaceEncoder,
  FACE_CHANNEL_GROUPS,
  type FaceModel,
  faceConfig,
  loadFaceModel,
  MAX_UNIT_BYTES,
  stepsOf,
} from '../motion/face/index.ts';
import type { BenchCodec } from './codec.ts';
import { FOLDS } from './folds/index.ts';
import seen from './folds/seen.json' with { type: 'json' };
import type { BenchFile } from './recording.ts';
import { type BenchOptions, type BenchReport, benchWith } from './report.ts';
import type { FoldFile } from './seen.ts';

const loaded = new Map<FoldFile, FaceModel>();

function modelOf(fold: FoldFile): FaceModel {
  const model = loaded.get(fold) ?? loadFaceModel(fold.table);
  loaded.set(fold, model);
  return model;
}

const FACE: BenchCodec = {
  groups: FACE_CHANNEL_GROUPS,
  maxUnitBytes: MAX_UNIT_BYTES,
  folds: FOLDS,
  seen,
  open: ({ profile, fps, keyInterval, fold }) => {
    const config = faceConfig({ fps, profile });
    const model = fold === undefined ? {} : { model: modelOf(fold) };
    return {
      encoder: () => createFaceEncoder(config, { keyInterval, ...model }),
      decoder: () => createFaceDecoder(config, model),
      steps: stepsOf(config),
    };
  },
};

/**
 * Measures face-1 on the texts of Live Link Face recordings, each with a model that has not seen it. Throws BenchError for
 * a file that cannot be measured, before any is.
 */
export function benchFiles(files: readonly BenchFile[], options: BenchOptions): BenchReport {
  return benchWith(FACE, files, options);
}
