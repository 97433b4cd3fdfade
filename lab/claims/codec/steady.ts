// node --expose-gc --min-semi-space-size=64 --max-semi-space-size=64 lab/claims/codec/steady.ts FILE.csv: heap growth of
// encoding and decoding in steady state, one JSON line. In so large a space nothing is collected meanwhile; in a process
// of its own no other heap is in the figure.
import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import {
  createFaceDecoder,
  createFaceEncoder,
  faceConfig,
  MAX_UNIT_BYTES,
  parseLiveLinkCsv,
} from '@hayate/codec/motion';

const WARM_FRAMES = 100_000;
const FRAMES = 200_000;

const frames = [...parseLiveLinkCsv(readFileSync(process.argv[2]!, 'utf8').split('\n'))].map(({ frame }) => frame);
const config = faceConfig({ fps: 30, profile: 'std' });
const encoder = createFaceEncoder(config, { keyInterval: 8 });
const decoder = createFaceDecoder(config, {});
const out = new Uint8Array(MAX_UNIT_BYTES);
// Views of every length, as a receiver has them: what a unit's bytes live in is not the codec's.
const views = Array.from({ length: MAX_UNIT_BYTES + 1 }, (_, length) => out.subarray(0, length));
const collections: number[] = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) collections.push(entry.startTime);
}).observe({ entryTypes: ['gc'] });

let sequence = 0;
const kept = [out];

/** `copies`: the control, a codec that allocates a unit a frame. */
function run(count: number, copies: boolean): void {
  for (let n = 0; n < count; n++) {
    const length = encoder.encodeInto(frames[sequence % frames.length]!, out);
    if (copies) kept[0] = out.slice(0, length);
    const { kind } = decoder.decode(sequence >>> 0, encoder.lastWasKey, views[length]!);
    if (kind !== 'exact') throw new Error(`${kind} at ${sequence}`);
    if (decoder.next() !== undefined) throw new Error(`a unit waited at ${sequence}`);
    sequence++;
  }
}

async function measure(copies: boolean): Promise<{ bytes_per_frame: number; collections: number }> {
  run(WARM_FRAMES, copies);
  // The compiler's own work ends before the measurement begins.
  await wait(200);
  (globalThis as { gc?: () => void }).gc!();
  await wait(50);
  const since = performance.now();
  const before = process.memoryUsage().heapUsed;
  run(FRAMES, copies);
  const after = process.memoryUsage().heapUsed;
  const until = performance.now();
  await wait(50);
  const within = collections.filter((at) => at >= since && at <= until).length;
  return { bytes_per_frame: Math.round(((after - before) / FRAMES) * 1000) / 1000, collections: within };
}

const steady = await measure(false);
const control = await measure(true);
console.log(JSON.stringify({ frames: FRAMES, steady, control }));
