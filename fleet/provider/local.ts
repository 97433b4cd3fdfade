import { spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { issueCertificate } from '@hayate/engine';
import { relayOf } from './label.ts';
import { type Machine, type NewMachine, orUnavailable, type Provider, ProviderError } from './types.ts';

export interface LocalOptions {
  /** A folder for each relay, and what ports they have. While it is not there nothing is answered, as by an API that is down. */
  dir: string;
  ports: { from: number; to: number };
  /** Runs a relay; `--config FILE` is put behind it. */
  command: readonly string[];
  /** Settings of all of them, as in a relay's file; `{id}` and `{region}` are filled in. */
  relay: Readonly<Record<string, unknown>>;
  /** PEM; gives each relay its certificate for the trunk. Without: `relay` names the files. */
  authority?: { certFile: string; key(): string } | undefined;
  labelPrefix: string;
  nowMs(): number;
}

/** What is in `machine.json`. */
interface Kept {
  label: string;
  zone: string;
  tags: readonly string[];
  createdMs: number;
  /** First of its ports: media, HTTP API, metrics, service API, trunk. */
  port: number;
  /** Undefined until it was started. */
  pid?: number | undefined;
}

const PORTS_EACH = 5;
const PORTS_DIR = '.ports';
/** A relay has nothing to wait for by then. */
const STOP_MS = 10_000;
const LOOK_MS = 50;

/**
 * Relays as processes of this machine (Linux), in folders that are their disks. They live on when the process that made them
 * ends: who reads the same folder finds them.
 */
export class LocalMachines implements Provider {
  readonly #options: LocalOptions;

  /** `dir` has to be there: `makeLocalDir`. */
  constructor(options: LocalOptions) {
    this.#options = options;
  }

  machines(tag: string): Promise<Machine[]> {
    return orUnavailable(async () => {
      const kept = await Promise.all((await readdir(this.#options.dir)).map((label) => this.#read(label)));
      const ours = kept.filter((each) => each !== undefined).filter(({ tags }) => tags.includes(tag));
      return Promise.all(ours.map((each) => this.#machineOf(each)));
    });
  }

  create(machine: NewMachine): Promise<Machine> {
    return orUnavailable(async () => {
      const { label, zone, tags } = machine;
      let kept = await this.#read(label);
      if (!kept) {
        const port = await this.#takePorts(label);
        kept = { label, zone, tags, createdMs: this.#options.nowMs(), port };
        await mkdir(this.#home(label), { recursive: true });
        await this.#writeSettings(kept);
        await this.#write(kept);
      }
      return this.#machineOf(kept.pid === undefined ? await this.#start(kept) : kept);
    });
  }

  /** One whose process ended boots again, with its files. */
  boot(label: string): Promise<void> {
    return orUnavailable(async () => {
      const kept = await this.#read(label);
      if (kept && !(await this.#runs(kept))) await this.#start(kept);
    });
  }

  remove(id: string): Promise<void> {
    return orUnavailable(async () => {
      const kept = await this.#read(id);
      if (!kept) return;
      const until = performance.now() + STOP_MS;
      for (let signal: NodeJS.Signals | 0 = 'SIGTERM'; await this.#runs(kept); signal = 0) {
        if (performance.now() > until) signal = 'SIGKILL';
        if (signal !== 0) kill(kept.pid!, signal);
        await sleep(LOOK_MS);
      }
      await rm(this.#home(id), { recursive: true, force: true });
      await rm(join(this.#options.dir, PORTS_DIR, String(kept.port)), { force: true });
    });
  }

  #home(label: string): string {
    return join(this.#options.dir, label);
  }

  async #read(label: string): Promise<Kept | undefined> {
    if (label === PORTS_DIR) return undefined;
    const text = await readFile(join(this.#home(label), 'machine.json'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as Kept);
  }

  async #write(kept: Kept): Promise<void> {
    const file = join(this.#home(kept.label), 'machine.json');
    await writeFile(`${file}.new`, JSON.stringify(kept));
    await rename(`${file}.new`, file);
  }

  /** A file for each that is in use: of two who take one at once one succeeds. */
  async #takePorts(label: string): Promise<number> {
    const { dir, ports } = this.#options;
    for (let port = ports.from; port + PORTS_EACH - 1 <= ports.to; port += PORTS_EACH) {
      const file = join(dir, PORTS_DIR, String(port));
      const taken = await writeFile(file, label, { flag: 'wx' }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return false;
          throw error;
        },
      );
      // Of a create that was cut off.
      if (taken || (await readFile(file, 'utf8').catch(() => '')) === label) return port;
    }
    throw new ProviderError('account_limit', `all ports from ${ports.from} to ${ports.to} are in use`);
  }

  async #writeSettings({ label, port }: Kept): Promise<void> {
    const { relay, authority, labelPrefix } = this.#options;
    const home = this.#home(label);
    const { id, region } = relayOf(label, labelPrefix);
    const given = JSON.parse(JSON.stringify(relay).replaceAll('{id}', id).replaceAll('{region}', region)) as Settings;
    const host = '127.0.0.1';
    const cluster = given['cluster'] ?? {};
    if (authority) {
      const { cert, key } = issueCertificate({ authority: { key: authority.key() }, names: [`${id}.relay.hayate`] });
      await writeFile(join(home, 'trunk.pem'), cert);
      await writeFile(join(home, 'trunk.key'), key, { mode: 0o600 });
    }
    const settings = {
      ...{ stateDir: join(home, 'state'), ...given },
      listen: { host, ...given['listen'], port },
      http: { host, ...given['http'], port: port + 1 },
      metrics: { host, ...given['metrics'], port: port + 2 },
      api: { host, ...given['api'], port: port + 3 },
      cluster: {
        ...{ relayId: id, region, ...cluster },
        ...(authority && {
          caFile: authority.certFile,
          certFile: join(home, 'trunk.pem'),
          keyFile: join(home, 'trunk.key'),
        }),
        listen: { host, ...(cluster['listen'] as object | undefined), port: port + 4 },
      },
    };
    await writeFile(this.#settings(label), JSON.stringify(settings, null, 1), { mode: 0o600 });
  }

  #settings(label: string): string {
    return join(this.#home(label), 'relay.json');
  }

  async #start(kept: Kept): Promise<Kept> {
    const [program, ...args] = this.#options.command;
    const log = await open(join(this.#home(kept.label), 'relay.log'), 'a');
    try {
      const child = spawn(program!, [...args, '--config', this.#settings(kept.label)], {
        ...{ detached: true, stdio: ['ignore', log.fd, log.fd] },
      });
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
      child.unref();
      const started = { ...kept, pid: child.pid };
      await this.#write(started);
      return started;
    } finally {
      await log.close();
    }
  }

  /** By its command line: the number may be another process's by now. */
  async #runs({ label, pid }: Kept): Promise<boolean> {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return line.split('\0').includes(this.#settings(label));
  }

  async #machineOf(kept: Kept): Promise<Machine> {
    const { label, zone, tags, createdMs } = kept;
    const status = (await this.#runs(kept)) ? 'running' : 'stopped';
    return { id: label, label, zone, type: 'process', status, tags, createdMs };
  }
}

type Settings = Record<string, Record<string, unknown> | undefined>;

export const makeLocalDir = (dir: string) => mkdir(join(dir, PORTS_DIR), { recursive: true });

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}
