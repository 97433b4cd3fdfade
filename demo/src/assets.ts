import { existsSync, readFileSync } from 'node:fs';
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
  'camera-worker': 'camera-worker',
};
const STYLES = ['base', 'stage', 'room', 'engineer', 'live', 'effects', 'phone'];

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  map: 'application/json',
  wasm: 'application/wasm',
  task: 'application/octet-stream',
};

function typeOf(path: string): string {
  return TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}

export interface DemoAssetsOptions {
  /** File of MediaPipe's face landmarker model (`face_landmarker.task`), served to the page. Default: the page asks its makers. */
  faceModel?: string | undefined;
}

/** Of the camera's tracker. */
const WASM = ['vision_wasm_module_internal.js', 'vision_wasm_module_internal.wasm'];

/** Read when it is asked for first: 13 MB that most pages never want. */
function fileAsset(file: string, type: string): Asset {
  let body: Uint8Array | undefined;
  return {
    type,
    get body() {
      body ??= readFileSync(file);
      return body;
    },
  };
}

/**
 * The demo page by URL path (`/`, `/demo.js`, ...), bundled from its sources in memory: under a second, nothing is written
 * to disk. What the page loads later (`import()`) is in chunks of its own beside it. Rejects with esbuild's error when the
 * sources do not build.
 */
export async function demoAssets({ faceModel }: DemoAssetsOptions = {}): Promise<Map<string, Asset>> {
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
  assets.set('/', { type: typeOf('.html'), body: preloading(html, assets) });
  for (const name of WASM) {
    const file = fileURLToPath(import.meta.resolve(`@mediapipe/tasks-vision/${name}`));
    // Archives for machines leave it out: nobody broadcasts from there.
    if (existsSync(file)) assets.set(`/wasm/${name}`, fileAsset(file, typeOf(name)));
  }
  if (faceModel !== undefined) assets.set('/face_landmarker.task', fileAsset(faceModel, typeOf('.task')));
  assets.set('/demo.css', { type: typeOf('.css'), body: Buffer.concat(styles) });
  return assets;
}

/** What the page's script imports at once is asked for beside it, and not one after the other as each is read. */
function preloading(html: Buffer, assets: ReadonlyMap<string, Asset>): Uint8Array {
  const found = new Set<string>();
  const follow = (path: string) => {
    const script = new TextDecoder().decode(assets.get(path)?.body);
    // `import()` has a bracket.
    for (const [, name] of script.matchAll(/(?:from|import)\s*["']\.(\/[\w.-]+)["']/g)) {
      if (found.has(name!)) continue;
      found.add(name!);
      follow(name!);
    }
  };
  follow('/demo.js');
  const links = [...found].map((path) => `<link rel="modulepreload" href="${path}">`).join('\n');
  return Buffer.from(html.toString().replace('</head>', `${links}\n</head>`));
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
