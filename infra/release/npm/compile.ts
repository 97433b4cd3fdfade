import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Compiles `entries` (paths under `root`) and all that they import of this repository to `out`, in the same tree: a .js
 * and a .d.ts each. Packages of Hayate go on importing each other by name; `names` says which path a name is. Throws with
 * what tsc says.
 */
export function compile(root: string, entries: readonly string[], names: Record<string, string>, out: string): void {
  const config = join(out, 'tsconfig.json');
  const base = join(root, 'tsconfig.json');
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    rewriteRelativeImportExtensions: true,
    rootDir: root,
    outDir: out,
    // Found from the folder of this file otherwise, which is not in the checkout.
    typeRoots: [join(root, 'node_modules/@types')],
    // What tsc reaches through node_modules first, a link to a workspace too, it takes for a library and may not emit.
    paths: Object.fromEntries(Object.entries(names).map(([name, path]) => [name, [join(root, path)]])),
  };
  const files = [...entries, 'loadtest/globals.d.ts'].map((path) => join(root, path));
  writeFileSync(config, JSON.stringify({ extends: base, include: [], files, compilerOptions }));
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config], {
    encoding: 'utf8',
  });
  if (tsc.status !== 0) throw new Error(`tsc ended with ${tsc.status ?? tsc.error}:\n${tsc.stdout}${tsc.stderr}`);
  for (const path of readdirSync(out, { recursive: true, encoding: 'utf8' })) {
    const finish = path.endsWith('.d.ts') ? finishedTypes : path.endsWith('.js') ? finishedCode : undefined;
    if (finish) writeFileSync(join(out, path), finish(readFileSync(join(out, path), 'utf8')));
  }
}

/** tsc rewrites imports; files that are named by URL (workers, modules of k6) it leaves. */
export function finishedCode(text: string): string {
  return text.replaceAll(/(new URL\('\.\.?\/[^'?]+)\.ts('(?=, import\.meta\.url\)))/g, '$1.js$2');
}

/** tsc leaves `.ts` in the imports of declarations. */
export function finishedTypes(text: string): string {
  return text.replaceAll(/((?:\bfrom |\bimport\(|^import )(['"])\.\.?\/[^'"]+)\.ts\2/gm, '$1.js$2');
}
