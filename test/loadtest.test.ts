import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable } from '@hayate/engine';
import { type RunningRelay, startRelay } from '@hayate/relay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const HAYATE = join(import.meta.dirname, '../cli/bin/hayate.ts');
const SMOKE = join(import.meta.dirname, '../loadtest/scripts/smoke.ts');
const available = engineAvailable();

let dir: string;
let relay: RunningRelay;

beforeAll(async () => {
  if (!available.ok) return;
  dir = mkdtempSync(join(tmpdir(), 'hayate-loadtest-'));
  relay = await startRelay({
    dev: true,
    stateDir: dir,
    listen: { port: 0 },
    http: { port: 0 },
    metrics: { port: 0 },
    api: { port: 0 },
    log: { level: 'silent' },
  });
});
afterAll(async () => {
  await relay?.close();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

function run(script: string, ...flags: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, HAYATE_RELAY_STATE_DIR: dir };
    const child = spawn(process.execPath, [HAYATE, 'loadtest', 'run', script, '--quiet', ...flags], { env });
    let out = '';
    let err = '';
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      err += data.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

describe.skipIf(!available.ok)('rooms under load', () => {
  it('livers, viewers, comments, gifts, speakers and switches of the network are counted, and the report is one file', async () => {
    const report = join(dir, 'report.html');
    const exported = join(dir, 'export.json');
    const { out } = await run(SMOKE, '--env', 'SECONDS=8', '--report', report, '--summary-export', exported);
    const { metrics } = JSON.parse(readFileSync(exported, 'utf8')) as {
      metrics: Record<string, Record<string, number>>;
    };
    // How fast this machine is today is no matter of a test: that units came, and nothing twice, is.
    expect(metrics['checks']).toMatchObject({ fails: 0 });
    expect(metrics['motion_exact']!['passes']).toBeGreaterThan(500);
    expect(metrics['gift_lost']).toMatchObject({ value: 0, fails: 3 });
    expect(metrics['gift_doubled']).toMatchObject({ value: 0, fails: 3 });
    for (const name of ['speak_time', 'rejoin_time']) expect(metrics[name]!['min']).toBeGreaterThan(0);
    expect(metrics['sessions_lost']).toBeUndefined();
    expect(metrics['clock_uncertainty']).toMatchObject({ max: 0 });
    expect(out).toContain('MOTION LIVE');
    const html = readFileSync(report, 'utf8');
    expect(html).toContain('"motion_lag"');
    expect(html).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)=/);
  }, 60_000);

  it('a viewer that the relay refuses is an error of its iteration, and the test ends', async () => {
    const script = join(dir, 'refused.ts');
    writeFileSync(
      script,
      `import { check, watch } from '@hayate/loadtest';
       export default async function () {
         let code = '';
         try { await watch({ room: '', decode: 'all' }); } catch (error) { code = error.code; }
         check(code, { 'is told why': (c) => c === 'token_invalid' });
       }`,
    );
    const { code, out } = await run(script);
    expect(code).toBe(0);
    expect(out).toContain('✓ is told why');
  }, 30_000);
});
