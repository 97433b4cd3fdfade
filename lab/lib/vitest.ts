import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Running, root } from './processes.ts';

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
}

/** Runs the vitest files whose path contains one of `filters`; counts by vitest's own report. */
export async function vitestCounts(filters: string[], env: NodeJS.ProcessEnv = {}): Promise<TestCounts> {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-vitest-'));
  const out = join(dir, 'report.json');
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const child = new Running(process.execPath, [vitest, 'run', '--reporter=json', `--outputFile=${out}`, ...filters], {
      env: { ...process.env, ...env },
    });
    await child.exited;
    const report = JSON.parse(readFileSync(out, 'utf8')) as Report;
    return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
