import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Of the repository's own files: what a machine does not need to run, or to read about running. */
const LEFT_OUT = [
  /\.test\.ts$/,
  /^(cli|client|demo|loadtest|relay)\/test\//,
  /^codec\/(vectors|testing|motion\/train)\//,
  /^codec\/bench\/sketch\.ts$/,
  /^engine\/(core|node|fuzz)\//,
  /^engine\/(Cargo\.(toml|lock)|build\.mjs|rustfmt\.toml|src\/fake-native\.ts)$/,
  /^transport\/conformance\//,
  /^infra\/(release\/|terraform\/tests\/)/,
];

/** Of npm packages: types, maps and sources, which nothing here reads at run time, and 38 MB for a camera, which no machine has. */
const NOT_OF_PACKAGES =
  /^\/wasm\/vision_wasm_|\.(ts|mts|cts|map|flow)$|\/(README|CHANGELOG|HISTORY|SECURITY|CONTRIBUTING)(\.[a-z]+)?$|\/node_modules(\/|$)/i;

const IMPORTS =
  /(?:\bfrom |\bimport\(|^import )'(\.\.?\/[^'?]+)'|new URL\('(\.\.?\/[^'?]+\.[a-z]+)', import\.meta\.url\)/gm;

/** `tracked`: what git knows; `folders`: those that ship. */
export function ownFiles(tracked: readonly string[], folders: readonly string[]): string[] {
  const wanted = tracked.filter((path) => folders.some((folder) => path.startsWith(`${folder}/`)));
  return wanted.filter((path) => !LEFT_OUT.some((pattern) => pattern.test(path)));
}

/** `path`: inside a package's folder, with a leading slash. Packages below it are packages of their own. */
export const wantedOfPackage = (path: string) => !NOT_OF_PACKAGES.test(path);

/**
 * Relative imports and `new URL('./x', import.meta.url)` of files that ship whose target does not, as `a.ts needs b.ts`.
 * Empty when the archive is whole.
 */
export function missing(root: string, files: readonly string[]): string[] {
  const ship = new Set(files);
  const found: string[] = [];
  for (const file of files) {
    if (!/\.(ts|mjs|js)$/.test(file)) continue;
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, code, url] of text.matchAll(IMPORTS)) {
      const target = (code ?? url)!;
      const path = normalize(join(dirname(file), target));
      if (!ship.has(path)) found.push(`${file} needs ${path}`);
    }
  }
  return found;
}
