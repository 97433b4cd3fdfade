import { HayateError } from '../errors.ts';
import { ARKIT_CHANNELS, BLENDSHAPE_COUNT } from './channels.ts';
import type { MotionFrame } from './types.ts';

/**
 * The part of MediaPipe's `FaceLandmarkerResult` (JavaScript, tasks-vision) that is read. It needs the options
 * `outputFaceBlendshapes` and `outputFacialTransformationMatrixes`, and an image that is not mirrored.
 */
export interface MediapipeResult {
  /** One entry a face that was seen. */
  faceLandmarks?: ArrayLike<unknown>;
  /** A list of 52 scores, 0..1, a face. */
  faceBlendshapes: ArrayLike<{
    /** Of the face. */
    categories: ArrayLike<{
      /** As in `ARKIT_CHANNELS`. */
      categoryName: string;
      /** 0..1. */
      score: number;
    }>;
  }>;
  /** 4x4, column-major, a face: canonical face (x to its own left, y up, z out of it) to camera. */
  facialTransformationMatrixes?: ArrayLike<{
    /** 16 numbers. */
    data: ArrayLike<number>;
  }>;
}

/** A line of MediaPipe results that cannot be read; `line` counts from 1. */
export class MediapipeError extends HayateError {
  override readonly name = 'MediapipeError';
  readonly line: number;

  constructor(line: number, message: string) {
    super('invalid_argument', `line ${line}: ${message}`);
    this.line = line;
  }
}

/** MediaPipe gives no angle of the eyes: what Live Link Face recordings have, fitted over 11,594 frames of 4 people. */
const EYE_YAW_IN = 0.62;
const EYE_YAW_OUT = 0.576;
/** Both eyes of an ARKit face point outwards by this much when no eyeLook shape is on. */
const EYE_YAW_REST = 0.066;
const EYE_PITCH_UP = 0.452;
const EYE_PITCH_DOWN = 0.611;
const EYE_ROLL = 0.98;

const CHANNEL_OF: ReadonlyMap<string, number> = new Map(
  ARKIT_CHANNELS.slice(0, BLENDSHAPE_COUNT).map((name, channel) => [name, channel]),
);
const CHANNELS = ARKIT_CHANNELS.length;
const HEAD_YAW = ARKIT_CHANNELS.indexOf('headYaw');
const LEFT = { look: ARKIT_CHANNELS.indexOf('eyeLookDownLeft'), yaw: ARKIT_CHANNELS.indexOf('leftEyeYaw') };
const RIGHT = { look: ARKIT_CHANNELS.indexOf('eyeLookDownRight'), yaw: ARKIT_CHANNELS.indexOf('rightEyeYaw') };

/**
 * The first face of a result as a frame; no face gives `face: false` and zeros. With `out` (61 values at least, the
 * others stay) nothing is allocated. Shapes without an ARKit name (`_neutral`) are ignored; MediaPipe has no tongueOut.
 * Without a matrix the head angles are 0. Throws HayateError `invalid_argument`.
 *
 * Angles are in rad with the signs of Live Link Face: headYaw grows when the head turns to its own left, headPitch when
 * the face turns up, headRoll when the head tilts to its own right shoulder; the matrix is yaw * pitch * roll. Eye yaw
 * grows to the person's right and eye pitch downwards, against the head's: in llv_dao, the one public recording in which
 * a head moves, the eyes hold their target by turning with the same sign (correlation 0.95 in yaw).
 */
export function mediapipeFrame(result: MediapipeResult, out?: MotionFrame): MotionFrame {
  const frame = out ?? { face: false, values: new Float32Array(CHANNELS) };
  const { values } = frame;
  if (values.length < CHANNELS) throw invalid(`a frame of ${values.length} values, ${CHANNELS} wanted`);
  values.fill(0, 0, CHANNELS);
  frame.face = result.faceBlendshapes.length > 0;
  if (!frame.face) {
    if ((result.faceLandmarks?.length ?? 0) > 0) throw invalid('a face without blendshapes: set outputFaceBlendshapes');
    return frame;
  }
  const { categories } = result.faceBlendshapes[0]!;
  for (let index = 0; index < categories.length; index++) {
    const category = categories[index]!;
    const channel = CHANNEL_OF.get(category.categoryName);
    if (channel !== undefined) values[channel] = category.score;
  }
  const matrix = result.facialTransformationMatrixes?.[0];
  if (matrix !== undefined) readHead(matrix.data, values);
  readEye(values, LEFT.look, LEFT.yaw, 1);
  readEye(values, RIGHT.look, RIGHT.yaw, -1);
  return frame;
}

