import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GCProfiler } from 'node:v8';
import { describe, expect, it } from 'vitest';
import {
  ARKIT_CHANNELS,
  type ArkitChannel,
  BLENDSHAPE_COUNT,
  MediapipeError,
  type MediapipeResult,
  type MotionFrame,
  mediapipeFrame,
  parseLiveLinkCsv,
  parseMediapipeJsonLines,
} from './index.ts';

type Matrix = number[][];

const shapes = ARKIT_CHANNELS.slice(0, BLENDSHAPE_COUNT);

function at(frame: MotionFrame, channel: ArkitChannel): number {
  return frame.values[ARKIT_CHANNELS.indexOf(channel)]!;
}

function multiply(a: Matrix, b: Matrix): Matrix {
  return a.map((row) => b[0]!.map((_, column) => row.reduce((sum, value, k) => sum + value * b[k]![column]!, 0)));
}

/** Right-handed rotations about x, y, z; the camera sees the face's own left at +x. */
function rotation(axis: 'x' | 'y' | 'z', angle: number): Matrix {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  if (axis === 'x')
    return [
      [1, 0, 0],
      [0, c, -s],
      [0, s, c],
    ];
  if (axis === 'y')
    return [
      [c, 0, s],
      [0, 1, 0],
      [-s, 0, c],
    ];
  return [
    [c, -s, 0],
    [s, c, 0],
    [0, 0, 1],
  ];
}

/** As rows: a head 40 cm before the camera. */
function pose(head: Matrix): Matrix {
  return [
    [...head[0]!, 1],
    [...head[1]!, -2],
    [...head[2]!, -40],
    [0, 0, 0, 1],
  ];
}

function columnMajor(rows: Matrix): number[] {
  return Array.from({ length: 16 }, (_, index) => rows[index % 4]![index >> 2]!);
}

function result(scores: Record<string, number>, head = rotation('x', 0)): MediapipeResult {
  const categories = Object.entries({ _neutral: 0.5, ...scores }).map(([categoryName, score]) => ({
    categoryName,
    score,
  }));
  return {
    faceLandmarks: [[]],
    faceBlendshapes: [{ categories }],
    facialTransformationMatrixes: [{ data: columnMajor(pose(head)) }],
  };
}

