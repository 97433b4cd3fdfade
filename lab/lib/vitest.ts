import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Running, root } from './processes.ts';

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

export interface FileResults {
  /** Names of tests. */
  passed: string[];
  failed: string[];
  skipped: string[];
}

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
}

/** Runs the vitest files whose path contains one of `filters`; counts by vitest's own report. */
export async function vitestCounts(filters: string[], env: NodeJS.ProcessEnv = {}): Promise<TestCounts> {
  const report = await vitestReport(filters, env);
  return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests };
}

/** The same by file, path from the root of the repository. */
export async function vitestResults(filters: string[]): Promise<Record<string, FileResults>> {
  const { testResults } = await vitestReport(filters, {});
  return Object.fromEntries(
    testResults.map(({ name, assertionResults }) => {
      const named = (...wanted: string[]) =>
        assertionResults.filter(({ status }) => wanted.includes(status)).map(({ fullName }) => fullName);
      const results = {
        passed: named('passed'),
        failed: named('failed'),
        skipped: named('skipped', 'pending', 'todo'),
      };
      return [relative(root, name), results];
    }),
  );
}

async function vitestReport(filters: string[], env: NodeJS.ProcessEnv): Promise<Report> {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-vitest-'));
  const out = join(dir, 'report.json');
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const child = new Running(process.execPath, [vitest, 'run', '--reporter=json', `--outputFile=${out}`, ...filters], {
      env: { ...process.env, ...env },
    });
    await child.exited;
    return JSON.parse(readFileSync(out, 'utf8')) as Report;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
