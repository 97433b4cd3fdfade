import type { BenchCodec, BenchStream } from './codec.ts';
import { countMismatched, encodeRecording, PoseErrors, type Timing, timeCodec, UnitSizes } from './encoded.ts';
import { LOSS_CONDITIONS, type LossKind, LossTally, lostDatagrams, type Repair, simulate } from './loss.ts';
import { type BenchFile, decimate, type Recording, readRecording } from './recording.ts';
import { chooseModel, type ModelChoice, type Profile } from './seen.ts';
import { mean, rounded } from './statistics.ts';

export interface BenchOptions {
  profile: Profile;
  /** Frames from key to key. Default 8. */
  keyInterval?: number;
  /** Thins each recording to so many frames a second; default all of them. */
  fps?: number;
  /** Of the losses, a run of each condition each. None: no losses. Default 1, 2, 3, 4. */
  seeds?: readonly number[];
  /** A model that has seen nobody of the file's person. */
  stranger?: boolean;
  /** Monotonic, ms. Default performance.now. */
  nowMs?: () => number;
  onProgress?: (text: string) => void;
}

/** Units of bytes: those with a face, without what a bundle adds. */
export interface BenchFigures {
  frames: number;
  face_frames: number;
  minutes: number;
  bytes_per_chain_unit: number;
  bytes_per_key_unit: number;
  bytes_per_frame: number;
  /** Null when every frame has a face. */
  bytes_per_no_face_unit: number | null;
  /** Encoder's pose against the source, in the step of the channel, over frames with a face. */
  max_error_steps: number;
  mean_error_steps: number;
  /** us a frame with a face. */
  encode_us: number;
  decode_us: number;
  /** Frames that decoded to something else than the encoder meant; 0, or the codec is at fault. */
  mismatched: number;
  /** Encoder's pose against the source by channel group; blendshapes 0..1, angles rad. */
  error: Record<string, { mean: number; p99: number }>;
  loss: LossFigures[];
}

export interface LossFigures {
  kind: LossKind;
  rate: number;
  repair: Repair;
  /** Share of datagrams that were lost. */
  lost: number;
  /** Share of frames shown as the encoder meant them, a frame interval after their capture. */
  exact: number;
  /** 99th percentile over frames of the greatest blendshape error of the shown pose against the source. */
  p99_error: number;
  /** From the end of a loss to the next exact frame. Null without a loss. */
  recovery_frames: { mean: number; p95: number } | null;
  bytes_per_datagram: number;
  mismatched: number;
  malformed: number;
}

export interface FileReport extends BenchFigures {
  name: string;
  fps: number;
  model: Omit<ModelChoice, 'fold'>;
}

export interface BenchReport {
  profile: Profile;
  key_interval: number;
  seeds: readonly number[];
  files: FileReport[];
  /** Over all frames of all files. */
  total: BenchFigures;
  /** The files' figures averaged, each file counting the same. */
  mean_of_files: Pick<BenchFigures, 'bytes_per_chain_unit' | 'bytes_per_key_unit' | 'bytes_per_frame'>;
}

interface Measured {
  frames: number;
  faceFrames: number;
  minutes: number;
  sizes: UnitSizes;
  errors: PoseErrors;
  timing: Timing;
  mismatched: number;
  loss: LossTally[];
}

/** Measures a codec on recordings. Throws BenchError for a file that cannot be measured, before any is. */
export function benchWith(codec: BenchCodec, files: readonly BenchFile[], options: BenchOptions): BenchReport {
  const { profile, keyInterval = 8, seeds = [1, 2, 3, 4], onProgress = () => {} } = options;
  const nowMs = options.nowMs ?? (() => performance.now());
  const runs = files.map((file) => {
    const whole = readRecording(file);
    const model = chooseModel(whole, profile, codec, options.stranger);
    return { recording: options.fps === undefined ? whole : decimate(whole, options.fps), model };
  });
  const measured: Measured[] = [];
  const reports: FileReport[] = [];
  for (const { recording, model } of runs) {
    const { fold, ...told } = model;
    onProgress(`${recording.name}: ${recording.frames.length} frames at ${recording.fps} fps, model ${model.model}`);
    const stream = codec.open({ profile, fps: recording.fps, keyInterval, fold });
    const figures = measure(codec, recording, stream, seeds, nowMs);
    measured.push(figures);
    reports.push({ name: recording.name, fps: recording.fps, model: told, ...figuresOf(figures) });
  }
  return {
    profile,
    key_interval: keyInterval,
    seeds,
    files: reports,
    total: figuresOf(sum(measured)),
    mean_of_files: {
      bytes_per_chain_unit: rounded(mean(reports.map((each) => each.bytes_per_chain_unit)), 3),
      bytes_per_key_unit: rounded(mean(reports.map((each) => each.bytes_per_key_unit)), 3),
      bytes_per_frame: rounded(mean(reports.map((each) => each.bytes_per_frame)), 3),
    },
  };
}

