import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../lib/free-ports.ts';
import { Running, root } from '../lib/processes.ts';

export const RULES = join(root, 'infra/prometheus/hayate.rules.yml');

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: 'pending' | 'firing';
}

export interface Sample {
  metric: Record<string, string>;
  value: [seconds: number, value: string];
}

/** Debian's Prometheus over one relay: it looks each second, and the rules' windows and waits are as short. */
export class Prometheus {
  readonly #child: Running;
  readonly #dir: string;
  readonly #url: string;

  private constructor(child: Running, dir: string, url: string) {
    this.#child = child;
    this.#dir = dir;
    this.#url = url;
  }

  /** @param target `HOST:PORT` of a relay's metrics, which need not answer yet. @param window of the rules' rates, as `10s` */
  static async start(target: string, labels: Record<string, string>, window: string): Promise<Prometheus> {
    const dir = mkdtempSync(join(tmpdir(), 'hayate-prometheus-'));
    const [web] = await freePorts(1);
    const rules = join(dir, 'rules.yml');
    writeFileSync(rules, hurried(readFileSync(RULES, 'utf8'), window));
    const settings = join(dir, 'prometheus.yml');
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '900ms', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [{ job_name: 'hayate', static_configs: [{ targets: [target], labels }] }],
    };
    // JSON is YAML.
    writeFileSync(settings, JSON.stringify(config));
    const flags = [`--config.file=${settings}`, `--storage.tsdb.path=${join(dir, 'tsdb')}`];
    const child = new Running('prometheus', [...flags, `--web.listen-address=127.0.0.1:${web}`]);
    await child.line(/ready to receive web requests/, 60_000);
    return new Prometheus(child, dir, `http://127.0.0.1:${web}/api/v1/`);
  }

  /** Of an instant. @throws Error with what Prometheus says of a query that it does not take */
  query(expr: string): Promise<Sample[]> {
    return this.#ask<{ result: Sample[] }>(`query?query=${encodeURIComponent(expr)}`).then(({ result }) => result);
  }

  /** The value of a query with one answer; 0 where there is none. */
  async value(expr: string): Promise<number> {
    return Number((await this.query(expr))[0]?.value[1] ?? 0);
  }

  async firing(): Promise<Alert[]> {
    const { alerts } = await this.#ask<{ alerts: Alert[] }>('alerts');
    return alerts.filter(({ state }) => state === 'firing');
  }

  /** The alert once it fires; undefined: not within `timeoutMs`. */
  async fires(name: string, timeoutMs: number): Promise<Alert | undefined> {
    for (const untilMs = performance.now() + timeoutMs; performance.now() < untilMs; await sleep(250)) {
      const found = (await this.firing()).find(({ labels }) => labels['alertname'] === name);
      if (found) return found;
    }
    return undefined;
  }

  async stop(): Promise<void> {
    await this.#child.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #ask<T>(path: string): Promise<T> {
    const answer = (await (await fetch(this.#url + path)).json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(answer.error);
    return answer.data;
  }
}

/** The same rules, in seconds: each window of a rate, and each wait. */
function hurried(rules: string, window: string): string {
  return rules.replace(/\[\d+[smhd]\]/g, `[${window}]`).replace(/^( +for: )\S+$/gm, '$11s');
}
