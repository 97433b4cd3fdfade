import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, load, machine } from './machine.ts';
import { root } from './processes.ts';

export interface ReportOptions {
  /** One JSON object instead of lines. */
  json?: boolean | undefined;
  /** Kept as `lab/results/FOLDER/NAME.json`; undefined: not kept. */
  save?: { folder: string; name: string } | undefined;
  /** What gives these figures again. */
  command: string;
}

/** Runs a measurement and prints its figures with command, machine and load; keeps them when asked. */
export async function report<T extends object>(options: ReportOptions, measure: () => Promise<T>): Promise<T> {
  const before = load();
  const figures = await measure();
  const about = {
    command: options.command,
    at: new Date().toISOString(),
    commit: commit(),
    machine: machine(),
    load: { before, after: load() },
  };
  const result = { ...figures, ...about };
  if (options.save) {
    const folder = join(root, 'lab', 'results', options.save.folder);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${options.save.name}.json`), `${JSON.stringify(result, null, 1)}\n`);
  }
  if (options.json) console.log(JSON.stringify(result));
  else for (const [key, value] of Object.entries(result)) console.log(`${key}: ${JSON.stringify(value)}`);
  return figures;
}
