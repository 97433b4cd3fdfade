import { describe, expect, it } from 'vitest';
import { BenchError } from './errors.ts';
import { decimate, readRecording } from './recording.ts';
import { chooseModel, type FoldFile, recognise, rowHash, type Seen, sketchOf } from './seen.ts';
import { csvOf, wander } from './testing/csv.ts';

const takes = { one: wander(2000, 1), two: wander(2000, 2), guest: wander(1000, 3), stranger: wander(2000, 4) };

function known(name: keyof typeof takes, person: string): Seen['recordings'][number] {
  const frames = takes[name];
  return { name, person, fps: 60, face_frames: frames.length, sketch: sketchOf(frames) };
}
const seen: Seen = { recordings: [known('guest', 'guest'), known('one', 'ann'), known('two', 'ann')] };
const fold = (profile: FoldFile['profile'], ...leftOut: string[]): FoldFile => ({ leftOut, profile, table: '' });
const folds = [fold('std', 'one', 'two'), fold('std', 'one'), { ...fold('std'), leftOut: 'two' }, fold('hi', 'guest')];

const choose = (text: string, stranger = false) =>
  chooseModel(readRecording({ name: 'renamed', text }), 'std', { seen, folds }, stranger);

describe('rowHash', () => {
  it('is of the blendshapes as they are to four decimals', () => {
    const values = new Float32Array(61).fill(0.25);
    const hash = rowHash({ face: true, values })!;
    expect(rowHash({ face: true, values: values.map((v) => v + 0.000_04) })).toBe(hash);
    expect(rowHash({ face: true, values: values.map((v, n) => (n === 51 ? 0.2501 : v)) })).not.toBe(hash);
    expect(rowHash({ face: true, values: values.map((v, n) => (n < 52 ? v : 0)) })).toBe(hash);
    expect(rowHash({ face: false, values })).toBeUndefined();
    expect(rowHash({ face: true, values: new Float32Array(61).fill(-0.000_01) })).toBeUndefined();
  });

  it('is FNV-1a of the text', () => {
    const values = new Float32Array(61);
    values[0] = 0.5;
    let hash = 0x811c9dc5n;
    for (const byte of Buffer.from(`5000,${'0,'.repeat(51)}`))
      hash = ((hash ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
    expect(rowHash({ face: true, values })).toBe(Number(hash));
  });
});

describe('a file is known by what is in it', () => {
  it.each([
    ['whole', csvOf(takes.one)],
    ['cut', csvOf(takes.one.slice(700, 1100))],
    ['thinned, with its head held still', csvOf(still(takes.one).filter((_, row) => row % 2 === 0))],
    ['after a stranger', csvOf([...takes.stranger, ...takes.one])],
    ['with gaps and no-face rows', csvOf(takes.one.map((frame, row) => ({ ...frame, face: row % 3 > 0 })))],
  ])('%s', (_, text) => {
    expect(choose(text)).toMatchObject({ recording: 'one', person: 'ann', model: 'without one', unseen: true });
  });

  it('nothing of it is in the training data: the full model', () => {
    const choice = choose(csvOf(takes.stranger));
    expect(choice).toMatchObject({ model: 'full', unseen: true, stranger: true, fold: undefined });
    expect(choice.trained_on).toEqual({ recordings: 3, people: 2, minutes: 1.39 });
  });

  it('says when a file is too short to tell', () => {
    const rows = takes.one.filter((frame) => rowHash(frame)! % 16 !== 0).slice(0, 5);
    expect(choose(csvOf(rows))).toMatchObject({ model: 'full', unseen: false });
    const one = takes.one.filter((frame) => rowHash(frame)! % 16 === 0).slice(0, 1);
    expect(choose(csvOf([...rows, ...one]))).toMatchObject({ model: 'without one' });
  });

  it('a single row in common is chance in a long file', () => {
    const row = takes.one.find((frame) => rowHash(frame)! % 16 === 0)!;
    const long = [...takes.stranger, row];
    expect(recognise(long, seen).sampled).toBeGreaterThan(32);
    expect(choose(csvOf(long)).model).toBe('full');
  });

  it('refuses two recordings in one file, and says which', () => {
    const text = csvOf([...takes.two.slice(0, 500), ...takes.guest]);
    expect(() => choose(text)).toThrow(BenchError);
    expect(() => choose(text)).toThrow(/renamed: .*\(guest, two\)/);
  });
});

describe('the model', () => {
  it('is the one that left out least besides; a stranger to the person when asked', () => {
    expect(choose(csvOf(takes.two)).fold).toBe(folds[2]);
    expect(choose(csvOf(takes.two))).toMatchObject({ stranger: false, trained_on: { recordings: 2, people: 2 } });
    const strict = choose(csvOf(takes.two), true);
    expect(strict.fold).toBe(folds[0]);
    expect(strict).toMatchObject({ stranger: true, trained_on: { recordings: 1, people: 1 } });
  });

  it('is refused when there is none without the file', () => {
    expect(() => choose(csvOf(takes.guest))).toThrow(/is guest, and no std model is without guest/);
  });
});

describe('recordings', () => {
  it('are thinned by a whole number', () => {
    const recording = readRecording({ name: 'x', text: csvOf(takes.guest) });
    expect(recording.fps).toBe(60);
    expect(decimate(recording, 30)).toMatchObject({ fps: 30, frames: { length: 500 } });
    expect(decimate(recording, 60).frames).toEqual(recording.frames);
    expect(() => decimate(recording, 45)).toThrow(/60 frames a second cannot be thinned to 45/);
    expect(() => decimate(recording, 120)).toThrow(BenchError);
  });

  it('that cannot be read name the file and the line', () => {
    expect(() => readRecording({ name: 'x.csv', text: 'a,b' })).toThrow(/^x\.csv: line 1: /);
    const empty = csvOf([{ face: false, values: new Float32Array(61) }]);
    expect(() => readRecording({ name: 'x.csv', text: empty })).toThrow(/x\.csv: no frame with a face/);
  });
});

function still(frames: typeof takes.one): typeof takes.one {
  return frames.map(({ face, values }) => ({ face, values: values.map((v, n) => (n < 52 ? v : 0)) }));
}
