import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { AggregationType, InstrumentType, MeterProvider, type ViewOptions } from '@opentelemetry/sdk-metrics';
import { bindFailed } from '../http/bind.ts';
import type { LedgerStats } from '../ledger/index.ts';
import type { ClassCount, DeliveryStats } from '../src/delivery-stats.ts';
import type { SenderStats } from '../webhook/sender.ts';
import { type ClusterGauges, clusterMetrics } from './cluster.ts';
import { type CommunityGauges, communityMetrics } from './community.ts';
import type { Counters } from './counters.ts';

/** The engine's `refused_<status>` are about connections. */
const NOT_OF_DATAGRAMS = /^(\d{3}|other)$/;

/** The engine's figure and its label. */
const HANDSHAKES = [
  ['handshakes', 'completed'],
  ['handshakes_failed', 'failed'],
  ['handshakes_timed_out', 'timed_out'],
  ['handshakes_refused', 'refused'],
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
  ledger: LedgerStats | undefined;
  ledgerUp: boolean;
  /** Undefined where no webhook is configured. */
  giftDelivery: SenderStats | undefined;
  /** Undefined before the start. */
  community: CommunityGauges | undefined;
  /** Whether the backend's word filter answers; undefined where there is none. */
  filterUp: boolean | undefined;
  /** Undefined for a relay alone. */
  cluster: ClusterGauges | undefined;
}

/** Node measures with a timer of this period and counts the period in. */
const LOOP_STEP_MS = 10;
/** Round bounds in ms around what a join and a lag should be. */
const JOIN_BOUNDS_MS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const LAG_BOUNDS_MS = [1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500];
/** What one more voice packet a datagram takes is a step; below zero the network alone is over the budget. */
const SPARE_BOUNDS_MS = [-200, -100, -50, -20, 0, 10, 20, 30, 40, 50, 60, 80, 100];

