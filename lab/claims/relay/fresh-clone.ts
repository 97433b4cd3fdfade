import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { launchChromium } from '../../browsers/index.ts';
import { Running, root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

interface PageState {
  state: string;
  transport: string;
  framesShown: number;
  lagMs: number;
  uncertaintyMs: number;
  samplesPlayed: number;
  errors: string[];
}

const ADDRESS = /https?:\/\/\S+/;

/** `npm start` in `dir`, then a browser at the printed address: the avatar must move, speak and say its lag. */
async function startAndLook(dir: string, env: NodeJS.ProcessEnv, trustAnyCertificate: boolean) {
  const since = Date.now();
  // No PATH entry of this run's own node_modules: the clone must find everything itself.
  const child = new Running('npm', ['start', '--silent', '--', '--json'], { cwd: dir, env });
  try {
    const ready = await child.line(/"event":"ready"/, 900_000);
    const startSeconds = (Date.now() - since) / 1000;
    const address = ADDRESS.exec(JSON.parse(ready.input).page as string)?.[0] ?? '';
    const page = await launchChromium({ args: trustAnyCertificate ? ['--ignore-certificate-errors'] : [] });
    try {
      await page.goto(address);
      await page.waitFor(
        'window.hayate && hayate.framesShown > 90 && hayate.samplesPlayed > 48000 && Number.isFinite(hayate.lagMs)',
        60_000,
      );
      const state = await page.evaluate<PageState>(
        '({state: hayate.state, transport: hayate.transport, framesShown: hayate.framesShown, lagMs: Math.round(hayate.lagMs * 10) / 10, uncertaintyMs: Math.round(hayate.uncertaintyMs * 10) / 10, samplesPlayed: hayate.samplesPlayed, errors: hayate.errors})',
      );
      return { address, startSeconds: Math.round(startSeconds), ...state };
    } finally {
      await page.close();
    }
  } finally {
    await child.stop();
  }
}

interface TestRun {
  passed: number;
  failed: number;
  skipped: number;
  seconds: number;
  /** Names of what failed, as the runners print them. */
  failures: string[];
}

/** `npm test` in `dir`; the counts of its last line. */
async function test(dir: string, env: NodeJS.ProcessEnv): Promise<TestRun> {
  const since = Date.now();
  const child = new Running('npm', ['test', '--silent'], { cwd: dir, env: { ...env, NO_COLOR: '1' } });
  const code = await child.exited;
  const lines = [...child.stdout, ...child.stderr];
  const hit = lines.map((l) => /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(l)).findLast((m) => m !== null);
  const seconds = Math.round((Date.now() - since) / 1000);
  const failures = [...new Set(lines.filter((l) => /^ FAIL |^test .* FAILED$/.test(l)).map((l) => l.trim()))];
  if (!hit) return { passed: 0, failed: code || 1, skipped: 0, seconds, failures };
  return { passed: Number(hit[1]), failed: Number(hit[2]), skipped: Number(hit[3]), seconds, failures };
}

/** PATH without any folder that holds cargo. */
function withoutCargo(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.filter((f) => f !== '' && !(existsSync(f) && readdirSync(f).includes('cargo'))).join(delimiter);
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const shared = join(root, '..', 'shared');
  const base = mkdtempSync(join(tmpdir(), 'hayate-claim-'));
  const cleanPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((f) => !f.includes('node_modules'))
    .join(delimiter);
  const env = { ...process.env, PATH: cleanPath, CARGO_TARGET_DIR: join(base, 'target') };
  const cases = [
    { name: 'without_shared', shared: false, env, trust: false, test: true },
    { name: 'with_shared', shared: true, env, trust: false, test: true },
    {
      name: 'without_cargo',
      shared: false,
      env: {
        ...env,
        PATH: withoutCargo()
          .split(delimiter)
          .filter((f) => !f.includes('node_modules'))
          .join(delimiter),
      },
      trust: true,
      test: true,
    },
  ];
  try {
    for (const one of cases) {
      if (one.shared && !existsSync(shared)) {
        checks.skip(`${one.name}: no ../shared beside this checkout`);
        continue;
      }
      const dir = join(base, one.name, 'clone');
      context.log(`${one.name}: clone, npm start, browser`);
      execFileSync('git', ['clone', '-q', root, dir]);
      if (one.shared) symlinkSync(shared, join(dirname(dir), 'shared'));
      const seen = await startAndLook(dir, one.env, one.trust).catch((error: Error) => ({ failed: error.message }));
      checks.figure(`${one.name}.start`, seen);
      checks.check(!('failed' in seen), `${one.name}: npm start did not end in a moving, speaking avatar`);
      if (!('failed' in seen)) {
        checks.check(Number.isFinite(seen.lagMs) && seen.lagMs < 1000, `${one.name}: no lag figure on the page`);
      }
      if (one.test) {
        context.log(`${one.name}: npm test`);
        const counts = await test(dir, one.env);
        checks.figure(`${one.name}.test`, counts);
        checks.check(
          counts.failed === 0 && counts.passed > 0,
          `${one.name}: npm test failed: ${counts.failures.join('; ')}`,
        );
      }
      rmSync(join(base, one.name), { recursive: true, force: true });
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const freshClone: Claim = {
  id: 'relay.1',
  title:
    'A fresh clone: npm start ends with an address where Chromium shows a moving, speaking avatar with a lag figure; npm test passes; also without cargo',
  seconds: 1500,
  run,
};
