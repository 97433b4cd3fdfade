import { isBuiltin } from 'node:module';
import { expect, it } from 'vitest';
import { demoAssets } from './assets.ts';

const text = (body: Uint8Array) => new TextDecoder().decode(body);
/** What a script names to import, now or later. */
const imports = (script: string) =>
  [...script.matchAll(/(?:[\s}]from|\bimport\s*\(?|\brequire\s*\()\s*["'](?!data:)([\w@./:-]+)["']/g)].map(
    ([, name]) => name!,
  );

it('bundles the page for browsers, with maps and nothing of Node', async () => {
  const assets = await demoAssets();
  const scripts = [...assets.keys()].filter((path) => path.endsWith('.js') && !path.startsWith('/wasm/'));
  const chunk = /^\/[\w.-]+-[A-Z0-9]{8}\.js$/;
  expect(scripts.filter((path) => !chunk.test(path)).sort()).toEqual([
    '/camera-worker.js',
    '/capture-worklet.js',
    '/demo.js',
    '/draw-worker.js',
    '/voice-worklet.js',
  ]);
  expect([...assets.keys()].filter((path) => !/\.js(\.map)?$/.test(path)).sort()).toEqual([
    '/',
    '/demo.css',
    '/wasm/vision_wasm_module_internal.wasm',
  ]);
  expect([...assets.get('/wasm/vision_wasm_module_internal.wasm')!.body.subarray(0, 4)]).toEqual([0, 97, 115, 109]);
  for (const path of scripts) {
    const { type, body } = assets.get(path)!;
    expect(type).toBe('text/javascript; charset=utf-8');
    // Only its own chunks are left to import, of Node nothing; workers have everything inside. A text may look like an import.
    const named = imports(text(body)).filter((name) => /^[./@]/.test(name) || isBuiltin(name));
    const strangers = named.filter((name) => !assets.has(name.replace(/^\.\//, '/')));
    expect(strangers).toEqual([]);
    if (path.includes('work')) expect(imports(text(body))).toEqual([]);
    expect(text(body)).toContain(`sourceMappingURL=${path.slice(1)}.map`);
    const { sources } = JSON.parse(text(assets.get(`${path}.map`)!.body)) as { sources: string[] };
    expect(sources.filter((source) => /node-voice|opusscript|\/node\.ts$|engine\//.test(source))).toEqual([]);
  }
  const html = text(assets.get('/')!.body);
  for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]*)"/g)) expect(assets.has(path!)).toBe(true);
});

it('keeps what the first picture needs within its budget', async () => {
  const assets = await demoAssets();
  const kilobytes = (path: string) => assets.get(path)!.body.length / 1000;
  /** With all that it imports at once; `import()` has a bracket. */
  const loaded = (path: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(path)) return seen;
    seen.add(path);
    for (const [, name] of text(assets.get(path)!.body).matchAll(/(?:from|import)\s*["']\.(\/[\w.-]+)["']/g))
      loaded(name!, seen);
    return seen;
  };
  const first = [...loaded('/demo.js')];
  const html = text(assets.get('/')!.body);
  expect(first.filter((path) => !html.includes(`"${path}"`))).toEqual([]);
  const total = first.reduce((sum, path) => sum + kilobytes(path), 0);
  const later = [...assets.keys()].filter((path) => path.endsWith('.js') && !first.includes(path));
  console.log(`first: ${total.toFixed(0)} kB minified in ${first.length} files`);
  for (const path of later) console.log(`later: ${path} ${kilobytes(path).toFixed(0)} kB`);
  // The SDK with both ways in and their race is most of it.
  expect(total).toBeLessThan(380);
});
