import { createWriteStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Metric, Registry } from '../metrics/registry.ts';

/** Waiting for the disk; what comes beyond is dropped and counted, so that a slow disk does not become the load's pace. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

export interface JsonOutput {
  /** Samples that found no room. */
  readonly dropped: () => number;
  close(): Promise<void>;
}

/** `--out json=FILE`: a line a metric when it is first met, a line a sample. `.gz` is compressed. */
export function openJsonOutput(registry: Registry, file: string): JsonOutput {
  const lines = new PassThrough({ highWaterMark: MAX_WAITING_BYTES });
  const target = createWriteStream(file);
  const written = file.endsWith('.gz') ? pipeline(lines, createGzip(), target) : pipeline(lines, target);
  // Told by close(); until then a failing disk must not end the test.
  written.catch(() => {});
  const met = new Set<Metric>();
  let dropped = 0;
  registry.onSample(({ metric, timeMs, value, tags }) => {
    if (lines.writableLength > MAX_WAITING_BYTES) {
      dropped += 1;
      return;
    }
    if (!met.has(metric)) {
      met.add(metric);
      lines.write(`${JSON.stringify({ type: 'Metric', data: describe(metric), metric: metric.name })}\n`);
    }
    const data = { time: new Date(timeMs).toISOString(), value, tags };
    lines.write(`${JSON.stringify({ metric: metric.name, type: 'Point', data })}\n`);
  });
  return {
    dropped: () => dropped,
    close: async () => {
      lines.end();
      await written;
    },
  };
}

function describe({ name, type, contains, thresholds, submetrics }: Metric): unknown {
  const parts = submetrics.map((part) => ({
    name: part.name,
    suffix: part.name.slice(name.length + 1, -1),
    tags: part.tags,
  }));
  const sources = thresholds.map(({ source }) => source);
  return { name, type, contains, thresholds: sources, submetrics: parts.length > 0 ? parts : null };
}
