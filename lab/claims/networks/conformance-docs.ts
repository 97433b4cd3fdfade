// Writes docs/conformance.md from the result of networks.1.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cases } from '@hayate/transport/conformance';
import type { ClaimResult } from '../claim.ts';
import { resultsDir } from '../docs.ts';
import type { Column } from './conformance.ts';

const docsFile = join(import.meta.dirname, '../../../docs/conformance.md');

/** The text of docs/conformance.md. */
export function page(result: ClaimResult | undefined): string {
  if (!result) {
    return '# Conformance\n\nNot measured yet: `npm run claims -- networks.1`, then `node lab/claims/networks/conformance-docs.ts`.\n';
  }
  const { machine } = result;
  const columns = Object.entries(result.figures) as [string, Column][];
  const notes: string[] = [];
  const cell = (said: string | undefined): string => {
    if (said === undefined) return '';
    if (said === 'passed') return 'yes';
    if (!notes.includes(said)) notes.push(said);
    return `${said.startsWith('gap') ? 'gap' : '**no**'} ${notes.indexOf(said) + 1}`;
  };
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rows = cases.map(({ id, title }) =>
    row([`${id}: ${title}`, ...columns.map(([, { cells }]) => cell(cells[id]))]),
  );
  return [
    '# Conformance',
    '',
    `Made by \`node lab/claims/networks/conformance-docs.ts\` from the last result of \`npm run claims -- networks.1\`: ${result.at.slice(0, 10)}, commit`,
    `${result.commit}, kernel ${machine.kernel}, Node ${machine.node}. One suite (\`transport/conformance/cases\`) with a client's and a server's half; the`,
    'client is the column, the server the engine for WebTransport, else the WebSocket fallback or memory. `npm test` runs it as well.',
    '',
    row(['feature', ...columns.map(([name, { make }]) => (make === undefined ? name : `${name}: ${make}`))]),
    row(['---', ...columns.map(() => '---')]).replaceAll(' ', ''),
    ...rows,
    '',
    ...notes.map((note, n) => `${n + 1}. ${note.replace(/^gap: /, '').replace(/^FAILED: /, 'Failed: ')}`),
    ...(result.skipped.length > 0 ? ['', ...result.skipped.map((reason) => `Not run: ${reason}.`)] : []),
    '',
  ].join('\n');
}

/** The committed result of networks.1. */
export function lastResult(): ClaimResult | undefined {
  const file = join(resultsDir, 'networks.1.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ClaimResult) : undefined;
}

if (import.meta.main) writeFileSync(docsFile, page(lastResult()));
