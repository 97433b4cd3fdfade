import { hostname } from 'node:os';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type { MetricReader } from '@opentelemetry/sdk-metrics';
import type { Logger } from 'pino';
import type { RelayConfig } from '../../config/schema.ts';
import type { Counters } from '../counters.ts';
import { within } from '../within.ts';
import { GiftTraces } from './gifts.ts';
import { HandOverTraces } from './hand-overs.ts';
import { JoinTraces } from './joins.ts';
import type { Traces } from './traces.ts';

/** A collector that does not answer must not keep a relay from ending. */
const CLOSE_MS = 2000;

/** What a relay traces. */
export interface RelayTraces {
  spans: Traces;
  gifts: GiftTraces;
  joins: JoinTraces;
  handOvers: HandOverTraces;
}

/** What a relay tells beside `/metrics` and its log. */
export interface Telemetry {
  /** Undefined: nobody wants any. */
  traces: RelayTraces | undefined;
  /** Of metrics, beside Prometheus'. */
  readers: MetricReader[];
  /** Who speaks: one for traces and metrics. */
  resource: Resource;
  /** Sends what waits, for 2 s at most. Readers end with their provider. */
  close(): Promise<void>;
}

/** Loads nothing of it where nothing is configured. @throws HayateError `invalid_argument` (headers, file) */
export async function openTelemetry(
  config: RelayConfig,
  deps: { counters: Counters; log: Logger },
): Promise<Telemetry> {
  const resource = resourceOf(config);
  const { otlp, traces: wanted } = config.telemetry;
  if (otlp.endpoint === undefined && wanted.file === undefined) {
    return { traces: undefined, readers: [], resource, close: async () => {} };
  }
  const [{ openExporters }, { SdkTraces }] = await Promise.all([import('./exporters.ts'), import('./traces.ts')]);
  const { processors, readers } = await openExporters(config.telemetry, deps);
  const spans = processors.length > 0 ? new SdkTraces(resource, processors, deps.counters) : undefined;
  return {
    traces: spans && {
      spans,
      gifts: new GiftTraces(spans),
      joins: new JoinTraces(spans, wanted.joins),
      handOvers: new HandOverTraces(spans),
    },
    readers,
    resource,
    close: () => within(CLOSE_MS, spans?.close()),
  };
}

function resourceOf({ cluster, gifts }: RelayConfig): Resource {
  return resourceFromAttributes({
    'service.name': 'hayate-relay',
    'service.instance.id': cluster.relayId ?? hostname(),
    'hayate.region': cluster.region ?? gifts.region,
  });
}
