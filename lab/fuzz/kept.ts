import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../lib/processes.ts';

export type Language = 'rust' | 'typescript';
type Kind = 'corpus' | 'crashes';

/** Of one target's corpus as it is committed: the shortest inputs go first. */
const CORPUS_BYTES = 8000;

const FOLDERS: Record<Language, string> = { rust: 'engine/fuzz', typescript: 'lab/fuzz' };

function pathOf(language: Language, kind: Kind, target: string): string {
  return join(root, FOLDERS[language], kind, `${target}.hex`);
}

/** Inputs that are kept with the source, in hex: one a line, `#` begins a comment. */
export function kept(language: Language, kind: Kind, target: string): string[] {
  const path = pathOf(language, kind, target);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '');
}

/** Adds an input that broke something. From now on the tests run it. */
export function keepCrash(language: Language, target: string, hex: string, why: string): void {
  if (kept(language, 'crashes', target).includes(hex)) return;
  const path = pathOf(language, 'crashes', target);
  mkdirSync(dirname(path), { recursive: true });
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  writeFileSync(path, `${before}# ${why.split('\n', 1)[0]}\n${hex}\n`);
}

/** Keeps of a corpus what is short, 8 kB of it at most. */
export function keepCorpus(language: Language, target: string, inputs: readonly string[]): void {
  const sorted = [...new Set(inputs)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  let bytes = 0;
  const some = sorted.filter((hex) => {
    bytes += hex.length / 2;
    return hex !== '' && bytes <= CORPUS_BYTES;
  });
  const path = pathOf(language, 'corpus', target);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, some.map((hex) => `${hex}\n`).join(''));
}
