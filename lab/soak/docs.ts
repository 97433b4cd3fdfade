// node lab/soak/docs.ts: docs/soak.md and docs/soak.svg from the last run of claim operations.5.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClaimResult } from '../claims/claim.ts';
import { root } from '../lib/processes.ts';
import { type LastSoak, page } from './page.ts';
import { plot } from './plot.ts';
import type { SoakResult } from './result.ts';

const RESULTS = join(root, 'lab', 'results');
/** All of the long run; its samples are too many for docs/claims.md. */
export const SOAK_FILE = join(RESULTS, 'soak.json');
const CLAIM_FILE = join(RESULTS, 'claims', 'operations.5.json');
const PAGE = join(root, 'docs', 'soak.md');
const PLOT = join(root, 'docs', 'soak.svg');

const read = <T>(file: string) => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined);

/** The committed results; undefined before the first run. */
export function lastSoak(): LastSoak | undefined {
  const claim = read<ClaimResult>(CLAIM_FILE);
  // A run that failed before its end leaves the file of the one before it.
  return claim && { claim, soak: 'growth' in claim.figures ? read<SoakResult>(SOAK_FILE) : undefined };
}

/** What docs/soak.md and docs/soak.svg hold for the results on disk; no plot without a run. */
export function renderSoak(last = lastSoak()): { page: string; plot: string | undefined } {
  return { page: page(last), plot: last?.soak && plot(last.soak) };
}

/** The same as they are on disk. */
export function currentSoak(): { page: string | undefined; plot: string | undefined } {
  const text = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  return { page: text(PAGE), plot: text(PLOT) };
}

export function writeSoak(): void {
  const { page: text, plot: picture } = renderSoak();
  writeFileSync(PAGE, text);
  if (picture === undefined) rmSync(PLOT, { force: true });
  else writeFileSync(PLOT, picture);
}

if (import.meta.main) writeSoak();
