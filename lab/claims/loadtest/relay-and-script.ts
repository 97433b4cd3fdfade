import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuUs } from '../../lib/proc.ts';
import { type RelayProcess, startRelayProcess } from '../../lib/relay-process.ts';

const HAYATE = join(import.meta.dirname, '../../../cli/bin/hayate.ts');
export const SCRIPTS = join(import.meta.dirname, '../../../loadtest/scripts');

export interface Ran {
  code: number | null;
  out: string;
  err: string;
  seconds: number;
  /** Of the runner's process. */
  cpuSeconds: number;
  metrics: Record<string, Record<string, number> | undefined>;
}

export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ran>;
  interrupt(): void;
}

/** Starts a load test in a process of its own. `stateDir`: of the relay that it finds. */
export function startTest(
  script: string,
  stateDir: string,
  env: Record<string, string> = {},
  flags: string[] = [],
): Running {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-test-'));
  const exported = join(folder, 'export.json');
  const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const args = [
    'loadtest',
    'run',
    script,
    '--quiet',
    '--no-color',
    '--summary-export',
    exported,
    ...variables,
    ...flags,
  ];
  const child = spawn(process.execPath, [HAYATE, ...args], {
    env: { ...process.env, HAYATE_RELAY_STATE_DIR: stateDir },
  });
  const beganMs = performance.now();
  let out = '';
  let err = '';
  let cpuSeconds = 0;
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString();
  });
  const timer = setInterval(() => {
    // It may be gone between two looks.
    if (existsSync(`/proc/${child.pid}/task`)) cpuSeconds = cpuUs(child.pid!) / 1e6;
  }, 250);
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(timer);
      const seconds = (performance.now() - beganMs) / 1000;
      const metrics = readExport(exported);
      rmSync(folder, { recursive: true, force: true });
      resolve({ code, out, err, seconds, cpuSeconds, metrics });
    });
  });
  return { pid: child.pid!, ended, interrupt: () => child.kill('SIGINT') };
}

function readExport(file: string): Ran['metrics'] {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { metrics: Ran['metrics'] }).metrics;
  } catch {
    return {};
  }
}

/** A development relay for as long as `work` takes. */
export async function withRelay<T>(work: (relay: RelayProcess) => Promise<T>, flags: string[] = []): Promise<T> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-loadtest-'));
  const relay = await startRelayProcess(stateDir, flags);
  try {
    return await work(relay);
  } finally {
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