/** Of m = Ry(yaw) Rx(-pitch) Rz(roll), column-major, whatever its scale. */
function readHead(m: ArrayLike<number>, values: Float32Array): void {
  if (m.length !== 16) throw invalid(`a matrix of ${m.length} numbers, 16 wanted`);
  values[HEAD_YAW] = Math.atan2(m[8]!, m[10]!);
  values[HEAD_YAW + 1] = Math.atan2(m[9]!, Math.hypot(m[1]!, m[5]!));
  values[HEAD_YAW + 2] = Math.atan2(m[1]!, m[5]!);
}

/** `look` is the eye's first eyeLook channel: down, in, out, up; `side` is 1 for the left eye, whose nose is at its right. */
function readEye(values: Float32Array, look: number, yawChannel: number, side: 1 | -1): void {
  const yaw = side * (EYE_YAW_IN * values[look + 1]! - EYE_YAW_OUT * values[look + 2]! - EYE_YAW_REST);
  const pitch = EYE_PITCH_DOWN * values[look]! - EYE_PITCH_UP * values[look + 3]!;
  values[yawChannel] = yaw;
  values[yawChannel + 1] = pitch;
  values[yawChannel + 2] = EYE_ROLL * yaw * pitch;
}

/**
 * Reads lines of JSON, a result a line, with its time in milliseconds in `timestampMs` (`timestamp_ms` and
 * `timestampInMilliseconds` too). Takes the spelling of JavaScript (`faceBlendshapes`, `categories`, column-major
 * `data`) and of Python (`face_blendshapes` as lists of `{category_name, score}`, `facial_transformation_matrixes` as
 * 4 rows of 4). Empty lines are skipped. Each frame is a new one. Throws MediapipeError.
 */
export function* parseMediapipeJsonLines(lines: Iterable<string>): Generator<{ timeUs: number; frame: MotionFrame }> {
  let line = 0;
  for (const raw of lines) {
    line++;
    const text = raw.replace(/^\uFEFF/, '').trim();
    if (text !== '') yield readLine(text, line);
  }
}

function readLine(text: string, line: number): { timeUs: number; frame: MotionFrame } {
  const fail = (message: string): never => {
    throw new MediapipeError(line, message);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail('not JSON');
  }
  if (!isRecord(json)) return fail('not a JSON object');
  const time = json['timestampMs'] ?? json['timestamp_ms'] ?? json['timestampInMilliseconds'];
  if (typeof time !== 'number' || !(time >= 0) || time > Number.MAX_SAFE_INTEGER / 1000) {
    return fail('no timestampMs of 0 or more milliseconds');
  }
  const faces = json['faceBlendshapes'] ?? json['face_blendshapes'];
  const matrixes = json['facialTransformationMatrixes'] ?? json['facial_transformation_matrixes'] ?? [];
  if (!Array.isArray(faces)) return fail('no list faceBlendshapes');
  if (!Array.isArray(matrixes)) return fail('facialTransformationMatrixes is no list');
  const landmarks = json['faceLandmarks'] ?? json['face_landmarks'];
  const result: MediapipeResult = {
    faceLandmarks: Array.isArray(landmarks) ? landmarks : [],
    faceBlendshapes: faces.slice(0, 1).map((face) => ({ categories: readCategories(face, fail) })),
    facialTransformationMatrixes: matrixes.slice(0, 1).map((matrix) => ({ data: readMatrix(matrix, fail) })),
  };
  try {
    return { timeUs: Math.round(time * 1000), frame: mediapipeFrame(result) };
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

type Fail = (message: string) => never;

function readCategories(face: unknown, fail: Fail): { categoryName: string; score: number }[] {
  const list = isRecord(face) ? face['categories'] : face;
  if (!Array.isArray(list)) return fail('blendshapes are no list of categories');
  return list.map((category: unknown) => {
    const fields = isRecord(category) ? category : {};
    const categoryName = fields['categoryName'] ?? fields['category_name'];
    const score = fields['score'];
    if (typeof categoryName !== 'string') return fail('a category without a name');
    if (typeof score !== 'number') return fail(`${categoryName} has no score`);
    return { categoryName, score };
  });
}

/** Column-major numbers of either spelling. */
function readMatrix(matrix: unknown, fail: Fail): number[] {
  let numbers: unknown;
  if (isRecord(matrix)) numbers = matrix['data'];
  else if (isSquare(matrix)) numbers = Array.from({ length: 16 }, (_, index) => matrix[index % 4]![index >> 2]);
  if (!Array.isArray(numbers) || numbers.length !== 16 || !numbers.every((value) => typeof value === 'number')) {
    return fail('a matrix is neither 16 numbers in data nor 4 rows of 4 numbers');
  }
  return numbers;
}

function isSquare(matrix: unknown): matrix is unknown[][] {
  return Array.isArray(matrix) && matrix.length === 4 && matrix.every((row) => Array.isArray(row) && row.length === 4);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): HayateError {
  return new HayateError('invalid_argument', message);
}
