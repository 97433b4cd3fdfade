import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Meter } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationType,
  InstrumentType,
  MeterProvider,
  type MetricReader,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics';
import { bindFailed } from '../http/bind.ts';
import { httpServer } from '../http/server.ts';
import type { ClassCount, DeliveryStats } from '../src/delivery-stats.ts';
import { type ClusterGauges, clusterMetrics } from './cluster.ts';
import { type CommunityGauges, communityMetrics } from './community.ts';
import type { Counters } from './counters.ts';
import { type GiftGauges, giftMetrics } from './gift-metrics.ts';
import type { KernelFigures } from './kernel.ts';
import { kernelMetrics } from './kernel-metrics.ts';
import { type ProcessGauges, processMetrics } from './process-metrics.ts';
import { VIEWER_JOIN_BOUNDS, VIEWER_LAG_BOUNDS, VIEWER_MISSED_BOUNDS, ViewerReports } from './viewers.ts';
import { within } from './within.ts';

/** The engine's `refused_<status>` are about connections. */
const NOT_OF_DATAGRAMS = /^(\d{3}|other)$/;

/** The engine's figure and its label. */
const HANDSHAKES = [
  ['handshakes', 'completed'],
  ['handshakes_failed', 'failed'],
  ['handshakes_timed_out', 'timed_out'],
  ['handshakes_refused', 'refused'],
] as const;

/** The engine's figure and its label. */
const ENGINE_OPEN = [
  ['connections_open', 'connections'],
  ['sessions_open', 'sessions'],
  ['streams_open', 'streams'],
  ['rooms', 'rooms'],
  ['members', 'members'],
  ['publishers', 'publishers'],
  ['timer_entries', 'timers'],
] as const;

/** What a scrape reads; taken anew each time. */
export interface Snapshot {
  sessions: number;
  rooms: number;
  viewers: number;
  livers: number;
  people: number;
  busy: boolean;
  delivery: DeliveryStats;
  counters: Counters;
  /** The media plane's flat figures. */
  plane: Record<string, number>;
  /** CONNECT refused before a session existed, by HTTP status. */
  connectRefused: Record<string, number>;
  /** Undefined where no gifts are taken. */
  gifts: GiftGauges | undefined;
  /** Undefined before the start. */
  community: CommunityGauges | undefined;
  /** Whether the backend's word filter answers; undefined where there is none. */
  filterUp: boolean | undefined;
  /** Undefined for a relay alone. */
  cluster: ClusterGauges | undefined;
  process: ProcessGauges;
  /** Undefined outside Linux. */
  kernel: KernelFigures | undefined;
}

/** Seconds: round bounds around what a join and a lag should be. */
const JOIN_BOUNDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const LAG_BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5];
/** What one more voice packet a datagram takes is a step; below zero the network alone is over the budget. */
const SPARE_BOUNDS = [-0.2, -0.1, -0.05, -0.02, 0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1];

/** A collector that does not answer must not keep a relay from ending. */
const CLOSE_MS = 2000;

interface MetricsOptions {
  /** Who speaks; not for Prometheus, which knows its targets. */
  resource?: Resource;
  /** Beside Prometheus'. */
  readers?: MetricReader[];
  /** For the table of docs/operations.md: sees every instrument that is made. */
  wrap?: (meter: Meter) => Meter;
}

