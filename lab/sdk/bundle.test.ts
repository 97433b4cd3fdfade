import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { compile } from '../../infra/release/npm/compile.ts';
import { entriesOf, type Manifest, namesOf } from '../../infra/release/npm/manifest.ts';
import { SOURCES } from '../../infra/release/npm/packages.ts';
import { root } from '../lib/processes.ts';

/** The SDK as a page gets it: its size, and its types without Node's. */

const LIMIT_KB = 60;
const ENTRY = fileURLToPath(new URL('../../client/src/browser.ts', import.meta.url));

/** Minified and gzipped kB of what a page loads at once, and of what it loads only for the WebSocket fallback. */
async function sizes({ tables }: { tables: boolean }) {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    target: 'es2024',
    outdir: '/out',
    write: false,
    logLevel: 'silent',
    plugins: tables
      ? []
      : [
          {
            name: 'no-tables',
            setup: ({ onLoad }) =>
              onLoad({ filter: /motion\/face\/tables\/(hi|std|lo)\.ts$/ }, () => ({
                contents: "export const TABLE = '';",
              })),
          },
        ],
  });
  const kb = (path: RegExp) =>
    outputFiles
      .filter((file) => path.test(file.path))
      .reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length / 1000, 0);
  return { entry: kb(/browser\.js$/), fallback: kb(/index\.browser|chunk/) };
}

test(`the browser bundle is at most ${LIMIT_KB} kB without the codec's tables`, { timeout: 60_000 }, async () => {
  const [without, all] = [await sizes({ tables: false }), await sizes({ tables: true })];
  const [entry, fallback, tables] = [without.entry, without.fallback, all.entry - without.entry].map((kb) =>
    kb.toFixed(1),
  );
  console.log(
    `SDK in a page, gzipped: ${entry} kB, codec tables ${tables} kB, WebSocket fallback (loaded where needed) ${fallback} kB`,
  );
  expect(without.entry).toBeLessThanOrEqual(LIMIT_KB);
  // The control: with the tables it would not pass, so they were really left out and nothing else was.
  expect(all.entry).toBeGreaterThan(LIMIT_KB);
  expect(without.fallback).toBeGreaterThan(5);
});

const PAGE = `import { connectRoom, publish, type RelayTarget, watch } from '@hayate/client';
import { useRoom } from '@hayate/client/react';
export const go = (target: RelayTarget) => [connectRoom(target), publish(target), watch(target), useRoom];
`;

/** What tsc says to a page that has the DOM and no types of Node, and checks every declaration that it reaches. */
function check(folder: string): string {
  const config = join(folder, 'page.json');
  const paths = {
    '@hayate/client': [join(folder, 'client/src/browser.d.ts')],
    '@hayate/client/react': [join(folder, 'client/react/index.d.ts')],
    '@hayate/codec/*': [join(folder, 'codec/*/index.d.ts'), join(folder, 'codec/*.d.ts')],
    '@hayate/transport': [join(folder, 'transport/src/index.d.ts')],
    react: [join(root, 'node_modules/@types/react/index.d.ts')],
  };
  const compilerOptions = {
    lib: ['ES2024', 'ESNext.Disposable', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
    target: 'ES2024',
    module: 'esnext',
    moduleResolution: 'bundler',
    customConditions: ['browser'],
    types: [],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    paths,
  };
  writeFileSync(join(folder, 'page.ts'), PAGE);
  writeFileSync(config, JSON.stringify({ compilerOptions, files: ['page.ts'] }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [tsc, '-p', config, '--pretty', 'false'], { encoding: 'utf8' }).stdout;
}

test("the browser entry's declarations need the DOM and no types of Node", { timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-types-'));
  try {
    const sources = SOURCES.filter(({ folder: name }) => ['codec', 'engine', 'transport', 'client'].includes(name)).map(
      (source) => ({
        source,
        manifest: JSON.parse(readFileSync(join(root, source.folder, 'package.json'), 'utf8')) as Manifest,
      }),
    );
    compile(
      root,
      sources.flatMap(({ source, manifest }) => entriesOf(manifest, source).map((path) => `${source.folder}/${path}`)),
      Object.fromEntries(sources.flatMap(({ source, manifest }) => namesOf(manifest, source))),
      folder,
    );
    expect(check(folder)).toBe('');
    // The control: one type of Node in what the entry shows.
    const types = join(folder, 'client/src/exports.d.ts');
    writeFileSync(types, `${readFileSync(types, 'utf8')}\nexport declare const leaked: NodeJS.Timeout;\n`);
    expect(check(folder)).toMatch(/exports\.d\.ts.*TS2503.*NodeJS/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
