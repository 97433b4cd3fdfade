// Everything `npm test` runs: vitest, then cargo test. Prints each skip with its reason and one last line of counts.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const args = process.argv.slice(2);
const engine = !args.includes('--no-engine');
const filters = args.filter((a) => a !== '--no-engine');

function run(command: string, argv: string[], onLine?: (line: string) => void): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, argv, { stdio: ['ignore', onLine ? 'pipe' : 'inherit', 'inherit'] });
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      process.stdout.write(text);
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line);
    });
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function vitest(): Promise<Counts> {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-test-'));
  const out = join(dir, 'vitest.json');
  try {
    const code = await run('vitest', [
      'run',
      '--reporter=default',
      '--reporter=./scripts/skip-reporter.ts',
      '--reporter=json',
      `--outputFile.json=${out}`,
      ...filters,
    ]);
    const report = JSON.parse(readFileSync(out, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
      numTodoTests: number;
      numFailedTestSuites: number;
    };
    const failed = report.numFailedTests || (code !== 0 ? Math.max(1, report.numFailedTestSuites) : 0);
    return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function cargo(): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  if (!engine) {
    console.log('SKIPPED cargo test: no cargo on this machine, or the engine is hidden');
    return { ...counts, skipped: 1 };
  }
  const code = await run(
    'cargo',
    ['test', '--manifest-path', 'engine/Cargo.toml', '-p', 'hayate-core', '-p', 'hayate-fuzz', '--locked', '-q'],
    (line) => {
      const hit = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/.exec(line);
      if (!hit) return;
      counts.passed += Number(hit[1]);
      counts.failed += Number(hit[2]);
      counts.skipped += Number(hit[3]);
    },
  );
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

const parts = [await vitest(), ...(filters.length ? [] : [await cargo()])];
const total = parts.reduce((a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
}));
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
