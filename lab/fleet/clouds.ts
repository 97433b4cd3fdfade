import { createPublicKey, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RelayCandidate } from '@hayate/client';
import { makeAuthority } from '@hayate/engine';
import type { FleetStatus, Shifted } from '@hayate/fleet';
import { LocalMachines } from '@hayate/fleet/internal';
import { ensureTicketKey } from '../../relay/gifts/mint.ts';
import type { RelayPlace } from '../faults/media-crowd.ts';
import { share } from '../lib/children.ts';
import { freePorts, freeRange } from '../lib/free-ports.ts';
import { type NatsRig, startNats } from '../lib/nats.ts';
import { hayate, hayateCommand, type Running } from '../lib/processes.ts';

export type CloudName = 'a' | 'b';
const NAMES = ['a', 'b'] as const;
const REGION = 'jp';
const LABEL_PREFIX = 'hayate-';
const PORTS = 60;
const LOOK_MS = 200;
const OPEN_MS = 60_000;
/** A machine that boots takes no processor from those that serve. */
const BOOT_NICE = 19;
const AT_BOOT = ['sh', '-c', `(echo ${BOOT_NICE} > /proc/self/autogroup) 2>&-; exec "$@"`, 'boot'];

export interface CloudsOptions {
  /** Of relays that serve. */
  min: number;
  max: number;
  /** Bytes a second at which a relay is full. */
  egressBps: number;
  scale: Record<string, number>;
  /** Of relays, ms: what clients are given to go by themselves. */
  drainMs: number;
  webhook: { url: string; secretFile: string };
}

/** As `providers` of fleet.json has it. */
interface CloudConfig {
  dir: string;
  ports: { from: number; to: number };
  command: readonly string[];
  relay: Record<string, unknown>;
}

/** Two clouds on this machine, whose machines are processes, a real NATS, and `hayate fleet run` beside them. */
export class Clouds {
  /** Holds `token.key` and `ticket.key` of the application. */
  readonly keys: string;
  readonly #folder: string;
  readonly #nats: NatsRig;
  readonly #fleet: Running;
  readonly #api: string;
  readonly #serviceTokenFile: string;
  readonly #clouds: Record<CloudName, CloudConfig>;
  #turn = 0;
  #draining = new Set<string>();
  /** An interrupted run leaves no process behind. */
  readonly #onExit = () => this.#killAll();

