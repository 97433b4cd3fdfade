import { parseMetrics, type Sample } from '@hayate/loadtest/internal';

export { type Sample, total } from '@hayate/loadtest/internal';

/** Reads a page of metrics. */
export async function readMetrics(url: string): Promise<Sample[]> {
  return parseMetrics(await (await fetch(url)).text());
}
