import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueCertificate, makeAuthority } from '@hayate/engine';
import { share } from '../lib/children.ts';
import { startNats } from '../lib/nats.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import { TcpLine } from '../lib/tcp-line.ts';
import { burstOf, type OceanPlan, REGIONS, type Region } from './plan.ts';

export interface ClusterRelay {
  id: string;
  region: Region;
  process: RelayProcess;
}

export interface ClusterOptions {
  relaysPerRegion: number;
  natsServers: 1 | 3;
  ocean: OceanPlan;
  flags?: string[];
}

/** Of the machine, as the livers' process has: relays and NATS servers stand for machines of their own. */
const SHARE = -20;

/** What a development relay makes for itself. */
const KEYS = ['token.key', 'ticket.key', 'service.token'];

/** Two regions on this machine: NATS servers joined over a slow TCP, relays joined over emulated links. */
export class Cluster {
  readonly relays: ClusterRelay[] = [];
  readonly nats: Awaited<ReturnType<typeof startNats>>;
  readonly oceans: TcpLine[];
  readonly #folder: string;
  readonly #options: ClusterOptions;

  private constructor(nats: Cluster['nats'], oceans: TcpLine[], folder: string, options: ClusterOptions) {
    this.nats = nats;
    this.oceans = oceans;
    this.#folder = folder;
    this.#options = options;
  }

  static async start(options: ClusterOptions, log: (text: string) => void): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), 'hayate-regions-'));
    const { ocean, natsServers: servers } = options;
    const oceans: TcpLine[] = [];
    log(`NATS: ${servers} server(s) a region`);
    const nats = await startNats({
      regions: [...REGIONS],
      servers,
      share: SHARE,
      ocean: async (_from, _to, port) => {
        const delayMs = (ocean.outMs + ocean.backMs) / 2;
        const { jitterMs, loss, seed } = ocean;
        const proxy = await TcpLine.to(port, { delayMs, jitterMs, loss, seed: seed + oceans.length });
        oceans.push(proxy);
        return proxy.address;
      },
    });
    const cluster = new Cluster(nats, oceans, folder, options);
    try {
      await nats.joined();
      const ca = makeAuthority();
      writeFileSync(join(folder, 'ca.pem'), ca.cert);
      writeFileSync(join(folder, 'ca.key'), ca.key, { mode: 0o600 });
      for (const region of REGIONS) {
        for (let n = 1; n <= options.relaysPerRegion; n += 1) {
          log(`relay ${region}-${n}`);
          await cluster.add(`${region}-${n}`, region);
        }
      }
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** One more relay. */
  async add(id: string, region: Region): Promise<ClusterRelay> {
    const authority = { key: readFileSync(join(this.#folder, 'ca.key'), 'utf8') };
    const { cert, key } = issueCertificate({ authority, names: [`${id}.relay.hayate`] });
    writeFileSync(join(this.#folder, `${id}.pem`), cert);
    writeFileSync(join(this.#folder, `${id}.key`), key, { mode: 0o600 });
    const relay = await this.startRelay(id, region);
    this.relays.push(relay);
    return relay;
  }

  /** Of a relay that was stopped or killed: another process with its files, at its clients' address. */
  async restart(id: string): Promise<void> {
    const relay = this.relays.find((each) => each.id === id)!;
    const { port } = new URL(relay.process.url);
    relay.process = (await this.startRelay(id, relay.region, ['--listen-port', port])).process;
  }

  /** A relay of that name, new or again: its files are what it left. */
  async startRelay(id: string, region: Region, more: string[] = []): Promise<ClusterRelay> {
    const { ocean, flags = [] } = this.#options;
    const other = region === 'jp' ? 'us' : 'jp';
    const [outMs, backMs] = region === 'jp' ? [ocean.outMs, ocean.backMs] : [ocean.backMs, ocean.outMs];
    const burst = burstOf(ocean);
    const seed = ocean.seed + 100 * (1 + this.relays.length);
    const stateDir = join(this.#folder, id);
    mkdirSync(stateDir, { recursive: true });
    // One application's keys for all of them.
    const first = this.relays[0]?.process.stateDir ?? stateDir;
    for (const key of first === stateDir ? [] : KEYS) copyFileSync(join(first, key), join(stateDir, key));
    const process = await startRelayProcess(stateDir, [
      ...['--cluster-relay-id', id, '--cluster-region', region],
      ...['--cluster-ca-file', join(this.#folder, 'ca.pem')],
      ...['--cluster-cert-file', join(this.#folder, `${id}.pem`)],
      ...['--cluster-key-file', join(this.#folder, `${id}.key`)],
      ...['--cluster-nats-urls', this.nats.region(region).urls.join(',')],
      ...['--gifts-region', region],
      ...['--cluster-regions', REGIONS.join(','), '--cluster-listen-host', '127.0.0.1', '--cluster-listen-port', '0'],
      ...['--cluster-nats-replicas', String(this.#options.natsServers)],
      ...['--cluster-emulate-region', other, '--cluster-emulate-seed', String(seed)],
      ...['--cluster-emulate-out-ms', String(outMs), '--cluster-emulate-back-ms', String(backMs)],
      ...['--cluster-emulate-jitter-ms', String(ocean.jitterMs)],
      ...(burst ? ['--cluster-emulate-burst-bad-ms', String(burst.badMs)] : []),
      ...(burst ? ['--cluster-emulate-burst-good-ms', String(burst.goodMs)] : []),
      ...(ocean.outage ? ['--cluster-emulate-outage-every-ms', String(ocean.outage.everyMs)] : []),
      ...(ocean.outage ? ['--cluster-emulate-outage-for-ms', String(ocean.outage.forMs)] : []),
      ...flags,
      ...more,
    ]);
    share(process.pid, SHARE);
    return { id, region, process };
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.relays.map(({ process }) => process.stop()));
    await this.nats.stop();
    await Promise.all(this.oceans.map((ocean) => ocean.close()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
