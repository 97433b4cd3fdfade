// Writes the table of docs/security.md from lab/results/fuzz.json.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/processes.ts';
import { type KeptFuzz, keptFuzz } from './save.ts';

export const PAGE = join(root, 'docs', 'security.md');
const BEGIN = '<!-- fuzz: written by `node lab/fuzz/docs.ts` -->\n';
const END = '<!-- /fuzz -->';

const thousands = (value: number) => value.toLocaleString('en-US').replaceAll(',', ' ');

/** The last long run, or that there was none. */
function table(saved: KeptFuzz | undefined): string {
  if (saved === undefined) return 'Not run yet: `npm run fuzz -- --save`, then `node lab/fuzz/docs.ts`.\n';
  const { machine, inputs, crashes, targets, controls, skipped } = saved;
  const commands = new Map<string, string>();
  for (const { command, at, commit } of Object.values(targets)) {
    commands.set(command, `\`${command}\`, ${at.slice(0, 10)}, commit ${commit}`);
  }
  const rows = Object.entries(targets).map(
    ([name, { inputs: count, seconds, coverage, corpus, crashes: broke }]) =>
      `| ${name} | ${thousands(count)} | ${seconds} | ${thousands(Math.round(count / Math.max(1, seconds)))} | ${thousands(coverage)} | ${corpus} | ${broke} |`,
  );
  const planted = Object.entries(controls).map(
    ([language, { found_after, blind_inputs, blind_found }]) =>
      `${language}: found after ${found_after === null ? 'no' : thousands(found_after)} inputs; ${thousands(blind_inputs)} blind ones found it ${blind_found} times`,
  );
  return [
    `${[...commands.values()].join('; ')}; ${machine.cores} cores of ${machine.cpu}: ${thousands(inputs)} inputs, ${crashes} crashes.`,
    '',
    '| target | inputs | s | inputs/s | edges (Rust) or blocks reached | inputs kept | crashes |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
    `The planted fault, ${planted.join('. ')}. Seconds hold the times in which other measurements stopped the run.`,
    ...skipped.map((reason) => `\nSKIPPED ${reason}`),
    '',
  ].join('\n');
}

/** The page with the table of the last result. Throws where its marks are gone. */
export function page(text: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${PAGE} has no place for the table`);
  return `${text.slice(0, from + BEGIN.length)}${table(keptFuzz())}${text.slice(to)}`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(PAGE, page(readFileSync(PAGE, 'utf8')));