describe('mediapipeFrame', () => {
  it('puts each shape in its channel; ignores names that are none', () => {
    const scores = Object.fromEntries(shapes.map((name, channel) => [name, (channel + 1) / 100]));
    const frame = mediapipeFrame(result({ ...scores, headYaw: 1 }));
    expect(frame.face).toBe(true);
    for (const [channel, value] of frame.values.subarray(0, BLENDSHAPE_COUNT).entries()) {
      expect(value).toBeCloseTo((channel + 1) / 100, 6);
    }
    expect(at(frame, 'headYaw')).toBe(0);
  });

  it.each([
    ['its own left', 'headYaw', rotation('y', 0.3)],
    ['up', 'headPitch', rotation('x', -0.3)],
    ['its own right shoulder', 'headRoll', rotation('z', 0.3)],
  ] as const)('a head that turns to %s has a positive %s', (_, channel, head) => {
    const frame = mediapipeFrame(result({}, head));
    for (const angle of ['headYaw', 'headPitch', 'headRoll'] as const) {
      expect(at(frame, angle)).toBeCloseTo(angle === channel ? 0.3 : 0, 6);
    }
  });

  it('says where the face looks: the matrix moves the nose, the angles tell where', () => {
    const [yaw, pitch, roll] = [0.5, -0.4, 0.2];
    const head = multiply(multiply(rotation('y', yaw), rotation('x', -pitch)), rotation('z', roll));
    const nose = head.map((row) => row[2]!);
    expect(nose[0]).toBeGreaterThan(0.3); // to its own left
    expect(nose[1]).toBeLessThan(-0.3); // down
    const scaled = head.map((row) => row.map((value) => value * 1.7));
    for (const matrix of [head, scaled]) {
      const frame = mediapipeFrame(result({}, matrix));
      expect(at(frame, 'headYaw')).toBeCloseTo(yaw, 6);
      expect(at(frame, 'headPitch')).toBeCloseTo(pitch, 6);
      expect(at(frame, 'headRoll')).toBeCloseTo(roll, 6);
    }
  });

  it('turns the eyes by the eyeLook shapes: yaw to the right, pitch downwards', () => {
    const right = mediapipeFrame(result({ eyeLookInLeft: 1, eyeLookOutRight: 1 }));
    expect(at(right, 'leftEyeYaw')).toBeCloseTo(0.554, 6);
    expect(at(right, 'rightEyeYaw')).toBeCloseTo(0.642, 6);
    const down = mediapipeFrame(result({ eyeLookDownLeft: 0.5, eyeLookUpRight: 0.5 }));
    expect(at(down, 'leftEyePitch')).toBeCloseTo(0.3055, 6);
    expect(at(down, 'rightEyePitch')).toBeCloseTo(-0.226, 6);
    expect(at(down, 'leftEyeYaw')).toBeCloseTo(-at(down, 'rightEyeYaw'), 6);
  });

  it('gives no face as zeros, and heads without a matrix as zero angles', () => {
    const out = mediapipeFrame(result({ jawOpen: 1 }, rotation('y', 1)));
    const same = mediapipeFrame({ faceBlendshapes: [] }, out);
    expect(same).toBe(out);
    expect(same).toEqual({ face: false, values: new Float32Array(61) });
    const { faceBlendshapes } = result({ jawOpen: 1 });
    expect(at(mediapipeFrame({ faceBlendshapes }), 'headYaw')).toBe(0);
  });

  it('writes into the given frame and leaves its extras', () => {
    const out = { face: false, values: new Float32Array(63).fill(9) };
    const { values } = out;
    expect(mediapipeFrame(result({ jawOpen: 0.5 }), out)).toBe(out);
    expect(out.values).toBe(values);
    expect(out.face).toBe(true);
    expect([...values.subarray(61)]).toEqual([9, 9]);
    expect(at(out, 'tongueOut')).toBe(0);
  });

  it('allocates nothing when a frame is given', () => {
    const input = result(Object.fromEntries(shapes.map((name) => [name, 0.1])), rotation('y', 0.2));
    const out = mediapipeFrame(input);
    /** Bytes that `count` frames take from the heap, those of the collected objects too. */
    const run = (count: number): number => {
      const profiler = new GCProfiler();
      profiler.start();
      const before = process.memoryUsage().heapUsed;
      for (let n = 0; n < count; n++) mediapipeFrame(input, out);
      const grown = process.memoryUsage().heapUsed - before;
      return profiler
        .stop()
        .statistics.reduce(
          (sum, { beforeGC, afterGC }) =>
            sum + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
          grown,
        );
    };
    run(50_000);
    expect(Math.min(run(100_000), run(100_000), run(100_000)) / 100_000).toBeLessThan(4);
  });

  it('refuses what is set up wrongly', () => {
    expect(() => mediapipeFrame({ faceLandmarks: [[]], faceBlendshapes: [] })).toThrow(/outputFaceBlendshapes/);
    expect(() => mediapipeFrame(result({}), { face: true, values: new Float32Array(52) })).toThrow(/61 wanted/);
    const { faceBlendshapes } = result({});
    expect(() => mediapipeFrame({ faceBlendshapes, facialTransformationMatrixes: [{ data: [1] }] })).toThrow(/16 want/);
  });

  const recordings = join(import.meta.dirname, '../../../shared/data/motion');
  it('agrees with the eyes of recordings', (context) => {
    if (!existsSync(recordings)) context.skip('no recordings beside this checkout');
    for (const name of ['alex_rom_3.csv', 'S88-001.csv', 'facial.csv']) {
      let squares = 0;
      let count = 0;
      for (const { frame } of parseLiveLinkCsv(readFileSync(join(recordings, name), 'utf8').split('\n'))) {
        if (!frame.face) continue;
        const scores = Object.fromEntries(shapes.map((shape, channel) => [shape, frame.values[channel]!]));
        const { values } = mediapipeFrame(result(scores));
        for (let channel = ARKIT_CHANNELS.indexOf('leftEyeYaw'); channel < ARKIT_CHANNELS.length; channel++) {
          squares += (values[channel]! - frame.values[channel]!) ** 2;
          count++;
        }
      }
      expect(count).toBeGreaterThan(5000);
      expect(Math.sqrt(squares / count)).toBeLessThan(0.006);
    }
  });
});