function measure(
  codec: BenchCodec,
  recording: Recording,
  stream: BenchStream,
  seeds: readonly number[],
  nowMs: () => number,
): Measured {
  const encoded = encodeRecording(recording, stream);
  const conditions = seeds.length === 0 ? [] : LOSS_CONDITIONS;
  return {
    frames: recording.frames.length,
    faceFrames: recording.frames.filter((frame) => frame.face).length,
    minutes: recording.frames.length / recording.fps / 60,
    sizes: UnitSizes.of(encoded),
    errors: PoseErrors.of(encoded, stream, codec.groups),
    mismatched: countMismatched(encoded, stream),
    timing: timeCodec(encoded, stream, codec.maxUnitBytes, nowMs),
    loss: conditions.map((condition) => {
      const tally = new LossTally();
      for (const seed of seeds) {
        const lost = lostDatagrams(condition, recording.frames.length, recording.fps, seed);
        tally.addAll(simulate(encoded, stream, lost, condition.repair));
      }
      return tally;
    }),
  };
}

function sum(all: readonly Measured[]): Measured {
  const total: Measured = {
    frames: 0,
    faceFrames: 0,
    minutes: 0,
    sizes: new UnitSizes(),
    errors: new PoseErrors(),
    timing: { encode_us: 0, decode_us: 0 },
    mismatched: 0,
    loss: (all[0]?.loss ?? []).map(() => new LossTally()),
  };
  for (const each of all) {
    total.frames += each.frames;
    total.faceFrames += each.faceFrames;
    total.minutes += each.minutes;
    total.sizes.addAll(each.sizes);
    total.errors.addAll(each.errors);
    total.timing.encode_us += each.timing.encode_us * each.faceFrames;
    total.timing.decode_us += each.timing.decode_us * each.faceFrames;
    total.mismatched += each.mismatched;
    for (const [n, tally] of each.loss.entries()) total.loss[n]!.addAll(tally);
  }
  total.timing.encode_us /= total.faceFrames;
  total.timing.decode_us /= total.faceFrames;
  return total;
}

function figuresOf(measured: Measured): BenchFigures {
  const { sizes, errors, timing } = measured;
  const noFace = sizes.noFace.values.length > 0;
  return {
    frames: measured.frames,
    face_frames: measured.faceFrames,
    minutes: rounded(measured.minutes, 2),
    bytes_per_chain_unit: rounded(sizes.chain.mean, 3),
    bytes_per_key_unit: rounded(sizes.key.mean, 3),
    bytes_per_frame: rounded(sizes.perFrame, 3),
    bytes_per_no_face_unit: noFace ? rounded(sizes.noFace.mean, 3) : null,
    max_error_steps: rounded(errors.steps.percentile(1), 4),
    mean_error_steps: rounded(errors.steps.mean, 4),
    encode_us: rounded(timing.encode_us, 2),
    decode_us: rounded(timing.decode_us, 2),
    mismatched: measured.mismatched,
    error: Object.fromEntries(
      [...errors.groups].map(([name, samples]) => [
        name,
        { mean: rounded(samples.mean, 5), p99: rounded(samples.percentile(0.99), 5) },
      ]),
    ),
    loss: measured.loss.map((tally, n) => lossFigures(tally, n)),
  };
}

function lossFigures(tally: LossTally, condition: number): LossFigures {
  const recovered = tally.recovery.values.length > 0;
  return {
    ...LOSS_CONDITIONS[condition]!,
    lost: rounded(tally.lost / tally.frames, 4),
    exact: rounded(tally.exact / tally.frames, 5),
    p99_error: rounded(tally.errors.percentile(0.99), 4),
    recovery_frames: recovered ? { mean: rounded(tally.recovery.mean, 2), p95: tally.recovery.percentile(0.95) } : null,
    bytes_per_datagram: rounded(tally.bytes / tally.frames, 3),
    mismatched: tally.mismatched,
    malformed: tally.malformed,
  };
}
