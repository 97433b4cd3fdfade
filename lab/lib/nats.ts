import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import { makeClusterKeys } from '../../cli/cluster-keys.ts';
import { secretsOf } from '../../infra/push.ts';
import { openAccess } from '../../relay/directory/nats/access.ts';
import { accountIn, type UserOptions, userCreds } from '../../relay/nats/index.ts';
import { share } from './children.ts';
import { freePorts } from './free-ports.ts';
import { type GoBinary, goBinary } from './go-binary.ts';
import { natsConf } from './nats-conf.ts';
import { Running } from './processes.ts';

/** The server that the rig runs; the 2.12 line is the oldest with wildcard expected-last-subject-sequence. */
const NATS_VERSION = 'v2.15.3';
const MODULE = 'github.com/nats-io/nats-server/v2';

/** Of the server; `skip` says why there is none. */
export const natsServer = (): Promise<GoBinary> => goBinary('nats', MODULE, NATS_VERSION);

interface Ports {
  client: number;
  leaf: number;
  cluster: number;
  monitor: number;
}

const MONITOR_MS = 2000;

/** One server. It keeps ports and store over stop and start, as a machine that comes back does. */
class NatsServer {
  readonly name: string;
  /** `nats://127.0.0.1:PORT`, or `tls://`. */
  readonly url: string;
  readonly ports: Ports;
  #child: Running | undefined;
  readonly #command: string[];
  readonly #share: number;

