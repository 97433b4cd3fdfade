/** Positions count samples at 48 kHz in the run of the liver's voice (`VoiceTrack`). */
export type ToVoiceWorklet =
  | { type: 'samples'; at: number; samples: Float32Array }
  /** At `contextTime` (s of the audio context) the sample `at` is due; from there the run advances 1 + `drift` a sample. */
  | { type: 'anchor'; at: number; drift: number; contextTime: number }
  | { type: 'reset' };

export interface FromVoiceWorklet {
  /** Counts since the start, in samples. */
  played: number;
  /** Came when their time had passed. */
  late: number;
  /** RMS since the last message. */
  level: number;
  /** The position that the audio graph was given at `contextTime`; undefined where that stood for a missing one. */
  at: number | undefined;
  contextTime: number;
}

export type FromCaptureWorklet = {
  /** Audio context time of the first sample, s. */
  contextTime: number;
  samples: Float32Array;
};
