import type { LinodeFetch, LinodeRequest, LinodeResponse } from '../caller.ts';
import { type Answer, type Asked, notFound, refuse } from './answer.ts';
import { Faults } from './faults.ts';
import { ImageStore } from './images.ts';
import { Ledger } from './ledger.ts';
import { CallLimits, RATE_LIMITS, type RateLimits } from './limits.ts';
import { Machines } from './machines.ts';
import { Networks } from './networks.ts';
import { operationOf } from './operations.ts';
import { type FakeMachine, monthOf, World } from './world.ts';

export interface FakeLinodeOptions {
  /** ms since 1970. A day passes as fast as this says. */
  nowMs(): number;
  /** In [0, 1): for faults by chance. */
  random?(): number;
  /** The one that is let in; by default any. */
  token?: string;
  /** ms: until a new Linode has its disks (65 000), until it has booted from then (24 000). */
  createMs?: number;
  bootMs?: number;
  /** ms: until an image is there (120 000), and a copy in another region (180 000). */
  captureMs?: number;
  replicateMs?: number;
  /** Linodes of the account; default 1000. */
  accountLimit?: number;
  rateLimits?: Partial<RateLimits>;
}

/** Seconds, as Linode's own; images are of an ordinary relay. */
const CREATE_MS = 65_000;
const BOOT_MS = 24_000;
const CAPTURE_MS = 120_000;
const REPLICATE_MS = 180_000;
const ACCOUNT_LIMIT = 1000;

/** Answers of a call: `undefined` where the connection is cut. */
type Handled = { answer: Answer; headers: Record<string, string> } | undefined;

/**
 * Linode's API with a memory: what is made is listed, boots in time, adds to the transfer pool and is billed. It can be asked to go wrong
 * (`faults`, `outage`, `fill`, `crash`, `vanish`). As a `fetch` function it takes no I/O and no timers: state moves on when it is asked.
 */
export class FakeLinode {
  readonly faults: Faults;
  /** Calls so far, by operation. */
  readonly calls = new Map<string, number>();
  readonly #world: World;
  readonly #machines: Machines;
  readonly #limits: CallLimits;
  readonly #token: string | undefined;
  readonly #handlers: Record<string, (asked: Asked) => Answer>;

