import { type LiveLinkFrame, type MotionFrame, parseLiveLinkCsv } from '@hayate/codec/motion';
import { createPerformer, type Performer } from '../liver/performer.ts';
import { synthesizeVoice } from '../liver/voice.ts';

/** A face over time: us from its begin. */
export interface MotionSource {
  readonly fps: number;
  /** Times count from there: `room.nowUs()`. For sources that have a clock of their own. */
  begin?(beganUs: number): void;
  /** The frame due at `tUs`, when it is another than that of `lastUs`. Its own time is returned with it. */
  next(tUs: number, lastUs: number): { frame: MotionFrame; tUs: number } | undefined;
}

export function performerSource(performer: Performer): MotionSource {
  const { frameUs, fps } = performer;
  return {
    fps,
    next(tUs, lastUs) {
      const due = Math.floor(tUs / frameUs) * frameUs;
      return due > lastUs ? { frame: performer.frame(due), tUs: due } : undefined;
    },
  };
}

/** A recording, for ever: it begins anew one frame after its end. */
export function recordingSource(frames: readonly LiveLinkFrame[]): MotionSource {
  const first = frames[0]!.timeUs;
  const spanUs = frames.at(-1)!.timeUs - first;
  const frameUs = frames.length > 1 ? spanUs / (frames.length - 1) : 33_333;
  const loopUs = spanUs + frameUs;
  let cursor = 0;
  return {
    fps: Math.max(1, Math.min(120, Math.round(1e6 / frameUs))),
    next(tUs, lastUs) {
      const round = Math.floor(tUs / loopUs);
      const within = tUs - round * loopUs;
      if (frames[cursor]!.timeUs - first > within) cursor = 0;
      while (cursor + 1 < frames.length && frames[cursor + 1]!.timeUs - first <= within) cursor += 1;
      const due = round * loopUs + frames[cursor]!.timeUs - first;
      return due > lastUs ? { frame: frames[cursor]!.frame, tUs: due } : undefined;
    },
  };
}

/** Reads a Live Link Face CSV. Throws LiveLinkError with the line that cannot be read. */
export function parseRecording(text: string): LiveLinkFrame[] {
  const frames = [...parseLiveLinkCsv(text.split(/\r?\n/))];
  if (frames.length === 0) throw new Error('the file has no frames');
  return frames;
}

/** The performer's whole loop of voice, 20 ms blocks; half a second of it a turn, so that the page stays awake. */
export async function speakLoop(performer: Performer): Promise<Float32Array<ArrayBuffer>[]> {
  const blocks: Float32Array<ArrayBuffer>[] = [];
  for (const block of synthesizeVoice(performer.speech, { sampleRate: 48_000, blockSamples: 960 })) {
    blocks.push(block);
    if (blocks.length % 25 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  return blocks;
}

export function newPerformer(): Performer {
  return createPerformer({ seed: 1 + Math.floor(Math.random() * 1e6), fps: 60 });
}
