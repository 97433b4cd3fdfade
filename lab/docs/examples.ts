import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/processes.ts';
import { type Block, blocksOf } from './blocks.ts';

/** One example of a document: a file that runs, and what the document says that it prints or shows. */
interface Example {
  file: string;
  place: 'program' | 'page';
  block: Block;
  printed: string;
}

/** What stands in a document of examples. */
export interface Examples {
  runs: Example[];
  /** Files that others import: they run with them. */
  shared: Block[];
  /** Commands of shells, a block each. */
  commands: Block[];
  /** Blocks that are none of these, each with its reason: nothing is left out in silence. */
  faults: string[];
}

const FOLDER = join(root, 'client/examples');

export function readDocument(path: string): Block[] {
  return blocksOf(path, readFileSync(join(root, path), 'utf8'));
}

/**
 * Sorts the blocks of a document. A copy of a file of client/examples has that file's name, the others name themselves. `silent`: code without
 * a name is a program that prints nothing.
 */
export function examplesOf(blocks: readonly Block[], { silent = false } = {}): Examples {
  const known = new Map(readdirSync(FOLDER).map((file) => [readFileSync(join(FOLDER, file), 'utf8'), file]));
  const named = blocks.map((block) => ({ ...block, file: block.file ?? known.get(block.text) }));
  const found: Examples = { runs: [], shared: [], commands: [], faults: [] };
  for (const [at, block] of named.entries()) {
    const { document, line, language, place, file, text } = block;
    const next = named[at + 1];
    const printed = next?.language === 'text' ? next.text : undefined;
    const where = `${document}:${line}`;
    if (language === 'sh' || (language === '' && /^np[mx] /.test(text))) found.commands.push(block);
    else if (language === 'text') {
      if (named[at - 1] === undefined || !isCode(named[at - 1]!)) found.faults.push(`${where}: output of nothing`);
    } else if (!isCode(block)) found.faults.push(`${where}: nobody runs ${language || 'a block without a language'}`);
    else if (file === undefined && silent)
      found.runs.push({ file: `line-${line}.${language}`, place: 'program', block, printed: '' });
    else if (file === undefined) found.faults.push(`${where}: a file without a name: ${text.split('\n', 1)[0]}`);
    else if (printed !== undefined)
      found.runs.push({ file, place: place === 'page' ? 'page' : 'program', block, printed });
    else if (isUsed(file, named)) found.shared.push(block);
    else found.faults.push(`${where}: ${file} has no output beside it, and no other file takes it`);
  }
  return found;
}

const isCode = ({ language }: Block) => ['ts', 'tsx', 'js', 'html'].includes(language);

const isUsed = (file: string, blocks: readonly Block[]) =>
  blocks.some((block) => block.file !== file && isCode(block) && block.text.includes(`'./${file}'`));
