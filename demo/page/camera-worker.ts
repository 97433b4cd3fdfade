/** Runs in a worker: MediaPipe's face landmarker, a frame at a time, to the channels of the motion codec. */
import { mediapipeFrame } from '@hayate/codec/motion';
import { FaceLandmarker } from '@mediapipe/tasks-vision';
import type { FromTracker, ToTracker } from './camera/messages.ts';
import { ownOriginOnly } from './camera/own-network.ts';

const CHANNELS = 61;
const frame = { face: false, values: new Float32Array(CHANNELS) };
let landmarker: FaceLandmarker | undefined;
/** MediaPipe wants times that grow. */
let lastMs = 0;

const scope = globalThis as unknown as Worker;
const say = (message: FromTracker, transfer: Transferable[] = []) => scope.postMessage(message, transfer);
const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

async function fetchModel(urls: readonly string[]): Promise<Uint8Array> {
  const failed: string[] = [];
  for (const url of urls) {
    try {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`answered ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      failed.push(`${url}: ${textOf(error)}`);
    }
  }
  throw new Error(failed.join('; '));
}

async function open({ wasm, models }: Extract<ToTracker, { type: 'open' }>): Promise<void> {
  let modelAssetBuffer: Uint8Array;
  try {
    modelAssetBuffer = await fetchModel(models);
  } catch (error) {
    return say({ type: 'failed', why: 'model', message: textOf(error) });
  }
  ownOriginOnly(globalThis as unknown as Parameters<typeof ownOriginOnly>[0]);
  const create = (delegate: 'GPU' | 'CPU') => {
    // Each try takes the loader's factory away, and a module of the same name does not run again to give another.
    const fileset = { wasmLoaderPath: `${wasm}.js?${delegate}`, wasmBinaryPath: `${wasm}.wasm` };
    return FaceLandmarker.createFromOptions(fileset, {
      baseOptions: { modelAssetBuffer, delegate },
      canvas: new OffscreenCanvas(1, 1),
      runningMode: 'VIDEO',
      numFaces: 1,
      outputFaceBlendshapes: true,
      outputFacialTransformationMatrixes: true,
    });
  };
  try {
    landmarker = await create('GPU').catch(() => create('CPU'));
    say({ type: 'ready' });
  } catch (error) {
    say({ type: 'failed', why: 'tracker', message: textOf(error) });
  }
}

function track({ bitmap, captureMs }: Extract<ToTracker, { type: 'frame' }>): void {
  const beganMs = performance.now();
  try {
    lastMs = Math.max(lastMs + 1, Math.floor(captureMs));
    mediapipeFrame(landmarker!.detectForVideo(bitmap, lastMs), frame);
    const values = frame.face ? frame.values.slice() : undefined;
    say({ type: 'face', captureMs, values, tookMs: performance.now() - beganMs }, values ? [values.buffer] : []);
  } catch (error) {
    say({ type: 'failed', why: 'tracker', message: textOf(error) });
  } finally {
    bitmap.close();
  }
}

scope.onmessage = ({ data }: MessageEvent<ToTracker>) => {
  if (data.type === 'open') void open(data);
  else track(data);
};
