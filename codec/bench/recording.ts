import { parseLiveLinkCsv } from '../motion/livelink.ts';
import type { MotionFrame } from '../motion/types.ts';
import { BenchError } from './errors.ts';

export interface BenchFile {
  /** Only for people: nothing is decided by it. */
  name: string;
  /** A Live Link Face CSV. */
  text: string;
}

export interface Recording {
  name: string;
  frames: MotionFrame[];
  /** Nominal, by the median step of the time codes. */
  fps: number;
}

/** Throws BenchError for a text that is no recording. */
export function readRecording({ name, text }: BenchFile): Recording {
  const frames: MotionFrame[] = [];
  const steps: number[] = [];
  let lastUs: number | undefined;
  try {
    for (const { frame, timeUs } of parseLiveLinkCsv(text.split('\n'))) {
      if (lastUs !== undefined) steps.push(timeUs - lastUs);
      lastUs = timeUs;
      frames.push(frame);
    }
  } catch (error) {
    throw new BenchError(name, (error as Error).message, error);
  }
  if (!frames.some((frame) => frame.face)) throw new BenchError(name, 'no frame with a face in it');
  // Time codes jitter, and recordings have gaps.
  steps.sort((a, b) => a - b);
  const median = steps[steps.length >> 1] ?? 0;
  return { name, frames, fps: median > 0 ? Math.min(120, Math.max(1, Math.round(1_000_000 / median))) : 60 };
}

/** Every n-th frame, so that `fps` are left. Throws BenchError when no n gives that. */
export function decimate(recording: Recording, fps: number): Recording {
  const every = Math.round(recording.fps / fps);
  if (every < 1 || Math.abs(recording.fps / every - fps) > fps / 50) {
    throw new BenchError(recording.name, `${recording.fps} frames a second cannot be thinned to ${fps}`);
  }
  return { ...recording, fps, frames: recording.frames.filter((_, row) => row % every === 0) };
}
