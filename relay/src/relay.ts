import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { HayateError } from '@hayate/codec/errors';
import type { IncomingSession, ServerAddress } from '@hayate/transport';
import { type Logger, pino } from 'pino';
import { type OpenFilter, openFilter } from '../comments/open.ts';
import { type Community, openCommunity } from '../community/index.ts';
import { parseConfig, redactConfig } from '../config/load.ts';
import type { RelayConfig, RelayConfigInput } from '../config/schema.ts';
import { type GiftDelivery, openGiftDelivery } from '../gifts/deliver.ts';
import { giftCluster, giftsWanted, type OpenGifts, openGifts } from '../gifts/open.ts';
import type { RelayInfo } from '../http/app.ts';
import { JoinLimits, joinLimits } from '../joins/limits.ts';
import type { Ledger } from '../ledger/index.ts';
import { Counters } from '../telemetry/counters.ts';
import { MachineFigures } from '../telemetry/machine.ts';
import { Metrics, type Snapshot } from '../telemetry/metrics.ts';
import { openTelemetry, type Telemetry } from '../telemetry/traces/open.ts';
import { ensureSharedKey, openTokenKeys } from '../token/keys.ts';
import { TokenVerifier } from '../token/token.ts';
import { type LifecycleSender, openLifecycle } from '../webhook/index.ts';
import { type Apis, openApis } from './apis.ts';
import { ClusterView } from './cluster-view.ts';
import { deliveryStats } from './delivery-stats.ts';
import { removeDevState, writeDevState } from './dev-state.ts';
import { EmulatedLink } from './emulated-link.ts';
import { type HostStats, RelayHost } from './host.ts';
import { RoomLifecycle } from './lifecycle.ts';
import { type Door, openDoor, RELAY_PATH } from './listen.ts';
import { loadMeter } from './load-meter.ts';
import { type OpenCluster, openCluster } from './open-cluster.ts';
import type { RelayDeps, RelayStats, RunningRelay } from './running-relay.ts';

/**
 * Starts a relay: media and control, HTTP API, metrics. What was opened is closed again when a later step fails.
 * @throws ConfigError, or a HayateError `invalid_argument` (keys), `bind_failed`, `unsupported` (no engine), `bad_certificate`
 */
export async function startRelay(input: RelayConfigInput = {}, deps: RelayDeps = {}): Promise<RunningRelay> {
  const config = parseConfig(input);
  const log = deps.logger ?? pino({ level: config.log.level });
  log.info({ config: redactConfig(config) }, 'configuration');
  const counters = new Counters();
  const relay = new Relay(config, log, deps, counters, await openTelemetry(config, { counters, log }));
  try {
    await relay.start();
  } catch (error) {
    await relay.close();
    throw error;
  }
  return relay;
}

