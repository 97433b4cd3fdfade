/** Page to tracker, and back. Times are `performance.now()` of the page. */
export type ToTracker =
  | { type: 'open'; wasm: string; models: string[] }
  /** The bitmap is the tracker's from then on. */
  | { type: 'frame'; bitmap: ImageBitmap; captureMs: number };

export type FromTracker =
  | { type: 'ready' }
  /** `values`: 61 channels, or none where no face was seen. */
  | { type: 'face'; captureMs: number; values: Float32Array | undefined; tookMs: number }
  | { type: 'failed'; why: 'model' | 'tracker'; message: string };