describe('parseMediapipeJsonLines', () => {
  const head = multiply(rotation('y', 0.3), rotation('x', -0.1));
  const javaScript = { timestampMs: 40.5, ...result({ jawOpen: 0.5 }, head) };
  const python = {
    timestamp_ms: 40.5,
    face_landmarks: [[]],
    face_blendshapes: [[{ index: 25, score: 0.5, display_name: '', category_name: 'jawOpen' }]],
    facial_transformation_matrixes: [pose(head)],
  };

  it('reads both spellings to the same frame', () => {
    const lines = [`\uFEFF${JSON.stringify(javaScript)}\r\n`, '', JSON.stringify(python)];
    const [first, second, ...more] = [...parseMediapipeJsonLines(lines)];
    expect(more).toEqual([]);
    expect(first!.timeUs).toBe(40_500);
    expect(at(first!.frame, 'jawOpen')).toBe(0.5);
    expect(at(first!.frame, 'headYaw')).toBeCloseTo(0.3, 6);
    expect(at(first!.frame, 'headPitch')).toBeCloseTo(0.1, 6);
    expect(second!.timeUs).toBe(40_500);
    for (const [channel, value] of first!.frame.values.entries()) {
      expect(second!.frame.values[channel]).toBeCloseTo(value, 6);
    }
    expect(first!.frame.values).not.toBe(second!.frame.values);
  });

  it('reads a line without a face', () => {
    const [row] = [...parseMediapipeJsonLines(['{"timestampMs":1,"faceLandmarks":[],"faceBlendshapes":[]}'])];
    expect(row).toEqual({ timeUs: 1000, frame: { face: false, values: new Float32Array(61) } });
  });

  it.each([
    ['{', /not JSON/],
    ['[]', /not a JSON object/],
    ['{"faceBlendshapes":[]}', /no timestampMs/],
    ['{"timestampMs":-1,"faceBlendshapes":[]}', /no timestampMs/],
    ['{"timestampMs":1}', /no list faceBlendshapes/],
    ['{"timestampMs":1,"faceBlendshapes":[7]}', /no list of categories/],
    ['{"timestampMs":1,"faceBlendshapes":[[{"score":1}]]}', /without a name/],
    ['{"timestampMs":1,"faceBlendshapes":[[{"category_name":"jawOpen"}]]}', /jawOpen has no score/],
    ['{"timestampMs":1,"faceBlendshapes":[],"faceLandmarks":[[]]}', /outputFaceBlendshapes/],
    ['{"timestampMs":1,"faceBlendshapes":[],"facialTransformationMatrixes":{}}', /is no list/],
    ['{"timestampMs":1,"faceBlendshapes":[[]],"facialTransformationMatrixes":[{"data":[1]}]}', /neither 16/],
    ['{"timestampMs":1,"faceBlendshapes":[[]],"facialTransformationMatrixes":[[[1],[2],[3],[4]]]}', /neither 16/],
  ])('tells the line: %s', (text, message) => {
    const rows = parseMediapipeJsonLines([JSON.stringify(javaScript), '', text]);
    rows.next();
    try {
      rows.next();
    } catch (error) {
      expect(error).toBeInstanceOf(MediapipeError);
      expect(error).toMatchObject({ code: 'invalid_argument', line: 3 });
      expect((error as Error).message).toMatch(message);
      return;
    }
    throw new Error('no error');
  });
});