/** Prometheus metrics of one relay. Gauges and counters are read from `snapshot` at each scrape, not pushed. */
export class Metrics {
  readonly #exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    withoutTargetInfo: true,
  });
  readonly #provider: MeterProvider;
  readonly #eventLoop: ReturnType<typeof monitorEventLoopDelay>;
  readonly recordJoinMs: (ms: number) => void;
  readonly recordUplinkLagMs: (ms: number) => void;
  readonly recordSpareMs: (ms: number) => void;
  #server: Server | undefined;
  /** Delivery classes seen so far: one that nobody has any more is 0, not gone. */
  readonly #seen = new Map<string, Omit<ClassCount, 'viewers'>>();

  constructor(snapshot: () => Promise<Snapshot>) {
    this.#provider = new MeterProvider({
      readers: [this.#exporter],
      views: [
        histogramView('hayate_join_ms', JOIN_BOUNDS_MS),
        histogramView('hayate_uplink_lag_ms', LAG_BOUNDS_MS),
        histogramView('hayate_spare_ms', SPARE_BOUNDS_MS),
      ],
    });
    const meter = this.#provider.getMeter('hayate');
    const join = meter.createHistogram('hayate_join_ms', { description: 'From a session to its welcome.' });
    const lag = meter.createHistogram('hayate_uplink_lag_ms', {
      description: 'Capture to relay: the median of each publisher and second.',
    });
    const spare = meter.createHistogram('hayate_spare_ms', {
      description: 'Of the lag budget, what network and playout leave for holding and repair; one decision in ten.',
    });
    this.recordSpareMs = (ms) => spare.record(ms);
    this.recordJoinMs = (ms) => join.record(ms);
    this.recordUplinkLagMs = (ms) => lag.record(ms);
    this.#eventLoop = monitorEventLoopDelay({ resolution: LOOP_STEP_MS });
    this.#eventLoop.enable();

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
    const resident = gauge('process_resident_bytes', 'Memory of the process.');
    const heap = gauge('process_heap_bytes', 'Of it, the heap of JavaScript.');
    const cpu = counter('process_cpu_seconds', 'CPU time of the process, engine and JavaScript.');
    const loopDelay = gauge('event_loop_delay_ms', 'Delay of the event loop since the last scrape.');
    const accepted = counter('sessions_accepted', 'Sessions that came.');
    const refused = counter('refused', 'Sessions and requests refused, by code.');
    const connectRefused = counter('connect_refused', 'CONNECT refused before a session, by HTTP status.');
    const handshakes = counter('handshakes', 'QUIC handshakes, by how they ended.');
    const panics = counter('engine_panics', 'Faults caught in the engine; each cost one connection.');
    const stalls = counter(
      'engine_stalls',
      'Times that the engine was more than 20 ms late: no core, or one turn too long.',
    );
    const datagrams = counter('datagrams', 'Datagrams, by direction.');
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
    const changes = counter('delivery_changes', 'Changes of a delivery class, by what decided it.');
    const repairBytes = counter('repair_bytes', 'Payload bytes of repair to viewers.');
    const reports = counter('reports', 'Playout reports of viewers; ignored: more than one a second.');
    const commentsLeftOut = counter('comments_left_out', 'Of these, shown to nobody: over 20 a second in their room.');
    const commentsDropped = counter('comments_dropped', 'Comments not sent to viewers that read too slowly.');
    const reactions = counter('reactions', 'Reactions taken.');
    const commentFilter = counter('comment_filter', 'Comments that a word filter was to judge, by what came of it.');
    const commentFilterUp = gauge('comment_filter_up', '0 while the word filter of the backend does not answer.');
    const gifts = counter('gifts', 'Gifts answered: new ones, and repeats of a `jti`.');
    const ledgerUp = gauge('ledger_up', '1 while the ledger of gifts answers, 0 once it has failed.');
    const ledgerWaiting = gauge('ledger_waiting', 'Calls that wait for the disk.');
    const ledgerRecords = counter('ledger_records', 'Records written by this process.');
    const ledgerRepeats = counter('ledger_repeats', 'Calls answered with the first answer to the same `jti`.');
    const ledgerCommits = counter('ledger_commits', 'Transactions, each with one fsync.');
    const ledgerOverloaded = counter('ledger_overloaded', 'Calls refused because too many waited.');

    const deliveries = counter('gift_deliveries', 'Attempts to deliver a record to the backend, by what became of it.');
    const attempts = counter('gift_attempts', 'The same attempts by HTTP status, timeout or connection.');
    const oldest = gauge('gift_oldest_waiting_ms', 'Age of the oldest record that the backend has not taken.');
    const backendUp = gauge('gift_backend_up', '0 while the whole backend fails.');

    const community = communityMetrics(meter);
    const cluster = clusterMetrics(meter);

    meter.addBatchObservableCallback(
      async (result) => {
        const s = await snapshot();
        for (const [name, instrument] of Object.entries(gauges))
          result.observe(instrument, s[name as keyof typeof gauges]);
        community.observe(result, s.counters, s.community);
        cluster.observe(result, s.counters, s.cluster);
        const memory = process.memoryUsage();
        result.observe(resident, memory.rss);
        result.observe(heap, memory.heapTotal);
        const { user, system } = process.cpuUsage();
        result.observe(cpu, (user + system) / 1e6);
        for (const [quantile, ns] of this.#delays())
          result.observe(loopDelay, Math.max(0, ns / 1e6 - LOOP_STEP_MS), { quantile });
        result.observe(accepted, s.counters.total('sessions'));
        for (const [code, n] of s.counters.get('refused')) result.observe(refused, n, { code });
        for (const [status, n] of Object.entries(s.connectRefused)) result.observe(connectRefused, n, { status });
        for (const [name, label] of HANDSHAKES) {
          if (s.plane[name] !== undefined) result.observe(handshakes, s.plane[name], { result: label });
        }
        result.observe(panics, s.plane['panics'] ?? 0);
        result.observe(stalls, s.plane['stalls'] ?? 0);
        result.observe(datagrams, s.plane['datagrams_in'] ?? 0, { direction: 'in' });
        result.observe(datagrams, s.plane['datagrams_out'] ?? 0, { direction: 'out' });
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
        for (const [why, n] of s.counters.get('delivery_changes')) result.observe(changes, n, { why });
        result.observe(repairBytes, s.counters.total('repair_bytes'));
        for (const [what, n] of s.counters.get('reports')) result.observe(reports, n, { result: what });
        result.observe(comments, s.counters.total('comments'));
        result.observe(commentsLeftOut, s.counters.total('comments_left_out'));
        result.observe(commentsDropped, s.counters.total('comments_dropped'));
        result.observe(reactions, s.counters.total('reactions'));
        for (const [what, n] of s.counters.get('comment_filter')) result.observe(commentFilter, n, { result: what });
        if (s.filterUp !== undefined) result.observe(commentFilterUp, Number(s.filterUp));
        for (const [what, n] of s.counters.get('gifts')) result.observe(gifts, n, { result: what });
        if (s.giftDelivery) {
          // Zero before the first one: an alert on dead letters must not wait for the label to appear.
          const ended = s.counters.get('gift_deliveries');
          for (const outcome of ['delivered', 'retry', 'dead']) {
            result.observe(deliveries, ended.get(outcome) ?? 0, { outcome });
          }
          for (const [answer, n] of s.counters.get('gift_attempts')) result.observe(attempts, n, { answer });
          result.observe(oldest, s.giftDelivery.oldestMs);
          result.observe(backendUp, s.giftDelivery.available ? 1 : 0);
        }
        if (s.ledger) {
          result.observe(ledgerUp, s.ledgerUp ? 1 : 0);
          result.observe(ledgerWaiting, s.ledger.waiting);
          result.observe(ledgerRecords, s.ledger.records);
          result.observe(ledgerRepeats, s.ledger.repeats);
          result.observe(ledgerCommits, s.ledger.commits);
          result.observe(ledgerOverloaded, s.ledger.overloaded);
        }
      },
      [
        deliveries,
        attempts,
        oldest,
        backendUp,
        ...Object.values(gauges),
        ...community.instruments,
        ...cluster.instruments,
        resident,
        heap,
        cpu,
        loopDelay,
        accepted,
        refused,
        connectRefused,
        handshakes,
        panics,
        stalls,
        datagrams,
        bytes,
        repeated,
        dropped,
        notForwarded,
        classes,
        busy,
        levels,
        denied,
        changes,
        repairBytes,
        reports,
        comments,
        commentsLeftOut,
        commentsDropped,
        reactions,
        commentFilter,
        commentFilterUp,
        gifts,
        ledgerUp,
        ledgerWaiting,
        ledgerRecords,
        ledgerRepeats,
        ledgerCommits,
        ledgerOverloaded,
      ],
    );
  }

  /** Serves `/metrics`. Keep the address private: there is no access control. Rejects with `bind_failed`. */
  listen(host: string, port: number): Promise<{ host: string; port: number }> {
    const server = createServer((request, response) => {
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
    this.#eventLoop.disable();
    const server = this.#server;
    if (server?.listening) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await this.#provider.shutdown();
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

  #delays(): [string, number][] {
    const h = this.#eventLoop;
    const delays: [string, number][] =
      h.count === 0
        ? []
        : [
            ['0.5', h.percentile(50)],
            ['0.99', h.percentile(99)],
            ['1', h.max],
          ];
    h.reset();
    return delays;
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
