// A worker: posts how many bytes of heap a frame takes, encoded, decoded and concealed, once all is compiled.
import { GCProfiler } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { createFaceDecoder, createFaceEncoder, faceConfig, MAX_UNIT_BYTES } from '../motion/index.ts';
import { talkFrame } from './talk.ts';

const FRAMES = 10_000;
const frames = Array.from({ length: 300 }, (_, n) => talkFrame(n / 30));
const config = faceConfig({ fps: 30 });
const encoder = createFaceEncoder(config);
const decoder = createFaceDecoder(config);
const out = new Uint8Array(MAX_UNIT_BYTES);
const views = Array.from({ length: MAX_UNIT_BYTES + 1 }, (_, length) => out.subarray(0, length));
const kept = [out];
let sequence = 0;

/** Bytes of heap a frame, those of the collected objects too. */
function run(copies: boolean): number {
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < FRAMES; n++) {
    const length = encoder.encodeInto(frames[sequence % frames.length]!, out);
    if (copies) kept[0] = out.slice(0, length);
    const { kind } = decoder.decode(sequence, encoder.lastWasKey, views[length]!);
    if (kind !== 'exact' || decoder.next() !== undefined) throw new Error(`${kind} at ${sequence}`);
    if (decoder.conceal(sequence + 2).kind !== 'concealed') throw new Error(`nothing concealed at ${sequence}`);
    sequence++;
  }
  const grown = process.memoryUsage().heapUsed - before;
  const bytes = profiler
    .stop()
    .statistics.reduce(
      (sum, { beforeGC, afterGC }) => sum + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
      grown,
    );
  return bytes / FRAMES;
}

for (let n = 0; n < 3; n++) run(false);
const steady = Math.min(run(false), run(false), run(false));
parentPort!.postMessage({ steady, copied: Math.min(run(true), run(true)) });