class Relay implements RunningRelay {
  readonly #config: RelayConfig;
  readonly #log: Logger;
  readonly #deps: RelayDeps;
  readonly #counters: Counters;
  readonly #telemetry: Telemetry;
  readonly #metrics: Metrics;
  #door: Door | undefined;
  #host: RelayHost | undefined;
  #apis: Apis | undefined;
  #cluster: OpenCluster | undefined;
  #link: EmulatedLink | undefined;
  #metricsAt: { host: string; port: number } | undefined;
  #keyFile: string | undefined;
  #community: Community | undefined;
  #lifecycle: LifecycleSender | undefined;
  #gifts: OpenGifts | undefined;
  #delivery: GiftDelivery | undefined;
  #filter: OpenFilter | undefined;
  #machine: MachineFigures | undefined;
  #stateWritten = false;
  #draining = false;
  #drained: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(config: RelayConfig, log: Logger, deps: RelayDeps, counters: Counters, telemetry: Telemetry) {
    this.#config = config;
    this.#log = log;
    this.#deps = deps;
    this.#counters = counters;
    this.#telemetry = telemetry;
    this.#metrics = new Metrics(() => this.#snapshot(), telemetry);
  }

  async start(): Promise<void> {
    const config = this.#config;
    const { token, dev, stateDir } = config;
    // Absolute: other programs read it from the state file, whatever their directory.
    this.#keyFile = token.keyFile && resolve(token.keyFile);
    if (dev && !token.keyFile && !token.publicKeyFile && !token.jwksFile && !token.jwksUrl) {
      this.#keyFile = resolve(stateDir, 'token.key');
      ensureSharedKey(this.#keyFile);
    }
    const keys = await openTokenKeys({ ...token, keyFile: this.#keyFile }, this.#log);
    if (giftsWanted(config)) {
      const [counters, log] = [this.#counters, this.#log];
      const traces = this.#telemetry.traces?.gifts;
      const onRecord = () => this.#delivery?.wake();
      const cluster = giftCluster(config, (gift) => this.#host?.cluster?.second.store(gift));
      this.#gifts = await openGifts(config, {
        ...{ log, counters, traces, onRecord, ledger: this.#deps.ledger, cluster },
        onGiven: (gift) => this.#host?.cluster?.given(gift),
      });
      const { ledger, desk, cluster: together } = this.#gifts;
      const lease = together && ((onChange: (held: boolean) => void) => together.lease('delivery', onChange));
      this.#delivery = await openGiftDelivery(config, {
        ...{ ledger, counters, log, traces, lease, clock: this.#deps.deliveryClock },
        amended: () => void desk.tail(),
      });
    }
    const store = this.#deps.community;
    this.#filter = await openFilter(config.comments.filter, { counters: this.#counters, log: this.#log });
    this.#community = await openCommunity(config, { counters: this.#counters, log: this.#log, store });
    this.#lifecycle = await openLifecycle(config, { counters: this.#counters, log: this.#log });
    const verifier = new TokenVerifier({ keys, ...(token.issuer === undefined ? {} : { issuer: token.issuer }) });
    const door = this.#deps.door ?? (await openDoor(config, this.#log, this.#deps.engine));
    this.#door = door;
    const { engine } = door;
    if (config.emulateLink) this.#link = emulated(door);
    this.#cluster = await openCluster(config, {
      ...{ engine, gifts: this.#gifts?.cluster, log: this.#log, counters: this.#counters },
      traces: this.#telemetry.traces?.handOvers,
      ...{ directory: this.#deps.directory, show: this.#gifts && ((gift) => this.#gifts!.desk.given(gift)) },
    });
    this.#host = new RelayHost({
      config,
      verifier,
      community: this.#community,
      joins: new JoinLimits(joinLimits(config)),
      lifecycle: new RoomLifecycle((event) => this.#lifecycle?.send(event)),
      plane: door.plane,
      gifts: this.#gifts?.desk,
      filter: this.#filter.filter,
      cluster: this.#cluster?.options,
      counters: this.#counters,
      log: this.#log,
      traces: this.#telemetry.traces,
      onJoinMs: this.#metrics.recordJoinMs,
      onUplinkLagMs: this.#metrics.recordUplinkLagMs,
      onSpareMs: this.#metrics.recordSpareMs,
      onReport: (viewer, report, nowMs) => this.#metrics.viewers.take(viewer, report, nowMs),
    });
    void this.#accept(door.server.sessions, this.#host);
    this.#machine = new MachineFigures(config, this.#udpPorts());
    this.#metricsAt = await this.#metrics.listen(config.metrics.host, config.metrics.port);
    this.#apis = await openApis({
      config,
      assets: this.#deps.assets,
      host: this.#host,
      community: this.#community,
      gifts: this.#delivery?.api,
      cluster: this.#view(),
      keyFile: this.#keyFile,
      ticketKeyFile: this.#gifts?.devKeyFile,
      link: this.#link,
      ready: () => !this.#draining && this.#gifts?.failure() === undefined,
      info: () => this.#info(),
    });
    const host = this.#host;
    const gifts = this.#gifts?.cluster;
    const load = loadMeter({
      ...{ counts: () => host.stats(), plane: () => door.plane.stats(), nowMs: () => host.nowMs() },
      held: gifts && (() => gifts.held()),
    });
    this.#cluster?.announce(this, load, () => this.#retire());
    if (dev) this.#writeState();
    const { transport, url, httpAddress, metricsAddress, apiAddress } = this;
    this.#log.info({ transport, plane: door.plane.kind, url, httpAddress, metricsAddress, apiAddress }, 'relay runs');
  }

  #udpPorts(): number[] {
    const trunk = this.#cluster?.options.door.address.port;
    return [this.address.port, ...(trunk === undefined ? [] : [trunk])];
  }

  async #accept(sessions: ReadableStream<IncomingSession>, host: RelayHost): Promise<void> {
    try {
      for await (const incoming of sessions) host.accept(incoming);
    } catch (error) {
      this.#log.error({ err: error }, 'no more sessions come');
    }
  }

  #info(): RelayInfo {
    const { url, certificateHashes, transport } = this;
    return { url, certificateHashes, transport };
  }

  #writeState(): void {
    const { url, certificateHashes, transport, httpAddress, metricsAddress, apiAddress, keyFile } = this;
    const service = { apiAddress, serviceTokenFile: this.#apis?.serviceTokenFile };
    const state = {
      url,
      certificateHashes,
      transport,
      httpAddress,
      metricsAddress,
      ...service,
      keyFile,
      pid: process.pid,
    };
    writeDevState(this.#config.stateDir, state);
    this.#stateWritten = true;
  }

  get transport(): 'engine' | 'websocket' {
    return this.#opened().transport;
  }

  get address(): ServerAddress {
    return this.#opened().server.address;
  }

  get url(): string {
    if (this.#config.publicUrl) return this.#config.publicUrl;
    const { host, port } = this.#link ?? this.address;
    return `https://${authority(host, port)}${RELAY_PATH}`;
  }

  get certificateHashes(): string[] {
    return this.#opened().server.certificateHashes.map((hash) => Buffer.from(hash).toString('hex'));
  }

  get httpAddress(): string {
    return httpUrl(this.#apis?.http);
  }

  get metricsAddress(): string {
    return this.#metricsAt ? `http://${authority(this.#metricsAt.host, this.#metricsAt.port)}/metrics` : '';
  }

  get keyFile(): string | undefined {
    return this.#keyFile;
  }

  get ledger(): Ledger | undefined {
    return this.#gifts?.ledger;
  }

  get apiAddress(): string {
    return httpUrl(this.#apis?.service);
  }

  closeRoom(room: string): boolean {
    return this.#host?.closeRoom(room) ?? false;
  }

  async stats(): Promise<RelayStats> {
    const counters = this.#counters;
    return {
      ...this.#gauges(),
      ...(await this.#planeFigures()),
      ledger: this.#gifts?.ledger.stats(),
      giftDelivery: this.#delivery?.stats(),
      refused: Object.fromEntries(counters.get('refused')),
      comments: counters.total('comments'),
      commentsLeftOut: counters.total('comments_left_out'),
      commentsDropped: counters.total('comments_dropped'),
      repairBytes: counters.total('repair_bytes'),
      unitsRefused: Object.fromEntries(counters.get('units_refused')),
    };
  }

  #gauges(): HostStats {
    const nobody = { sessions: 0, rooms: 0, viewers: 0, livers: 0, people: 0, busy: false };
    return this.#host?.stats() ?? { ...nobody, delivery: deliveryStats([]) };
  }

  async #planeFigures(): Promise<Pick<Snapshot, 'plane' | 'connectRefused'>> {
    if (this.#closed) return { plane: {}, connectRefused: {} };
    const door = this.#opened();
    const [plane, connectRefused] = await Promise.all([door.plane.stats(), door.connectRefused()]);
    return { plane, connectRefused };
  }

  async #snapshot(): Promise<Snapshot> {
    const [figures, gifts, machine] = await Promise.all([
      this.#planeFigures(),
      this.#giftGauges(),
      this.#machine?.read(),
    ]);
    return {
      ...this.#gauges(),
      ...figures,
      counters: this.#counters,
      gifts,
      community: this.#community?.stats(),
      filterUp: this.#filter?.up(),
      cluster: this.#host?.cluster?.stats(),
      kernel: machine?.kernel,
      process: {
        draining: this.#draining,
        loopPeaks: this.#door?.plane.loopPeaks(),
        certificates: machine?.certificates ?? new Map(),
      },
    };
  }

  async #giftGauges(): Promise<Snapshot['gifts']> {
    if (!this.#gifts) return undefined;
    const { ledger, failure, cluster } = this.#gifts;
    // A disk that fails does not tell; that it fails is told by `ledgerUp`.
    const held = await cluster?.held().catch(() => undefined);
    return {
      ledger: ledger.stats(),
      ledgerUp: failure() === undefined,
      delivery: this.#delivery?.stats(),
      region: cluster && { reached: cluster.reached(), held },
    };
  }

  #view(): ClusterView | undefined {
    const host = this.#host!;
    if (!this.#cluster || !host.cluster) return undefined;
    const { options, directory } = this.#cluster;
    const { self } = options;
    const [nowMs, rooms, random] = [() => host.nowMs(), () => host.hosted(), Math.random];
    return new ClusterView({ self: self.id, cluster: host.cluster, directory, rooms, nowMs, random });
  }

  #opened(): Door {
    if (!this.#door) throw new TypeError('the relay has not started');
    return this.#door;
  }

  drain(options: { deadlineMs?: number } = {}): Promise<void> {
    this.#drained ??= this.#drain(options.deadlineMs ?? this.#config.drainMs);
    return this.#drained;
  }

  /** The fleet wants its machine: it lets nobody in, tells all to go, and stays until somebody ends it. */
  #retire(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#cluster?.drain();
    this.#door?.server.drain();
    this.#host?.retire(this.#config.drainMs, 'draining by order of the fleet');
  }

  async #drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#cluster?.drain();
    this.#door?.server.drain();
    await this.#host?.drain(deadlineMs);
    await this.close();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#draining = true;
    if (this.#stateWritten) removeDevState(this.#config.stateDir);
    this.#host?.close();
    this.#filter?.close();
    this.#door?.plane.close();
    const { http, service } = this.#apis ?? {};
    await this.#cluster?.close();
    await Promise.all([http?.close(), service?.close(), this.#metrics.close(), this.#door?.close()]);
    // After the door: close codes pass it.
    this.#link?.close();
    // After the rooms: that they are gone is told too.
    await Promise.all([this.#delivery?.close(), this.#lifecycle?.close()]);
    // After the sessions: what they submitted is answered, whether or not anybody hears it.
    await Promise.all([this.#gifts?.close(), this.#community?.close()]);
    await this.#telemetry.close();
    this.#log.info('relay closed');
  }
}

/** In front of the door. */
function emulated({ engine, server }: Door): EmulatedLink {
  if (!engine) throw new HayateError('unsupported', 'emulateLink: the engine is not there');
  return new EmulatedLink(engine, server.address.port);
}

function httpUrl(server: { host: string; port: number } | undefined): string {
  return server ? `http://${authority(server.host, server.port)}` : '';
}

/** `HOST:PORT` that can be dialled: brackets for IPv6, and a name for the addresses that mean all of them. */
function authority(host: string, port: number): string {
  if (host === '::' || host === '0.0.0.0') return `localhost:${port}`;
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