  constructor(name: string, ports: Ports, command: string[], scheme: 'nats' | 'tls', share: number) {
    this.name = name;
    this.ports = ports;
    this.url = `${scheme}://127.0.0.1:${ports.client}`;
    this.#command = command;
    this.#share = share;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Up as soon as clients are taken; JetStream of a region of three needs two of them up: see `NatsRegion.ready`. */
  async start(): Promise<void> {
    if (this.#child) return;
    const [binary, ...args] = this.#command;
    this.#child = new Running(binary!, args);
    share(this.pid, this.#share);
    await this.#child.line(/Server is ready/, 10_000);
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGKILL: nothing is flushed or said. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await child?.stop(signal);
  }

  /** A page of the server's monitoring, as `/varz` or `/leafz`. Rejects while it is down. */
  async monitor<T>(page: string): Promise<T> {
    // A server that stands still must not hold up who asks again and again.
    const signal = AbortSignal.timeout(MONITOR_MS);
    const response = await fetch(`http://127.0.0.1:${this.ports.monitor}${page}`, { signal });
    return (await response.json()) as T;
  }

  async jetStreamReady(): Promise<boolean> {
    try {
      return (await this.monitor<{ status?: string }>('/healthz?js-enabled-only=true')).status === 'ok';
    } catch {
      return false;
    }
  }
}

export class NatsRegion {
  readonly region: string;
  readonly servers: NatsServer[];

  constructor(region: string, servers: NatsServer[]) {
    this.region = region;
    this.servers = servers;
  }

  get urls(): string[] {
    return this.servers.map((server) => server.url);
  }

  async start(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.start()));
    await this.ready();
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async kill(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
  }

  /** Resolves once every server that runs answers for JetStream and, of three, the meta group has its leader. */
  async ready(timeoutMs = 60_000): Promise<void> {
    await poll(timeoutMs, `JetStream of ${this.region}`, async () => {
      const up = this.servers.filter((server) => server.pid !== 0);
      const ok = await Promise.all(up.map((server) => server.jetStreamReady()));
      if (up.length === 0 || ok.includes(false)) return false;
      if (this.servers.length === 1) return true;
      const jsz = await up[0]!.monitor<{ meta_cluster?: { leader?: string } }>('/jsz');
      return Boolean(jsz.meta_cluster?.leader);
    });
  }
}

/** A client of a region's servers that comes back whatever happens to them; waits for the first to be up. */
export function connectNats(region: NatsRegion, access: RigAccess = { servers: region.urls }): Promise<NatsConnection> {
  const again = { maxReconnectAttempts: -1, reconnectTimeWait: 100, reconnectJitter: 50, waitOnFirstConnect: true };
  return connect({ servers: access.servers, ...again, ...openAccess(access).options });
}

/** Keeps what a client was not permitted, as the servers tell it, until it closes. */
export async function collectForbidden(nats: NatsConnection, into: string[]): Promise<void> {
  for await (const status of nats.status()) {
    if (status.type === 'error' && status.error instanceof PermissionViolationError) into.push(status.error.message);
  }
}

export interface NatsRig {
  /** By the order of `regions`. */
  regions: NatsRegion[];
  region(name: string): NatsRegion;
  /** @param relay of `secure.relays`; in clear there are no users */
  access(region: string, relay: string): RigAccess;
  /** For the fleet, of `secure.fleet`. */
  fleetAccess(): RigAccess;
  /** The same for a user that is made now, as an enrolment service would; in clear there are no users. */
  accessOf(region: string, user: Omit<UserOptions, 'accountSeed' | 'account'>): RigAccess;
  /** Of `secure`: what `hayate cluster keys` made. */
  keys: string | undefined;
  /** Resolves once each region sees all the others over leafnodes. */
  joined(timeoutMs?: number): Promise<void>;
  /** Resolves once each region's servers know that all others listen to this subject of theirs. */
  listening(subjectOf: (region: string) => string, timeoutMs?: number): Promise<void>;
  /** Stops everything and removes the stores. */
  stop(): Promise<void>;
}

export interface NatsRigOptions {
  /** Names; each is a JetStream domain of its own. */
  regions: readonly string[];
  /** Servers a region: 1, or 3 for streams of three copies. Default 1. */
  servers?: 1 | 3;
  /** Of the machine: -20 to 19, default 0. */
  share?: number;
  /**
   * `always` syncs each write before its ack (JetStream's default does not). `2m` is for measurements which have nothing
   * to do with the disk.
   */
  syncInterval?: 'always' | '2m';
  /**
   * Address that region `from` dials to reach region `to` over leafnodes, `HOST:PORT` for the real `port`. For a proxy
   * in between that can cut or delay the ocean (servers tell each other no address that leads around it). A region dials all those before it in `regions`.
   */
  ocean?: (from: string, to: string, port: number) => Promise<string> | string;
  /** TLS and accounts, with the files that `hayate cluster keys` makes for these relays and infra/push.ts brings. */
  secure?: { relays: readonly string[]; fleet?: string };
}

/** Where a relay of the rig finds its region's NATS, as `NatsLink` takes it. */
export interface RigAccess {
  servers: string[];
  caFile?: string;
  credsFile?: string;
}

/** Runs `regions` x `servers` servers of their own on free ports of this machine. Throws where there is no binary. */
export async function startNats(options: NatsRigOptions): Promise<NatsRig> {
  const binary = await natsServer();
  if ('skip' in binary) throw new Error(binary.skip);
  const dir = mkdtempSync(join(tmpdir(), 'hayate-nats-'));
  const count = options.servers ?? 1;
  const ports = new Map<string, Ports[]>();
  const free = await freePorts(options.regions.length * count * 4);
  for (const region of options.regions) {
    const take = () => free.pop()!;
    const one = () => ({ client: take(), leaf: take(), cluster: take(), monitor: take() });
    ports.set(region, Array.from({ length: count }, one));
  }
  const regions: NatsRegion[] = [];
  const keys = options.secure ? makeKeys(join(dir, 'keys'), options) : undefined;
  for (const [index, region] of options.regions.entries()) {
    const own = ports.get(region)!;
    const dial = options.ocean ?? ((_from, _to, port) => `127.0.0.1:${port}`);
    const remotes = options.regions
      .slice(0, index)
      .map((to) => Promise.all(ports.get(to)!.map(({ leaf }) => dial(region, to, leaf))));
    const remote = await Promise.all(remotes);
    const servers = own.map((at, n) => {
      const name = `${region}-${n + 1}`;
      const folder = join(dir, `${serverId(name)}.etc`);
      mkdirSync(folder);
      if (keys !== undefined) bring(keys, serverId(name), 'hayate-nats', folder);
      const file = join(folder, 'nats.conf');
      const text = natsConf({
        ...{ name, region, store: join(dir, name), remotes: remote, leafReconnect: '200ms' },
        listen: {
          client: `127.0.0.1:${at.client}`,
          monitor: `127.0.0.1:${at.monitor}`,
          leaf: `127.0.0.1:${at.leaf}`,
          route: `127.0.0.1:${at.cluster}`,
        },
        routes: own.filter((other) => other !== at).map(({ cluster }) => `127.0.0.1:${cluster}`),
        keys: keys === undefined ? undefined : folder,
        syncInterval: options.syncInterval ?? 'always',
      });
      writeFileSync(file, text);
      const scheme = keys === undefined ? 'nats' : 'tls';
      return new NatsServer(name, at, [binary.path, '-c', file], scheme, options.share ?? 0);
    });
    regions.push(new NatsRegion(region, servers));
  }
  const rig: NatsRig = {
    regions,
    region: (name) => regions.find(({ region }) => region === name)!,
    keys,
    access: (name, relay) => {
      const servers = rig.region(name).urls;
      if (keys === undefined) return { servers };
      const folder = join(dir, `${relay}.etc`);
      if (!existsSync(folder)) {
        mkdirSync(folder);
        bring(keys, relay, 'hayate-relay', folder);
      }
      return { servers, caFile: join(folder, 'nats-ca.pem'), credsFile: join(folder, 'nats.creds') };
    },
    fleetAccess: () => {
      const servers = rig.region(options.secure!.fleet!).urls;
      return { servers, caFile: join(keys!, 'nats-ca.pem'), credsFile: join(keys!, 'fleet.creds') };
    },
    accessOf: (name, user) => {
      const servers = rig.region(name).urls;
      if (keys === undefined) return { servers };
      const read = (file: string) => readFileSync(join(keys, file), 'utf8');
      const signer = { accountSeed: read('nats-users.nk'), account: accountIn(read('nats-leaf.conf')) };
      const credsFile = join(dir, `${user.name}.creds`);
      writeFileSync(credsFile, userCreds({ ...signer, ...user }), { mode: 0o600 });
      return { servers, caFile: join(keys, 'nats-ca.pem'), credsFile };
    },
    joined: (timeoutMs = 60_000) =>
      poll(timeoutMs, 'leafnodes', async () => {
        const pages = regions
          .slice(1)
          .flatMap(({ servers }) =>
            servers.map((server) => server.monitor<{ leafs?: unknown[] }>('/leafz').catch(() => undefined)),
          );
        const wanted = regions.slice(1).flatMap(({ servers }, index) => servers.map(() => index + 1));
        return (await Promise.all(pages)).every((page, n) => (page?.leafs?.length ?? 0) >= wanted[n]!);
      }),
    listening: (subjectOf, timeoutMs = 30_000) =>
      poll(timeoutMs, 'listeners of other regions', async () => {
        const known = regions.map(async ({ region, servers }) => {
          const page = (server: NatsServer) => server.monitor('/leafz?subs=1').catch(() => undefined);
          const pages = await Promise.all(servers.map(page));
          const text = JSON.stringify(pages);
          return options.regions.every((other) => other === region || text.includes(`"${subjectOf(other)}"`));
        });
        return (await Promise.all(known)).every(Boolean);
      }),
    stop: async () => {
      await Promise.all(regions.map((region) => region.kill()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all(regions.map((region) => region.start()));
    await rig.joined();
    return rig;
  } catch (error) {
    await rig.stop();
    throw error;
  }
}

/** A machine of NATS is not called as a relay is. */
const serverId = (name: string) => `nats-${name}`;

function makeKeys(dir: string, { regions, servers = 1, secure }: NatsRigOptions): string {
  const names = regions.flatMap((region) => Array.from({ length: servers }, (_, n) => serverId(`${region}-${n + 1}`)));
  makeClusterKeys({
    ...{ dir, regions, days: 30, relays: secure!.relays, fleet: secure!.fleet },
    nats: names.map((id) => ({ id, addresses: ['127.0.0.1'] })),
  });
  return dir;
}

/** What infra/push.ts brings to a machine's /etc/hayate, into a folder of this one. */
function bring(keys: string, id: string, service: string, folder: string): void {
  const secrets = join(keys, 'none');
  mkdirSync(secrets, { recursive: true });
  const files = secretsOf(id, { address: '', services: [service], files: {} }, { keys, secrets });
  for (const [path, data] of Object.entries(files)) writeFileSync(join(folder, basename(path)), data, { mode: 0o600 });
}

/** The servers give no event for a quorum or a leafnode that came up: they are asked. */
async function poll(timeoutMs: number, what: string, done: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!(await done().catch(() => false))) {
    if (Date.now() > until) throw new Error(`${what} not ready within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