  private constructor(parts: {
    folder: string;
    nats: NatsRig;
    fleet: Running;
    port: number;
    clouds: Record<CloudName, CloudConfig>;
  }) {
    this.#clouds = parts.clouds;
    this.#folder = parts.folder;
    this.#nats = parts.nats;
    this.#fleet = parts.fleet;
    this.#api = `http://127.0.0.1:${parts.port}`;
    this.keys = join(parts.folder, 'keys');
    this.#serviceTokenFile = join(this.keys, 'service.token');
    process.on('exit', this.#onExit);
  }

  static async start(options: CloudsOptions): Promise<Clouds> {
    const folder = mkdtempSync(join(tmpdir(), 'hayate-clouds-'));
    const nats = await startNats({ regions: [REGION], servers: 1 });
    const port = (await freePorts(1))[0]!;
    const clouds = await cloudsOf(folder, nats, options);
    const config = join(folder, 'fleet.json');
    writeFileSync(config, JSON.stringify(configOf(folder, { nats, port, clouds, options })));
    const fleet = hayate(['fleet', 'run', '--config', config]);
    const rig = new Clouds({ folder, nats, fleet, port, clouds });
    try {
      await fleet.line(/fleet runs/, 30_000);
      return rig;
    } catch (error) {
      await rig.close();
      throw error;
    }
  }

  async status(): Promise<FleetStatus> {
    const status = await this.#ask<FleetStatus>('/v1/fleet');
    this.#draining = new Set(status.relays.flatMap(({ id, draining }) => (draining ? [id] : [])));
    for (const { id, pid } of this.machines()) {
      if (status.state.machines[id]?.phase === 'serving') share(pid, 0);
    }
    return status;
  }

  /** What the fleet says is looked at until it is so. @returns seconds */
  async until(what: string, limitMs: number, is: (status: FleetStatus) => boolean): Promise<number> {
    const fromMs = performance.now();
    for (;;) {
      const status = await this.status();
      if (is(status)) return Math.round((performance.now() - fromMs) / 100) / 10;
      if (performance.now() - fromMs > limitMs) {
        const { shares, alarms, need } = status;
        throw new Error(`not within ${limitMs} ms: ${what}; ${JSON.stringify({ shares, alarms, need })}`);
      }
      await sleep(LOOK_MS);
    }
  }

  /** As the application's backend opens one: where no relay has room yet it asks again. */
  async openRoom(room: string, viewers: number): Promise<RelayPlace> {
    const body = JSON.stringify({ room, region: REGION, viewers });
    const ask = () => this.#ask<{ relays: RelayCandidate[] }>('/v1/rooms', { method: 'POST', body });
    let answer = await ask().catch(notYet);
    for (const until = performance.now() + OPEN_MS; !answer && performance.now() < until; ) {
      await sleep(1000);
      answer = await ask().catch(notYet);
    }
    if (!answer) throw new Error(`no relay has room for ${room} within ${OPEN_MS} ms`);
    const { relays } = answer;
    const { id, region, url, certificateHashes = [] } = relays[0]!;
    return { id: id!, region: region!, process: { url, hashes: [...certificateHashes] } };
  }

  /** As the backend answers its clients: by any relay that is there. */
  async relaysOf(room: string): Promise<RelayCandidate[]> {
    const there = this.machines().filter(({ id }) => !this.#draining.has(id));
    for (let n = 0; n < there.length; n += 1) {
      this.#turn += 1;
      const { http } = there[this.#turn % there.length]!;
      const signal = AbortSignal.timeout(500);
      const answer = await fetch(`${http}/v1/rooms/${room}/relays`, { signal }).catch(() => undefined);
      if (answer?.ok) return ((await answer.json()) as { relays: RelayCandidate[] }).relays;
    }
    return [];
  }

  /** `hayate fleet shift`. @param percent that `b` has of both then */
  async shift(percent: number, dryRun = false): Promise<Shifted> {
    const service = ['--api', this.#api, '--service-token-file', this.#serviceTokenFile, '--json'];
    const words = ['fleet', 'shift', '--from', 'a', '--to', 'b', '--percent', String(percent), ...service];
    const run = hayate([...words, ...(dryRun ? ['--dry-run'] : [])]);
    if ((await run.exited) !== 0) throw new Error(`hayate fleet shift: ${run.stderr.join('\n')}`);
    return JSON.parse(run.stdout.join('')) as Shifted;
  }

  /** Machines whose files are there, dead or alive. */
  machines(cloud?: CloudName): { id: string; cloud: CloudName; pid: number; http: string; url: string }[] {
    return NAMES.filter((name) => cloud === undefined || name === cloud).flatMap((name) => {
      const dir = this.#dir(name);
      let labels: string[];
      try {
        labels = readdirSync(dir).filter((label) => label.startsWith(LABEL_PREFIX));
      } catch {
        return [];
      }
      return labels.flatMap((label) => {
        try {
          const text = readFileSync(join(dir, label, 'machine.json'), 'utf8');
          const { pid, port } = JSON.parse(text) as { pid?: number; port: number };
          const at = { http: `http://127.0.0.1:${port + 1}`, url: `https://127.0.0.1:${port}/v1` };
          return pid === undefined ? [] : [{ id: label.slice(LABEL_PREFIX.length), cloud: name, pid, ...at }];
        } catch {
          // Made or removed just now.
          return [];
        }
      });
    });
  }

  /** Its processes end without a word, and its API refuses: the folder that it answers from is not there. */
  goDark(cloud: CloudName): void {
    const there = this.machines(cloud);
    renameSync(this.#dir(cloud), `${this.#dir(cloud)}.dark`);
    for (const { pid } of there) this.#kill(pid);
  }

  /** Its machines boot again, with their disks. */
  async comeBack(cloud: CloudName): Promise<void> {
    renameSync(`${this.#dir(cloud)}.dark`, this.#dir(cloud));
    const machines = new LocalMachines({ ...this.#clouds[cloud], labelPrefix: LABEL_PREFIX, nowMs: Date.now });
    for (const { id } of this.machines(cloud)) await machines.boot(`${LABEL_PREFIX}${id}`);
  }

  /** SIGKILL, nothing else: a relay that is removed without a drain. */
  killRelay(id: string): void {
    const found = this.machines().find((each) => each.id === id);
    if (!found) throw new Error(`no machine of ${id}`);
    this.#kill(found.pid);
  }

  async close(): Promise<void> {
    await this.#fleet.stop();
    this.#killAll();
    process.off('exit', this.#onExit);
    await this.#nats.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #killAll(): void {
    for (const { pid } of this.machines()) this.#kill(pid);
  }

  /** A relay of this rig; the number may be another process's by now. */
  #kill(pid: number): void {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.#folder)) process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }

  #dir(cloud: CloudName): string {
    return join(this.#folder, cloud);
  }

  async #ask<T>(path: string, init: RequestInit = {}): Promise<T> {
    const token = readFileSync(this.#serviceTokenFile, 'utf8').trim();
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${this.#api}${path}`, { ...init, headers });
    if (!answer.ok) throw new AnswerError(answer.status, `${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }
}

/** Makes the application's keys too. */
async function cloudsOf(
  folder: string,
  nats: NatsRig,
  { drainMs, webhook }: CloudsOptions,
): Promise<Record<CloudName, CloudConfig>> {
  const keys = join(folder, 'keys');
  mkdirSync(keys);
  const file = (name: string, text: string) => {
    writeFileSync(join(keys, name), text, { mode: 0o600 });
    return join(keys, name);
  };
  const secret = () => `${randomBytes(32).toString('base64url')}\n`;
  const { cert, key } = makeAuthority();
  file('ca.pem', cert);
  file('ca.key', key);
  file('service.token', secret());
  const ticketKey = join(keys, 'ticket.key');
  ensureTicketKey(ticketKey);
  const publicKey = createPublicKey(readFileSync(ticketKey)).export({ type: 'spki', format: 'pem' });
  const relay = {
    ...{ dev: true, drainMs, token: { keyFile: file('token.key', secret()) }, rooms: { emptyMs: 300 } },
    gifts: { publicKeyFile: file('ticket.pem', publicKey as string), webhook },
    cluster: { regions: [REGION], natsUrls: nats.region(REGION).urls, natsReplicas: 1 },
  };
  const from = await freeRange(2 * PORTS);
  const cloud = (name: CloudName, first: number): CloudConfig => ({
    ...{ dir: join(folder, name), ports: { from: first, to: first + PORTS - 1 }, relay },
    command: [...AT_BOOT, ...hayateCommand, 'relay', '--json'],
  });
  return { a: cloud('a', from), b: cloud('b', from + PORTS) };
}

function configOf(
  folder: string,
  rig: { nats: NatsRig; port: number; clouds: Record<CloudName, CloudConfig>; options: CloudsOptions },
) {
  const { min, max, egressBps, scale } = rig.options;
  const keys = (name: string) => join(folder, 'keys', name);
  const authority = { certFile: keys('ca.pem'), keyFile: keys('ca.key') };
  const provider = (name: CloudName, share: number) => ({ kind: 'local', share, authority, ...rig.clouds[name] });
  return {
    ...{ owner: 'claim', dryRun: false, listen: { port: rig.port }, serviceTokenFile: keys('service.token') },
    regions: { [REGION]: { zones: { a: ['here'], b: ['there'] }, min, max } },
    nats: { urls: rig.nats.region(REGION).urls, region: REGION },
    providers: { a: provider('a', 100), b: provider('b', 0) },
    limits: { cpu: 1, egressBps, stretch: 3 },
    viewer: { egressBps: 5107, cpu: 0.001 },
    room: { growMs: 5000 },
    ...{ labelPrefix: LABEL_PREFIX, scale },
  };
}

class AnswerError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Any other error is one. */
function notYet(error: unknown): undefined {
  if (!(error instanceof AnswerError && error.status === 503)) throw error;
}
