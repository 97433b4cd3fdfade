import { expect, it } from 'vitest';
import { demoAssets } from './assets.ts';

const text = (body: Uint8Array) => new TextDecoder().decode(body);

it('bundles the page for browsers, with maps and nothing of Node', async () => {
  const assets = await demoAssets();
  expect([...assets.keys()].sort()).toEqual([
    '/',
    '/capture-worklet.js',
    '/capture-worklet.js.map',
    '/demo.css',
    '/demo.js',
    '/demo.js.map',
    '/draw-worker.js',
    '/draw-worker.js.map',
    '/voice-worklet.js',
    '/voice-worklet.js.map',
  ]);
  for (const path of ['/demo.js', '/draw-worker.js', '/voice-worklet.js', '/capture-worklet.js']) {
    const { type, body } = assets.get(path)!;
    expect(type).toBe('text/javascript; charset=utf-8');
    // Everything is inside: no import is left, of Node least of all.
    expect(text(body)).not.toMatch(/(?:from|import|require\()\s*\(?["'](?!data:)[\w@./:-]+["']/);
    expect(text(body)).toContain(`sourceMappingURL=${path.slice(1)}.map`);
    const { sources } = JSON.parse(text(assets.get(`${path}.map`)!.body)) as { sources: string[] };
    expect(sources.filter((source) => /node-voice|opusscript|\/node\.ts$|engine\//.test(source))).toEqual([]);
  }
  const html = text(assets.get('/')!.body);
  for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]*)"/g)) expect(assets.has(path!)).toBe(true);
  const kilobytes = assets.get('/demo.js')!.body.length / 1000;
  console.log(`demo.js: ${kilobytes.toFixed(0)} kB minified`);
  // The budget of the page: the SDK with both ways in and their race is most of it.
  expect(kilobytes).toBeLessThan(460);
});
