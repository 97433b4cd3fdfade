import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface Asset {
  /** Content type. */
  type: string;
  body: Uint8Array;
}

const PAGE = fileURLToPath(new URL('../page/', import.meta.url));

/** Without an extension, which esbuild finds: TypeScript in a checkout, JavaScript in the npm package. */
const ENTRIES: Readonly<Record<string, string>> = {
  demo: 'main',
  'voice-worklet': 'voice-worklet',
  'capture-worklet': 'capture-worklet',
  'draw-worker': 'draw-worker',
};
const STYLES = ['base', 'stage', 'room'];

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  map: 'application/json',
};

function typeOf(path: string): string {
  return TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}

/**
 * The demo page by URL path (`/`, `/demo.js`, ...), bundled from its sources in memory: under a second, nothing is written
 * to disk. Rejects with esbuild's error when the sources do not build.
 */
export async function demoAssets(): Promise<Map<string, Asset>> {
  const built = await build({
    entryPoints: Object.entries(ENTRIES).map(([out, file]) => ({ out, in: PAGE + file })),
    bundle: true,
    write: false,
    outdir: '/',
    // Each worklet is a script of its own without imports.
    splitting: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    target: 'es2022',
    minify: true,
    keepNames: false,
    sourcemap: 'linked',
    sourcesContent: true,
    sourceRoot: '/',
    logLevel: 'silent',
    absWorkingDir: PAGE,
  });
  const assets = new Map<string, Asset>();
  for (const file of built.outputFiles) {
    const path = `/${file.path.slice(file.path.lastIndexOf('/') + 1)}`;
    assets.set(path, { type: typeOf(path), body: file.contents });
  }
  const [html, ...styles] = await Promise.all([
    readFile(`${PAGE}index.html`),
    ...STYLES.map((name) => readFile(`${PAGE}styles/${name}.css`)),
  ]);
  assets.set('/', { type: typeOf('.html'), body: html });
  assets.set('/demo.css', { type: typeOf('.css'), body: Buffer.concat(styles) });
  return assets;
}
