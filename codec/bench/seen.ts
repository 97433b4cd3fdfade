import { BLENDSHAPE_COUNT } from '../motion/channels.ts';
import type { MotionFrame } from '../motion/types.ts';
import { BenchError } from './errors.ts';
import type { Recording } from './recording.ts';

export type Profile = 'std' | 'hi' | 'lo';

/** A model that was trained without some recordings. */
export interface FoldFile {
  /** Names of `seen.json`. */
  leftOut: string | string[];
  profile: Profile;
  /** base64 for `loadFaceModel`. */
  table: string;
}

/** One recording of the training data. */
export interface SeenRecording {
  name: string;
  /** Recordings of one person share it. */
  person: string;
  fps: number;
  face_frames: number;
  /** Row hashes that are 0 modulo SAMPLE, ascending. */
  sketch: number[];
}

export interface Seen {
  recordings: SeenRecording[];
}

/** What a file is to the models. */
export interface ModelChoice {
  /** `full`: the shipped model, which has seen all of `seen.json`; else `without NAME+NAME`. */
  model: string;
  /** The recording of the training data that the file was found to be, whole or in part. */
  recording: string | undefined;
  person: string | undefined;
  /** Nobody of the file's person was seen either. */
  stranger: boolean;
  /** The model has not seen the file. False when the file is too short to tell. */
  unseen: boolean;
  /** What the model was trained on. */
  trained_on: { recordings: number; people: number; minutes: number };
  fold: FoldFile | undefined;
}

const SAMPLE = 16;
/** Two sampled rows in common say it; a file with few of them has to be known by one. */
const SAMPLES_FOR_TWO = 32;

/**
 * FNV-1a over the blendshapes as decimal text, in ten thousandths, a comma after each; undefined without a face. Angles are left out, so that a
 * recording is known also with its head held still.
 */
export function rowHash(frame: MotionFrame): number | undefined {
  if (!frame.face) return undefined;
  let hash = 0x811c9dc5;
  let any = false;
  for (let channel = 0; channel < BLENDSHAPE_COUNT; channel++) {
    const text = String(Math.round(frame.values[channel]! * 10_000));
    if (text !== '0') any = true;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0x2c, 0x01000193);
  }
  return any ? hash >>> 0 : undefined;
}

/** The sampled row hashes of a recording, each once, ascending. */
export function sketchOf(frames: readonly MotionFrame[]): number[] {
  const found = new Set<number>();
  for (const frame of frames) {
    const hash = rowHash(frame);
    if (hash !== undefined && hash % SAMPLE === 0) found.add(hash);
  }
  return [...found].sort((a, b) => a - b);
}

/** The recordings that `frames` are or hold a part of. */
export function recognise(frames: readonly MotionFrame[], seen: Seen): { sampled: number; found: SeenRecording[] } {
  const sample = sketchOf(frames);
  const needed = sample.length < SAMPLES_FOR_TWO ? 1 : 2;
  const found = seen.recordings.filter(({ sketch }) => {
    const known = new Set(sketch);
    return sample.filter((hash) => known.has(hash)).length >= needed;
  });
  return { sampled: sample.length, found };
}

/**
 * The model for a file: one that has not seen it, nor with `stranger` anything of the same person. Throws BenchError when
 * there is none, or when the file holds rows of several recordings.
 */
export function chooseModel(
  recording: Recording,
  profile: Profile,
  from: { seen: Seen; folds: readonly FoldFile[] },
  stranger = false,
): ModelChoice {
  const { sampled, found } = recognise(recording.frames, from.seen);
  const [match, other] = found;
  if (other !== undefined) {
    const names = found.map((each) => each.name).join(', ');
    throw new BenchError(
      recording.name,
      `holds rows of several training recordings (${names}): no model is left for it`,
    );
  }
  if (match === undefined) {
    const trained_on = training(from.seen.recordings);
    const none = { recording: undefined, person: undefined, fold: undefined };
    return { model: 'full', ...none, stranger: sampled > 0, unseen: sampled > 0, trained_on };
  }
  const person = from.seen.recordings.filter((each) => each.person === match.person).map((each) => each.name);
  const wanted = stranger ? person : [match.name];
  // Of several the one that leaves out least else.
  const fold = from.folds
    .filter((each) => each.profile === profile && wanted.every((name) => leftOut(each).includes(name)))
    .sort((a, b) => leftOut(a).length - leftOut(b).length)[0];
  if (fold === undefined) {
    throw new BenchError(
      recording.name,
      `is ${match.name}, and no ${profile} model is without ${wanted.join(' and ')}`,
    );
  }
  const without = leftOut(fold);
  return {
    model: `without ${without.join('+')}`,
    recording: match.name,
    person: match.person,
    stranger: person.every((name) => without.includes(name)),
    unseen: true,
    trained_on: training(from.seen.recordings.filter((each) => !without.includes(each.name))),
    fold,
  };
}

function leftOut(fold: FoldFile): string[] {
  return [fold.leftOut].flat();
}

function training(recordings: readonly SeenRecording[]): ModelChoice['trained_on'] {
  const minutes = recordings.reduce((sum, each) => sum + each.face_frames / each.fps / 60, 0);
  return {
    recordings: recordings.length,
    people: new Set(recordings.map((each) => each.person)).size,
    minutes: Math.round(minutes * 100) / 100,
  };
}
