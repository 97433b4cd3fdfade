import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  kernel: string;
  node: string;
}

/** What a figure was measured on. Holds nothing that names the host. */
export function machine(): Machine {
  const all = cpus();
  return {
    cpu: (all[0]?.model ?? 'unknown').trim(),
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

/** Load averages over 1 and 5 minutes. */
export function load(): number[] {
  return loadavg()
    .slice(0, 2)
    .map((v) => Math.round(v * 100) / 100);
}

/** Written after each claim. */
const MADE_OF_RESULTS = ['docs/claims.md', 'docs/soak.*', 'lab/results', 'fleet/budget/measured.json'];

/** Short hash of HEAD, `+` appended when tracked files differ from it. */
export function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
    const dirty =
      git('status', '--porcelain', '--untracked-files=no', '--', ...MADE_OF_RESULTS.map((path) => `:!${path}`)) !== '';
    return git('rev-parse', '--short', 'HEAD') + (dirty ? '+' : '');
  } catch {
    return 'unknown';
  }
}