/** Metrics of one relay. Gauges and counters are read from `snapshot` at each scrape and each export. */
export class Metrics {
  readonly #exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    withoutTargetInfo: true,
  });
  readonly #provider: MeterProvider;
  readonly #process: ReturnType<typeof processMetrics>;
  readonly viewers: ViewerReports;
  readonly recordJoinMs: (ms: number) => void;
  readonly recordUplinkLagMs: (ms: number) => void;
  readonly recordSpareMs: (ms: number) => void;
  #server: Server | undefined;
  /** Delivery classes seen so far: one that nobody has any more is 0, not gone. */
  readonly #seen = new Map<string, Omit<ClassCount, 'viewers'>>();

  constructor(snapshot: () => Promise<Snapshot>, options: MetricsOptions = {}) {
    const { resource, readers = [], wrap = (meter) => meter } = options;
    this.#provider = new MeterProvider({
      ...(resource && { resource }),
      readers: [this.#exporter, ...readers],
      views: [
        histogramView('hayate_join_seconds', JOIN_BOUNDS),
        histogramView('hayate_uplink_lag_seconds', LAG_BOUNDS),
        histogramView('hayate_spare_seconds', SPARE_BOUNDS),
        histogramView('hayate_viewer_lag_seconds', VIEWER_LAG_BOUNDS),
        histogramView('hayate_viewer_join_seconds', VIEWER_JOIN_BOUNDS),
        histogramView('hayate_viewer_missed_units', VIEWER_MISSED_BOUNDS),
      ],
    });
    const meter = wrap(this.#provider.getMeter('hayate'));
    const join = meter.createHistogram('hayate_join_seconds', { description: 'From a session to its welcome.' });
    const lag = meter.createHistogram('hayate_uplink_lag_seconds', {
      description: 'Capture to relay: the median of each publisher and second.',
    });
    const spare = meter.createHistogram('hayate_spare_seconds', {
      description: 'Of the lag budget, what network and playout leave for holding and repair; one decision in ten.',
    });
    this.recordSpareMs = (ms) => spare.record(ms / 1000);
    this.recordJoinMs = (ms) => join.record(ms / 1000);
    this.recordUplinkLagMs = (ms) => lag.record(ms / 1000);
    this.viewers = new ViewerReports(meter);

    const gauge = (name: string, description: string) => meter.createObservableGauge(`hayate_${name}`, { description });
    const counter = (name: string, description: string) =>
      meter.createObservableCounter(`hayate_${name}`, { description });
    const gauges = {
      sessions: gauge('sessions', 'Sessions open.'),
      rooms: gauge('rooms', 'Rooms open.'),
      viewers: gauge('viewers', 'Sessions that watch.'),
      people: gauge('people', 'People in rooms, each once a room, lost ones whose place is kept included.'),
      livers: gauge('livers', 'Livers announced, lingering ones included.'),
    };
    const accepted = counter('sessions_accepted', 'Sessions that came.');
    const refused = counter('refused', 'Sessions and requests refused, by code.');
    const connectRefused = counter('connect_refused', 'CONNECT refused before a session, by HTTP status.');
    const handshakes = counter('handshakes', 'QUIC handshakes, by how they ended.');
    const engineOpen = gauge(
      'engine_open',
      'What the engine holds, by kind. Two connections and their sessions are its own.',
    );
    const panics = counter('engine_panics', 'Faults caught in the engine; each cost one connection.');
    const stalls = counter(
      'engine_stalls',
      'Times that the engine was more than 20 ms late: no core, or one turn too long.',
    );
    const datagrams = counter('datagrams', 'Datagrams, by direction.');
    const sendBlocked = counter('udp_send_blocked', 'Times that the send buffer was full: waited for up to 2 ms.');
    const sendErrors = counter(
      'udp_send_errors',
      'Datagrams given up on their way into the kernel, by errno: eagain is a send buffer that stayed full.',
    );
    const bytes = counter(
      'udp_bytes',
      'Bytes of UDP payloads, by direction: what transfer costs, but for 28 to 48 of headers a packet.',
    );
    const dropped = counter('datagrams_dropped', 'Datagrams dropped at a bound, by reason.');
    const notForwarded = counter('datagrams_refused', 'Datagrams and units not forwarded, by reason.');
    const repeated = counter('repeated_bytes', 'Bytes of packets that left once more: those that carry gifts.');
    const comments = counter('comments', 'Comments taken.');
    const classes = gauge('delivery_class', 'Viewers by how their datagrams are made.');
    const busy = gauge('busy', '1 while the relay itself is the bottleneck and sends less often.');
    const levels = gauge(
      'congestion_level',
      'Viewers by what is given up for their path: 0 nothing, 5 all but voice, 6 to 8 livers as well.',
    );
    const denied = gauge('repair_denied', 'Viewers whose loss asks for repair that the bounds do not allow.');
    const riding = gauge(
      'delivery_riding',
      'Viewers whose near livers are heard along with far ones, in fewer datagrams.',
    );
    const changes = counter('delivery_changes', 'Changes of a delivery class, by what decided it.');
    const repairBytes = counter('repair_bytes', 'Payload bytes of repair to viewers.');
    const reports = counter('reports', 'Playout reports of viewers; ignored: more than one a second.');
    const commentsLeftOut = counter('comments_left_out', 'Of these, shown to nobody: over 20 a second in their room.');
    const commentsDropped = counter('comments_dropped', 'Comments not sent to viewers that read too slowly.');
    const reactions = counter('reactions', 'Reactions taken.');
    const commentFilter = counter('comment_filter', 'Comments that a word filter was to judge, by what came of it.');
    const spans = counter('spans', 'Spans of traces, by what came of them: made, then sent or lost, by exporter.');
    const commentFilterUp = gauge('comment_filter_up', '0 while the word filter of the backend does not answer.');
    const gifts = giftMetrics(meter);
    const community = communityMetrics(meter);
    const cluster = clusterMetrics(meter);
    const kernel = kernelMetrics(meter);
    this.#process = processMetrics(meter);

    meter.addBatchObservableCallback(
      async (result) => {
        const s = await snapshot();
        for (const [name, instrument] of Object.entries(gauges))
          result.observe(instrument, s[name as keyof typeof gauges]);
        community.observe(result, s.counters, s.community);
        cluster.observe(result, s.counters, s.cluster);
        gifts.observe(result, s.counters, s.gifts);
        kernel.observe(result, s.kernel);
        this.#process.observe(result, s.process);
        result.observe(accepted, s.counters.total('sessions'));
        for (const [code, n] of s.counters.get('refused')) result.observe(refused, n, { code });
        for (const [status, n] of Object.entries(s.connectRefused)) result.observe(connectRefused, n, { status });
        for (const [name, label] of HANDSHAKES) {
          if (s.plane[name] !== undefined) result.observe(handshakes, s.plane[name], { result: label });
        }
        for (const [name, what] of ENGINE_OPEN) {
          if (s.plane[name] !== undefined) result.observe(engineOpen, s.plane[name], { what });
        }
        result.observe(panics, s.plane['panics'] ?? 0);
        result.observe(stalls, s.plane['stalls'] ?? 0);
        result.observe(datagrams, s.plane['datagrams_in'] ?? 0, { direction: 'in' });
        result.observe(datagrams, s.plane['datagrams_out'] ?? 0, { direction: 'out' });
        if (s.plane['send_blocked'] !== undefined) {
          result.observe(sendBlocked, s.plane['send_blocked']);
          observePrefixed(s.plane, 'send_dropped_', (errno, n) => result.observe(sendErrors, n, { errno }));
        }
        result.observe(bytes, s.plane['bytes_in'] ?? 0, { direction: 'in' });
        result.observe(bytes, s.plane['bytes_out'] ?? 0, { direction: 'out' });
        result.observe(repeated, s.plane['bytes_repeated'] ?? 0);
        observePrefixed(s.plane, 'dropped_', (reason, n) => result.observe(dropped, n, { reason }));
        observePrefixed(s.plane, 'refused_', (reason, n) => {
          if (!NOT_OF_DATAGRAMS.test(reason)) result.observe(notForwarded, n, { reason });
        });
        for (const [reason, n] of s.counters.get('units_refused')) {
          if (s.plane[`refused_${reason}`] === undefined) result.observe(notForwarded, n, { reason });
        }
        for (const [labels, viewers] of this.#classes(s.delivery)) result.observe(classes, viewers, labels);
        result.observe(busy, Number(s.busy));
        for (const [level, n] of s.delivery.levels.entries()) result.observe(levels, n, { level });
        result.observe(denied, s.delivery.repairDenied);
        result.observe(riding, s.delivery.riding);
        for (const [why, n] of s.counters.get('delivery_changes')) result.observe(changes, n, { why });
        result.observe(repairBytes, s.counters.total('repair_bytes'));
        for (const [what, n] of s.counters.get('reports')) result.observe(reports, n, { result: what });
        result.observe(comments, s.counters.total('comments'));
        result.observe(commentsLeftOut, s.counters.total('comments_left_out'));
        result.observe(commentsDropped, s.counters.total('comments_dropped'));
        result.observe(reactions, s.counters.total('reactions'));
        for (const [what, n] of s.counters.get('comment_filter')) result.observe(commentFilter, n, { result: what });
        for (const [what, n] of s.counters.get('spans')) result.observe(spans, n, { result: what });
        if (s.filterUp !== undefined) result.observe(commentFilterUp, Number(s.filterUp));
      },
      [
        ...Object.values(gauges),
        ...community.instruments,
        ...cluster.instruments,
        ...gifts.instruments,
        ...kernel.instruments,
        ...this.#process.instruments,
        accepted,
        refused,
        connectRefused,
        handshakes,
        engineOpen,
        panics,
        stalls,
        datagrams,
        sendBlocked,
        sendErrors,
        bytes,
        repeated,
        dropped,
        notForwarded,
        classes,
        busy,
        levels,
        denied,
        riding,
        changes,
        repairBytes,
        reports,
        comments,
        commentsLeftOut,
        commentsDropped,
        reactions,
        commentFilter,
        spans,
        commentFilterUp,
      ],
    );
  }

  /** Serves `/metrics`. Keep the address private: there is no access control. Rejects with `bind_failed`. */
  listen(host: string, port: number): Promise<{ host: string; port: number }> {
    const server = httpServer((request, response) => {
      if (request.method === 'GET' && request.url === '/metrics') {
        this.#exporter.getMetricsRequestHandler(request, response);
      } else {
        response.writeHead(404).end();
      }
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(bindFailed('metrics', host, port, error)));
      server.listen(port, host, () => resolve({ host, port: (server.address() as AddressInfo).port }));
    });
  }

  async close(): Promise<void> {
    this.#process.close();
    const server = this.#server;
    if (server?.listening) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await within(CLOSE_MS, this.#provider.shutdown());
  }

  *#classes({ classes }: DeliveryStats): Generator<[Omit<ClassCount, 'viewers'>, number]> {
    const counts = new Map<string, number>();
    for (const { viewers, ...labels } of classes) {
      const key = JSON.stringify(labels);
      this.#seen.set(key, labels);
      counts.set(key, viewers);
    }
    for (const [key, labels] of this.#seen) yield [labels, counts.get(key) ?? 0];
  }
}

function histogramView(instrumentName: string, boundaries: number[]): ViewOptions {
  return {
    instrumentName,
    instrumentType: InstrumentType.HISTOGRAM,
    aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries } },
  };
}

function observePrefixed(
  flat: Record<string, number>,
  prefix: string,
  observe: (label: string, n: number) => void,
): void {
  for (const [name, n] of Object.entries(flat)) {
    if (name.startsWith(prefix)) observe(name.slice(prefix.length), n);
  }
}
