import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { Counters } from './counters.ts';

export interface ClusterGauges {
  /** Open links to other relays. */
  links: number;
  /** Rooms that this relay is the origin of. */
  origins: number;
  /** Rooms here whose way to their origin is lost. */
  adrift: number;
  /** The directory answers. */
  directoryUp: boolean;
}

/** Metrics of a relay as one of many; all zero for one that is alone. */
export function clusterMetrics(meter: Meter) {
  const gauge = (name: string, description: string) => meter.createObservableGauge(`hayate_${name}`, { description });
  const links = gauge('trunk_links', 'Open links to other relays.');
  const origins = gauge('rooms_origin', 'Rooms that this relay is the origin of.');
  const adrift = gauge('rooms_adrift', 'Rooms here whose way to their origin is lost.');
  const directory = gauge('directory_up', '0 while the directory does not answer: no room changes its origin.');
  const lost = meter.createObservableCounter('hayate_trunk_links_lost', { description: 'Links that ended.' });
  const instruments: Observable[] = [links, origins, adrift, directory, lost];
  return {
    instruments,
    observe(result: BatchObservableResult, counters: Counters, gauges: ClusterGauges | undefined): void {
      result.observe(links, gauges?.links ?? 0);
      result.observe(origins, gauges?.origins ?? 0);
      result.observe(adrift, gauges?.adrift ?? 0);
      result.observe(directory, gauges?.directoryUp ? 1 : 0);
      result.observe(lost, counters.total('trunk_links_lost'));
    },
  };
}
