/** Sample positions count capture time at 48 kHz in the viewer's clock. */
export type ToVoiceWorklet =
  | { type: 'samples'; at: number; samples: Float32Array }
  /** At `contextTime` (s of the audio context) the sample `at` is due. */
  | { type: 'anchor'; at: number; contextTime: number }
  | { type: 'reset' };

export interface FromVoiceWorklet {
  /** Counts since the start, in samples. */
  played: number;
  /** Came when their time had passed. */
  late: number;
  /** RMS since the last message. */
  level: number;
  /** How far the reader is behind its clock, s. */
  behind: number;
}

export type FromCaptureWorklet = {
  /** Audio context time of the first sample, s. */
  contextTime: number;
  samples: Float32Array;
};
