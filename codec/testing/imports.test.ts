import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

function imports(folder: string, script = ''): string[] {
  const sources = readdirSync(join(root, folder)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const files = sources.filter((name) => name !== script);
  const found = files.flatMap((name) => [
    ...readFileSync(join(root, folder, name), 'utf8').matchAll(/(?:from|import) '([^']+)'/g),
  ]);
  return [...new Set(found.map((match) => match[1]!).filter((path) => !path.startsWith('./')))].sort();
}

it('folders import only what they may: no Node, one package', () => {
  expect(imports('motion')).toEqual(['../errors.ts']);
  for (const path of imports('motion/face'))
    expect(path).toMatch(/^\.\.\/(channels|types)\.ts$|^\.\.\/\.\.\/errors\.ts$/);
  expect(imports('bundle')).toEqual(['../errors.ts']);
  for (const path of imports('bench', 'sketch.ts')) expect(path).toMatch(/^\.\.\/(errors\.ts|motion\/)/);
  expect(imports('clock')).toEqual(['../bundle/index.ts']);
  expect(imports('messages')).toEqual(['../bundle/varint.ts', '../errors.ts', '../motion/types.ts', 'cbor-x']);
});
