import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, type Machine, machine } from '../lib/machine.ts';
import { root } from '../lib/processes.ts';
import type { FuzzResult, TargetResult } from './result.ts';

const FILE = join(root, 'lab', 'results', 'fuzz.json');

/** By which run this was found. */
interface Source {
  command: string;
  at: string;
  commit: string;
}

/** The last run of each target. A command may have run some of them only, after one of them or its program was mended. */
export interface KeptFuzz extends Omit<FuzzResult, 'targets'> {
  targets: Record<string, TargetResult & Source>;
  machine: Machine;
}

/** Undefined before the first run that was kept. */
export function keptFuzz(): KeptFuzz | undefined {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as KeptFuzz) : undefined;
}

/** What was found now takes the place of what was found by the same targets before. */
export function joined(before: KeptFuzz | undefined, now: FuzzResult, source: Source): KeptFuzz {
  const targets = { ...before?.targets };
  for (const [name, target] of Object.entries(now.targets)) targets[name] = { ...target, ...source };
  const sum = (of: 'inputs' | 'crashes') => Object.values(targets).reduce((all, target) => all + target[of], 0);
  return {
    inputs: sum('inputs'),
    crashes: sum('crashes'),
    targets,
    controls: { ...before?.controls, ...now.controls },
    skipped: now.skipped,
    machine: machine(),
  };
}

export function keepFuzz(now: FuzzResult, command: string): void {
  const kept = joined(keptFuzz(), now, { command, at: new Date().toISOString(), commit: commit() });
  writeFileSync(FILE, `${JSON.stringify(kept, null, 1)}\n`);
}
