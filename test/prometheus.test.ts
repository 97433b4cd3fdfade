import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable, makeAuthority } from '@hayate/engine';
import { readFleetConfig, startFleet } from '@hayate/fleet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../lab/lib/free-ports.ts';
import { type NatsRig, natsServer, startNats } from '../lab/lib/nats.ts';
import { Running, root } from '../lab/lib/processes.ts';
import { collectedLog } from '../relay/test/collected-log.ts';

const SERVICE_TOKEN = 'a-service-token-of-more-than-32-characters';
const poll = { timeout: 60_000, interval: 100 };

const server = await natsServer();
const engine = engineAvailable();
const there = ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).status === 0);
const missing =
  'skip' in server ? server.skip : !engine.ok ? engine.reason : there ? undefined : 'no prometheus on the PATH';
if (missing !== undefined) console.log(`SKIPPED Prometheus that finds relays: ${missing}`);

describe.skipIf(missing !== undefined)('Prometheus on the control node', () => {
  const closing: (() => unknown)[] = [];
  let rig: NatsRig;
  let dir: string;
  beforeAll(async () => {
    rig = await startNats({ regions: ['jp'] });
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(() => rig?.stop());
  const write = (name: string, value: string | object) => {
    writeFileSync(join(dir, name), typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 });
    return join(dir, name);
  };

  it('finds a relay that the fleet made by what the fleet tells it, and scrapes it', async () => {
    dir = mkdtempSync(join(tmpdir(), 'hayate-prometheus-'));
    closing.push(() => rmSync(dir, { recursive: true, force: true }));
    const [first, web, unused] = (await freePorts(3)) as [number, number, number];
    const authority = makeAuthority();
    const [shebang = ''] = readFileSync(join(root, 'cli/bin/hayate.ts'), 'utf8').split('\n', 1);
    const flags = shebang.split(' ').filter((word) => word.startsWith('--'));
    const machines = join(dir, 'machines');
    mkdirSync(machines);
    const urls = rig.region('jp').urls;
    const config = (min: number) =>
      readFleetConfig(
        write(`fleet-${min}.json`, {
          ...{
            owner: `of ${min}`,
            dryRun: min === 0,
            listen: { port: unused },
            scale: { tickMs: 100, settleMs: 2000 },
            metricsPort: first + 2,
          },
          serviceTokenFile: write('service.token', SERVICE_TOKEN),
          regions: { jp: { zones: { here: ['rack'] }, min, max: 1 } },
          nats: { urls, region: 'jp' },
          providers: {
            here: {
              ...{ kind: 'local', dir: machines, ports: { from: first, to: first + 4 } },
              command: [process.execPath, ...flags, join(root, 'cli/bin/hayate.ts'), 'relay'],
              relay: {
                token: { keyFile: write('token.key', randomBytes(48).toString('base64')) },
                cluster: { regions: ['jp'], natsUrls: urls, advertise: '127.0.0.1' },
              },
              authority: { certFile: write('ca.pem', authority.cert), keyFile: write('ca.key', authority.key) },
            },
          },
        }),
      );

    const sd = [{ url: `http://127.0.0.1:${unused}/v1/targets`, refresh_interval: '1s' }];
    const settings = write('prometheus.json', {
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'hayate', http_sd_configs: sd }],
    });
    expect(execFileSync('promtool', ['check', 'config', settings], { encoding: 'utf8' })).toContain('SUCCESS');
    const prometheus = new Running('prometheus', [
      ...[`--config.file=${settings}`, `--storage.tsdb.path=${join(dir, 'tsdb')}`],
      `--web.listen-address=127.0.0.1:${web}`,
    ]);
    closing.push(() => prometheus.stop());
    await prometheus.line(/ready to receive web requests/, 60_000);
    const ask = async <T>(path: string) => {
      const answer = (await (await fetch(`http://127.0.0.1:${web}/api/v1/${path}`)).json()) as { data: T };
      return answer.data;
    };
    interface Target {
      labels: Record<string, string>;
      health: string;
    }
    const targets = async () => {
      const { activeTargets } = await ask<{ activeTargets: Target[] }>('targets?state=active');
      return activeTargets.map(({ labels, health }) => ({ ...labels, health }));
    };

    // Control: a fleet that makes none tells of none, once it knows who lives.
    const idle = await startFleet(config(0), collectedLog().log);
    const told = async () => {
      const answer = await fetch(`http://127.0.0.1:${unused}/v1/targets`);
      return answer.status === 200 ? await answer.json() : answer.status;
    };
    expect(await told()).toBe(503);
    await expect.poll(told, poll).toEqual([]);
    expect(await targets()).toEqual([]);
    await idle.close();

    const fleet = await startFleet(config(1), collectedLog().log);
    closing.push(() => fleet.close());
    const up = { job: 'hayate', instance: `127.0.0.1:${first + 2}`, relay: 'jp-f-1', region: 'jp', health: 'up' };
    closing.push(() => {
      const { pid } = JSON.parse(readFileSync(join(machines, 'hayate-jp-f-1', 'machine.json'), 'utf8')) as {
        pid: number;
      };
      process.kill(pid, 'SIGKILL');
    });
    await expect.poll(targets, poll).toEqual([up]);
    const query = () =>
      ask<{ result: { metric: object }[] }>(
        `query?query=${encodeURIComponent('{__name__=~"hayate_.+",relay="jp-f-1"}')}`,
      );
    await expect.poll(async () => (await query()).result.length, poll).toBeGreaterThan(5);
  }, 180_000);
});
