import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type OutputFile } from 'esbuild';

export interface Asset {
  /** Content type. */
  type: string;
  body: Uint8Array;
}

const PAGE = fileURLToPath(new URL('../page/', import.meta.url));

/** Without an extension, which esbuild finds: TypeScript in a checkout, JavaScript in the npm package. */
type Entries = Readonly<Record<string, string>>;

const PAGE_ENTRY: Entries = { demo: 'main' };
/** Each is a script of its own without imports. */
const WORKERS: Entries = {
  'voice-worklet': 'voice-worklet',
  'capture-worklet': 'capture-worklet',
  'draw-worker': 'draw-worker',
};
const STYLES = ['base', 'stage', 'room', 'engineer'];

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
 * to disk. What the page loads later (`import()`) is in chunks of its own beside it. Rejects with esbuild's error when the
 * sources do not build.
 */
export async function demoAssets(): Promise<Map<string, Asset>> {
  const assets = new Map<string, Asset>();
  for (const files of await Promise.all([bundle(PAGE_ENTRY, true), bundle(WORKERS, false)])) {
    for (const file of files) {
      const path = `/${file.path.slice(file.path.lastIndexOf('/') + 1)}`;
      assets.set(path, { type: typeOf(path), body: file.contents });
    }
  }
  const [html, ...styles] = await Promise.all([
    readFile(`${PAGE}index.html`),
    ...STYLES.map((name) => readFile(`${PAGE}styles/${name}.css`)),
  ]);
  assets.set('/', { type: typeOf('.html'), body: html });
  assets.set('/demo.css', { type: typeOf('.css'), body: Buffer.concat(styles) });
  return assets;
}

async function bundle(entries: Entries, splitting: boolean): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    entryPoints: Object.entries(entries).map(([out, file]) => ({ out, in: PAGE + file })),
    bundle: true,
    write: false,
    outdir: '/',
    splitting,
    chunkNames: '[name]-[hash]',
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    target: 'es2022',
    // Japanese is three bytes a letter then, not six.
    charset: 'utf8',
    minify: true,
    keepNames: false,
    sourcemap: 'linked',
    sourcesContent: true,
    sourceRoot: '/',
    logLevel: 'silent',
    absWorkingDir: PAGE,
  });
  return outputFiles;
}
