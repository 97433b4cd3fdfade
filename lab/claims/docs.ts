import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stallsText } from '../lib/machine-stalls.ts';
import type { ClaimResult } from './claim.ts';
import { claims } from './registry.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const resultsDir = join(root, 'lab', 'results', 'claims');
const docsFile = join(root, 'docs', 'claims.md');

function lastResult(id: string): ClaimResult | undefined {
  const file = join(resultsDir, `${id}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ClaimResult) : undefined;
}

function verdict(result: ClaimResult | undefined): string {
  if (!result) return 'not run yet';
  if (!result.passed) return '**falls short**';
  return result.skipped.length > 0 ? 'passed in part' : 'passed';
}

function section(result: ClaimResult): string[] {
  const m = result.machine;
  const lines = [
    `## ${result.id}: ${result.title}`,
    '',
    `${verdict(result)}, ${result.at.slice(0, 16).replace('T', ' ')} UTC, commit ${result.commit}, ${result.seconds} s, ` +
      `on ${m.cores} cores of ${m.cpu}, ${m.memoryGiB} GiB, kernel ${m.kernel}, Node ${m.node}, ` +
      `load ${result.load.before.join(' / ')} before, ${result.load.after.join(' / ')} after` +
      (result.stalls ? `; ${stallsText(result.stalls)}.` : '.'),
    '',
    '| figure | value |',
    '|---|---|',
  ];
  for (const [name, value] of Object.entries(result.figures)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    lines.push(`| ${name} | ${text.replaceAll('|', '\\|')} |`);
  }
  for (const reason of result.skipped) lines.push('', `SKIPPED ${reason}`);
  for (const note of result.notes ?? []) lines.push('', `Falls short: ${note}`);
  lines.push('');
  return lines;
}

/** The text of docs/claims.md for the results on disk. */
export function renderDocs(): string {
  const results = claims.map((claim) => ({ claim, result: lastResult(claim.id) }));
  const lines = [
    '# Claims',
    '',
    'Generated from the last results in lab/results/claims by `npm run claims`; do not edit.',
    'Each line runs by itself: `npm run claims -- relay.2`.',
    '',
    '| claim | says | last result |',
    '|---|---|---|',
    ...results.map(({ claim, result }) => `| ${claim.id} | ${claim.title} | ${verdict(result)} |`),
    '',
    ...results.flatMap(({ result }) => (result ? section(result) : [])),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

export function writeDocs(): void {
  writeFileSync(docsFile, renderDocs());
}

export function currentDocs(): string {
  return existsSync(docsFile) ? readFileSync(docsFile, 'utf8') : '';
}
