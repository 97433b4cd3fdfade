import { parseMetrics, type Sample } from '@hayate/loadtest/internal';

export { type Sample, total } from '@hayate/loadtest/internal';

/** Reads a page of metrics. */
export async function readMetrics(url: string): Promise<Sample[]> {
  // A kept connection may be one that the relay is closing just then, for want of requests: reads are seconds apart.
  return parseMetrics(await (await fetch(url, { headers: { connection: 'close' } })).text());
}
