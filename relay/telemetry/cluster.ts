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

/** Metrics of a relay as one of many; none for one that is alone: a directory that it does not need is not down. */
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
      if (!gauges) return;
      result.observe(links, gauges.links);
      result.observe(origins, gauges.origins);
      result.observe(adrift, gauges.adrift);
      result.observe(directory, Number(gauges.directoryUp));
      result.observe(lost, counters.total('trunk_links_lost'));
    },
  };
}