  constructor(options: FakeLinodeOptions) {
    const { nowMs, random = Math.random, token, createMs = CREATE_MS, bootMs = BOOT_MS } = options;
    const { captureMs = CAPTURE_MS, replicateMs = REPLICATE_MS, accountLimit = ACCOUNT_LIMIT, rateLimits } = options;
    this.faults = new Faults(random);
    this.#token = token;
    this.#world = new World(nowMs, random);
    this.#machines = new Machines(this.#world, { createMs, bootMs }, accountLimit);
    this.#limits = new CallLimits({ ...RATE_LIMITS, ...rateLimits });
    const images = new ImageStore(this.#world, { captureMs, replicateMs });
    this.#handlers = routes(this.#machines, new Networks(this.#world, this.#machines), images, new Ledger(this.#world));
  }

  /** In place of the network's. */
  readonly fetch: LinodeFetch = async (url, request) => {
    const { pathname, searchParams } = new URL(url);
    const handled = this.handle(pathname, searchParams, request);
    if (!handled) {
      const cause = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
      throw new TypeError('fetch failed', { cause });
    }
    return response(handled.answer, handled.headers);
  };

  /** @param path with its version, `/v4/...` or `/v4beta/...`. @returns undefined: the connection is to be cut */
  handle(path: string, query: URLSearchParams, { method, headers, body }: LinodeRequest): Handled {
    this.#world.settle();
    const nowMs = this.#world.nowMs();
    const { operation, ids, kind } = operationOf(method, path);
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    const taken = this.#limits.take(operation, kind, nowMs);
    const told: Record<string, string> = {
      'content-type': 'application/json',
      date: new Date(nowMs).toUTCString(),
      'x-ratelimit-limit': String(taken.limit),
      'x-ratelimit-remaining': String(taken.remaining),
      'x-ratelimit-reset': String(taken.resetS),
    };
    if (!taken.allowed) {
      const retry = { ...told, 'retry-after': String(taken.retryAfterS) };
      return { answer: refuse(429, 'Too many requests'), headers: retry };
    }
    const picked = this.faults.pick(operation);
    const run = () => this.#run(operation, ids, query, headers, body);
    if (!picked) return { answer: run(), headers: told };
    const { fault, made } = picked;
    if (made) run();
    if (fault.kind === 'cut') return undefined;
    if (fault.retryAfterS !== undefined) told['retry-after'] = String(fault.retryAfterS);
    return {
      answer: refuse(fault.status, fault.reason ?? TEXT[fault.status] ?? 'Internal Server Error'),
      headers: told,
    };
  }

  /** Those that are there. */
  machines(): FakeMachine[] {
    this.#world.settle();
    return [...this.#world.machines.values()];
  }

  machine(label: string): FakeMachine | undefined {
    return this.machines().find((each) => each.label === label);
  }

  /** All that were deleted, by whomever, with `deletedMs`. */
  deleted(): readonly FakeMachine[] {
    return this.#world.gone;
  }

  /** When something is going to change by itself, ms since 1970: a simulated clock may jump there. */
  get nextChangeMs(): number | undefined {
    return this.#world.nextMs;
  }

  /** Counts as gone out of a Linode, into the month's transfer. @param gb of 10^9 bytes */
  addTraffic(id: number, gb: number): void {
    const machine = this.#world.machines.get(id);
    if (!machine) return;
    const month = monthOf(this.#world.nowMs());
    machine.usedGb.set(month, (machine.usedGb.get(month) ?? 0) + gb);
  }

  /** A region goes dark: what is there is offline, nothing can be made. */
  outage(region: string): void {
    this.#world.settle();
    this.#world.outages.add(region);
    for (const machine of this.#in(region)) this.#machines.stop(machine);
  }

  /** It is back: what was meant to run boots. */
  endOutage(region: string): void {
    this.#world.settle();
    this.#world.outages.delete(region);
    for (const machine of this.#in(region)) {
      if (machine.status === 'offline' && machine.bootsAgain) this.#machines.start(machine);
    }
  }

  /** No room for more, of this type or any; what is there stays. */
  fill(region: string, type?: string): void {
    this.#world.full.add(type === undefined ? region : `${region} ${type}`);
  }

  makeRoom(region: string, type?: string): void {
    this.#world.full.delete(type === undefined ? region : `${region} ${type}`);
  }

  /** Its host dies; with `restarts` it boots again at once, else it stays offline. */
  crash(id: number, { restarts = false } = {}): void {
    this.#world.settle();
    const machine = this.#world.machines.get(id);
    if (!machine) return;
    this.#machines.stop(machine);
    this.#world.event('host_reboot', machine);
    if (restarts && !this.#world.outages.has(machine.region)) this.#machines.start(machine);
  }

  /** It powers itself off; its watchdog, if it is on, boots it again. */
  powerOff(id: number): void {
    this.#world.settle();
    const machine = this.#world.machines.get(id);
    if (machine?.status !== 'running') return;
    this.#machines.stop(machine);
    if (machine.watchdog) this.#machines.start(machine);
    else machine.bootsAgain = false;
  }

  /** Somebody else deletes it. */
  vanish(id: number): void {
    this.#world.settle();
    const machine = this.#world.machines.get(id);
    if (machine) this.#machines.take(machine);
  }

  set accountLimit(linodes: number) {
    this.#machines.limit = linodes;
  }

  #in(region: string): FakeMachine[] {
    return [...this.#world.machines.values()].filter((machine) => machine.region === region);
  }

  #run(
    operation: string,
    ids: string[],
    query: URLSearchParams,
    headers: Record<string, string>,
    body?: string,
  ): Answer {
    const token = /^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1];
    if (token === undefined || (this.#token !== undefined && token !== this.#token))
      return refuse(401, 'Invalid Token');
    const handler = this.#handlers[operation];
    if (!handler) return notFound;
    try {
      const filter =
        headers['x-filter'] === undefined ? {} : (JSON.parse(headers['x-filter']) as Record<string, unknown>);
      return handler({ ids, query, filter, body: body ? (JSON.parse(body) as Record<string, unknown>) : {} });
    } catch (error) {
      if (error instanceof SyntaxError) return refuse(400, 'Invalid JSON');
      throw error;
    }
  }
}

const TEXT: Record<number, string> = {
  408: 'Please try again',
  429: 'Too many requests',
  503: 'Service Unavailable',
};

function response({ status, body }: Answer, headers: Record<string, string>): LinodeResponse {
  return { status, headers: { get: (name) => headers[name.toLowerCase()] ?? null }, text: async () => body };
}

function routes(
  machines: Machines,
  networks: Networks,
  images: ImageStore,
  ledger: Ledger,
): Record<string, (asked: Asked) => Answer> {
  return {
    'GET /linode/instances': (asked) => machines.list(asked),
    'POST /linode/instances': (asked) => machines.create(asked),
    'GET /linode/instances/N': (asked) => machines.get(asked),
    'PUT /linode/instances/N': (asked) => machines.update(asked),
    'DELETE /linode/instances/N': (asked) => machines.remove(asked),
    'POST /linode/instances/N/boot': (asked) => machines.boot(asked),
    'POST /linode/instances/N/shutdown': (asked) => machines.shutdown(asked),
    'GET /linode/instances/N/disks': (asked) => machines.disks(asked),
    'GET /linode/instances/N/transfer': (asked) => ledger.instanceTransfer(asked),
    'GET /linode/types': (asked) => ledger.types(asked),
    'GET /linode/types/N': (asked) => ledger.type(asked),
    'GET /regions': (asked) => ledger.regions(asked),
    'GET /regions/availability': (asked) => ledger.availability(asked),
    'GET /network-transfer/prices': (asked) => ledger.prices(asked),
    'GET /account': () => ledger.account(),
    'GET /account/transfer': () => ledger.accountTransfer(),
    'GET /account/events': (asked) => ledger.events(asked),
    'GET /account/events/N': (asked) => ledger.event(asked),
    'GET /networking/firewalls': (asked) => networks.firewalls(asked),
    'POST /networking/firewalls': (asked) => networks.createFirewall(asked),
    'GET /networking/firewalls/N': (asked) => networks.firewall(asked),
    'DELETE /networking/firewalls/N': (asked) => networks.deleteFirewall(asked),
    'GET /networking/firewalls/N/devices': (asked) => networks.devices(asked),
    'POST /networking/firewalls/N/devices': (asked) => networks.attach(asked),
    'GET /networking/firewalls/N/devices/N': (asked) => networks.device(asked),
    'DELETE /networking/firewalls/N/devices/N': (asked) => networks.detach(asked),
    'GET /placement/groups': (asked) => networks.groups(asked),
    'POST /placement/groups': (asked) => networks.createGroup(asked),
    'GET /placement/groups/N': (asked) => networks.group(asked),
    'DELETE /placement/groups/N': (asked) => networks.deleteGroup(asked),
    'POST /placement/groups/N/assign': (asked) => networks.assign(asked),
    'POST /placement/groups/N/unassign': (asked) => networks.unassign(asked),
    'GET /images': (asked) => images.list(asked),
    'POST /images': (asked) => images.create(asked),
    'PUT /images/N': (asked) => images.update(asked),
    'GET /images/N': (asked) => images.get(asked),
    'DELETE /images/N': (asked) => images.remove(asked),
    'POST /images/N/regions': (asked) => images.replicate(asked),
  };
}
