// Writes fleet/budget/measured.json, what `hayate fleet plan` goes by where no results are.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { figuresOf } from '@hayate/fleet/internal';
import { resultsDir } from '../docs.ts';

const file = join(import.meta.dirname, '../../../fleet/budget/measured.json');
const OF = ['lag.1', 'fleet.1'] as const;

/** The text of the file for the results on disk; undefined while one of them is not there. */
export function renderPlanFigures(): string | undefined {
  const paths = OF.map((id) => join(resultsDir, `${id}.json`));
  if (!paths.every((path) => existsSync(path))) return undefined;
  const [lag, fleet] = paths.map((path) => JSON.parse(readFileSync(path, 'utf8')) as unknown);
  return figuresOf(lag, fleet);
}

export function currentPlanFigures(): string {
  return readFileSync(file, 'utf8');
}

export function writePlanFigures(): void {
  const text = renderPlanFigures();
  if (text !== undefined) writeFileSync(file, text);
}

if (import.meta.main) writePlanFigures();
