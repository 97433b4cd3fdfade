import type { Environment } from '../runner/environment.ts';
import { parseMetrics, total } from './prometheus.ts';
import type { Series } from './series.ts';

const PERIOD_MS = 1000;
const TIMEOUT_MS = 900;

/** Reads the relay's own metrics while the test runs: what it costs stands beside what its viewers saw. */
export function watchRelay(address: string, series: Series, environment: Environment): () => void {
  let timer: unknown;
  let stopped = false;
  let before: { atMs: number; cpu: number; out: number } | undefined;
  const read = async () => {
    const text = await textOf(address);
    if (text === undefined || stopped) return;
    const samples = parseMetrics(text);
    const now = {
      atMs: environment.nowMs(),
      cpu: total(samples, 'hayate_process_cpu_seconds_total'),
      out: total(samples, 'hayate_udp_bytes_total', { direction: 'out' }),
    };
    if (before) {
      const seconds = (now.atMs - before.atMs) / 1000;
      series.note('relay_cpu', 'percent', (100 * (now.cpu - before.cpu)) / seconds);
      series.note('relay_bytes_out', 'rate', (now.out - before.out) / seconds);
    }
    series.note('relay_memory', 'value', total(samples, 'hayate_process_resident_bytes'));
    series.note('relay_viewers', 'value', total(samples, 'hayate_viewers'));
    before = now;
  };
  const arm = () => {
    timer = environment.setTimer(() => {
      void read().finally(() => {
        if (!stopped) arm();
      });
    }, PERIOD_MS);
  };
  arm();
  return () => {
    stopped = true;
    environment.clearTimer(timer);
  };
}

async function textOf(address: string): Promise<string | undefined> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}
