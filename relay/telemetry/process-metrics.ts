import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { LoopPeaks } from '../media/plane.ts';

/** Node measures with a timer of this period and counts the period in. */
const LOOP_STEP_MS = 10;

export interface ProcessGauges {
  draining: boolean;
  /** Undefined where there is no engine. */
  loopPeaks: LoopPeaks | undefined;
  /** Seconds since 1970 when each certificate ends, by what it is for. */
  certificates: ReadonlyMap<string, number>;
}

/** Metrics of the process itself: memory, CPU, how late its two loops are, how long its certificates last. */
export function processMetrics(meter: Meter) {
  const gauge = (name: string, description: string) => meter.createObservableGauge(`hayate_${name}`, { description });
  const resident = gauge('process_resident_bytes', 'Memory of the process.');
  const heap = gauge('process_heap_bytes', 'Of it, the heap of JavaScript.');
  const cpu = meter.createObservableCounter('hayate_process_cpu_seconds', {
    description: 'CPU time of the process, engine and JavaScript.',
  });
  const started = gauge('process_start_time_seconds', 'When the process started, seconds since 1970.');
  const draining = gauge('draining', '1 once nobody is let in any more.');
  const eventLoop = gauge('event_loop_delay_seconds', 'Delay of the event loop since the last scrape.');
  const engineLoop = gauge(
    'engine_loop_seconds',
    "Of the engine's loop since the last scrape: its longest turn, and how late its latest timer was.",
  );
  const certificate = gauge(
    'certificate_expiry_timestamp_seconds',
    'When a certificate ends, seconds since 1970, by use.',
  );
  const startedSeconds = Math.round((Date.now() - process.uptime() * 1000) / 1000);
  const delay = monitorEventLoopDelay({ resolution: LOOP_STEP_MS });
  delay.enable();
  const instruments: Observable[] = [resident, heap, cpu, started, draining, eventLoop, engineLoop, certificate];
  return {
    instruments,
    observe(result: BatchObservableResult, gauges: ProcessGauges): void {
      const memory = process.memoryUsage();
      result.observe(resident, memory.rss);
      result.observe(heap, memory.heapTotal);
      const { user, system } = process.cpuUsage();
      result.observe(cpu, (user + system) / 1e6);
      result.observe(started, startedSeconds);
      result.observe(draining, Number(gauges.draining));
      if (delay.count > 0) {
        const quantiles = { '0.5': delay.percentile(50), '0.99': delay.percentile(99), '1': delay.max };
        for (const [quantile, ns] of Object.entries(quantiles))
          result.observe(eventLoop, Math.max(0, ns / 1e9 - LOOP_STEP_MS / 1000), { quantile });
        delay.reset();
      }
      if (gauges.loopPeaks) {
        result.observe(engineLoop, gauges.loopPeaks.turnUs / 1e6, { what: 'turn' });
        result.observe(engineLoop, gauges.loopPeaks.timerUs / 1e6, { what: 'timer' });
      }
      for (const [use, seconds] of gauges.certificates) result.observe(certificate, seconds, { use });
    },
    close(): void {
      delay.disable();
    },
  };
}
