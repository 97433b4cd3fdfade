import type { MotionFrame } from '@hayate/codec/motion';
import { CHANNEL_COUNT } from '../../avatar/channels.ts';
import type { MotionSource } from '../sources.ts';
import type { FromTracker, ToTracker } from './messages.ts';
import { Smoother, type Smoothing } from './smoothing.ts';

const WASM = '/wasm/vision_wasm_module_internal';
/** Where the relay serves a model that was given to it (`hayate demo --face-model FILE`), and its makers' own place. */
const OWN_MODEL = '/face_landmarker.task';
const PUBLIC_MODEL =
  'https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task';
const FPS = 30;

/** What keeps a camera from giving a face: each has its own words on the page. */
export type CameraTrouble = 'refused' | 'absent' | 'busy' | 'unsupported' | 'model' | 'tracker';

export class CameraError extends Error {
  override readonly name = 'CameraError';
  readonly trouble: CameraTrouble;

  constructor(trouble: CameraTrouble, message: string, cause?: unknown) {
    super(message, { cause });
    this.trouble = trouble;
  }
}

/** Of what `getUserMedia` rejects with. */
export function troubleOf(error: unknown): CameraTrouble {
  switch ((error as { name?: string } | undefined)?.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'absent';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return 'unsupported';
  }
}

interface VideoFrameMetadata {
  /** When the camera took it; where the browser tells. */
  captureTime?: number;
  /** When it was handed to the page. */
  presentationTime: number;
}

/** In `performance.now()`: a time in the future, or of long ago, is of another clock. */
export function captureTimeOf({ captureTime, presentationTime }: VideoFrameMetadata, nowMs: number): number {
  const sane = captureTime !== undefined && captureTime <= nowMs + 1 && captureTime > nowMs - 1000;
  return sane ? captureTime : Math.min(nowMs, presentationTime);
}

/** A camera and the tracker behind it. One frame at a time: what comes meanwhile is not tracked, so that lag does not pile up. */
export class Camera implements MotionSource {
  readonly fps = FPS;
  /** What the camera sees, for a preview. */
  readonly video = document.createElement('video');
  smoothing: Smoothing = 'slight';
  /** Of the last frame: how long tracking took, and from capture to the channels, ms. */
  readonly figures = { tookMs: Number.NaN, lagMs: Number.NaN, frames: 0 };
  readonly #stream: MediaStream;
  readonly #worker: Worker;
  readonly #onError: (error: CameraError) => void;
  readonly #smoother = new Smoother();
  readonly #frame: MotionFrame = { face: false, values: new Float32Array(CHANNEL_COUNT) };
  #captureMs = Number.NEGATIVE_INFINITY;
  #beganUs = 0;
  #busy = false;
  #closed = false;

  private constructor(stream: MediaStream, worker: Worker, onError: (error: CameraError) => void) {
    this.#stream = stream;
    this.#worker = worker;
    this.#onError = onError;
    worker.onmessage = ({ data }: MessageEvent<FromTracker>) => this.#take(data);
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.srcObject = stream;
  }

  /** The browser asks for the camera. Rejects with a CameraError. `model`: its URL; undefined: the relay's own, else the public one. */
  static async open(options: { model?: string | undefined; onError(error: CameraError): void }): Promise<Camera> {
    const { model, onError } = options;
    if (!('requestVideoFrameCallback' in HTMLVideoElement.prototype) || typeof OffscreenCanvas === 'undefined') {
      throw new CameraError('unsupported', 'this browser has no requestVideoFrameCallback or no OffscreenCanvas');
    }
    let stream: MediaStream;
    try {
      const video = { facingMode: 'user', width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: FPS } };
      stream = await navigator.mediaDevices.getUserMedia({ video });
    } catch (error) {
      throw new CameraError(troubleOf(error), error instanceof Error ? error.message : String(error), error);
    }
    const worker = new Worker('/camera-worker.js', { type: 'module' });
    const camera = new Camera(stream, worker, onError);
    try {
      await camera.#ready(model === undefined ? [OWN_MODEL, PUBLIC_MODEL] : [model]);
      await camera.video.play();
    } catch (error) {
      camera.close();
      throw error;
    }
    camera.#watch();
    return camera;
  }

  begin(beganUs: number): void {
    this.#beganUs = beganUs;
  }

  /** The last face; its time is the camera's. Without a face in sight it rests, and says so. */
  next(_tUs: number, lastUs: number): { frame: MotionFrame; tUs: number } | undefined {
    const tUs = Math.round(this.#captureMs * 1000 - this.#beganUs);
    return tUs > lastUs ? { frame: this.#frame, tUs } : undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const track of this.#stream.getTracks()) track.stop();
    this.video.srcObject = null;
    this.#worker.terminate();
  }

  async #ready(models: string[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const take = this.#worker.onmessage;
    this.#worker.onerror = (event) => reject(new CameraError('tracker', event.message || 'the tracker does not load'));
    this.#worker.onmessage = ({ data }: MessageEvent<FromTracker>) => {
      if (data.type === 'ready') resolve();
      else if (data.type === 'failed') reject(new CameraError(data.why, data.message));
    };
    const absolute = models.map((url) => new URL(url, location.href).href);
    this.#say({ type: 'open', wasm: new URL(WASM, location.href).href, models: absolute });
    await promise;
    this.#worker.onmessage = take;
  }

  #watch(): void {
    if (this.#closed) return;
    this.video.requestVideoFrameCallback((nowMs, metadata) => {
      if (!this.#busy) void this.#track(captureTimeOf(metadata, nowMs));
      this.#watch();
    });
  }

  async #track(captureMs: number): Promise<void> {
    this.#busy = true;
    try {
      const bitmap = await createImageBitmap(this.video);
      if (this.#closed) bitmap.close();
      else this.#say({ type: 'frame', bitmap, captureMs }, [bitmap]);
    } catch {
      // The camera went in this moment: its track says so.
      this.#busy = false;
    }
  }

  #take(message: FromTracker): void {
    if (message.type === 'failed') {
      this.#busy = false;
      this.#onError(new CameraError(message.why, message.message));
      return;
    }
    if (message.type !== 'face') return;
    this.#busy = false;
    const { captureMs, values, tookMs } = message;
    this.#frame.face = values !== undefined;
    if (values) {
      this.#smoother.apply(values, captureMs, this.smoothing);
      this.#frame.values.set(values);
    }
    this.#captureMs = captureMs;
    this.figures.tookMs = tookMs;
    this.figures.lagMs = performance.now() - captureMs;
    this.figures.frames += 1;
  }

  #say(message: ToTracker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}
