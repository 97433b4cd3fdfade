import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectRoom, watch } from '@hayate/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrowserPage, launchChromium } from '../browsers/index.ts';
import { bundle, type PageServer, servePages } from '../browsers/serve.ts';
import { Running, root } from '../lib/processes.ts';
import { noPages, type Rig, startRig } from './rig.ts';

/** The examples as they stand in client/examples, and the SDK in a worker, each against a real relay. */

const EXAMPLES = join(root, 'client/examples');
const MOST_LINES = 25;
const reason = noPages();
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
let rig: Rig;
let pages: PageServer;
let page: BrowserPage;

beforeAll(async () => {
  if (reason !== undefined) return;
  rig = await startRig();
  const script = async (entry: string) => ({ type: 'text/javascript', body: await bundle(entry) });
  pages = await servePages({
    '/plain.html': { type: 'text/html', body: readFileSync(join(EXAMPLES, 'plain.html'), 'utf8') },
    '/hayate.js': await script(join(root, 'client/src/browser.ts')),
    '/worker.js': await script(here('./worker.ts')),
  });
  // plain.html asks the development relay where `npm start` has it.
  const relay = new URL(rig.relay.httpAddress).host;
  page = await launchChromium({ args: [`--host-resolver-rules=MAP localhost:8080 ${relay}`] });
});

afterAll(async () => {
  await page?.close();
  await pages?.close();
  await rig?.close();
});

test(`an example has at most ${MOST_LINES} lines`, () => {
  const names = readdirSync(EXAMPLES);
  expect(names.sort()).toEqual(['bot.ts', 'native.py', 'plain.html', 'react.tsx']);
  for (const name of names)
    expect(readFileSync(join(EXAMPLES, name), 'utf8').trim().split('\n').length, name).toBeLessThanOrEqual(MOST_LINES);
});

test('plain.html draws a face that moves, and its lag', { timeout: 60_000 }, async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  await page.goto(`${pages.origin}/plain.html`);
  const picture = "document.querySelector('canvas').toDataURL()";
  const blank = await page.evaluate<string>(picture);
  const other = (than: string) => page.waitFor(`${picture} !== ${JSON.stringify(than)}`, 20_000);
  // The control: nobody publishes, and nothing is shown.
  await page.waitFor("performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/v1/rooms'))", 20_000);
  expect(await page.evaluate("document.querySelector('output').value")).toBe('');
  expect(await page.evaluate(picture)).toBe(blank);
  await rig.perform('demo');
  await other(blank);
  await other(await page.evaluate<string>(picture));
  expect(await page.evaluate("document.querySelector('output').value")).toMatch(/^-?\d+ ms$/);
});

test('the SDK connects and watches in a dedicated worker', { timeout: 60_000 }, async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  await page.goto(`${pages.origin}/`);
  await page.evaluate(`(globalThis.worker = new Worker('/worker.js', { type: 'module' }), globalThis.said = {},
    worker.onmessage = ({ data }) => Object.assign(said, data), worker.onerror = ({ message }) => { said.failed = message; },
    worker.postMessage(${JSON.stringify(await rig.target('worker', 'viewer'))}), 0)`);
  await page.waitFor('said.ready || said.failed', 20_000);
  expect(await page.evaluate('said')).toEqual({ frames: 0, ready: true });
  await rig.perform('worker');
  await page.waitFor('said.frames > 30', 20_000);
  expect(await page.evaluate('[said.channels, said.document, said.lagMs < 2000]')).toEqual([61, 'undefined', true]);
  await page.evaluate('(worker.terminate(), 0)');
});

test('bot.ts publishes a mouth and answers a comment', { timeout: 60_000 }, async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const env = { ...process.env, HAYATE_TARGET: JSON.stringify(await rig.target('bot', 'liver')) };
  const bot = new Running(process.execPath, [join(EXAMPLES, 'bot.ts')], { env });
  const room = connectRoom(await rig.target('bot', 'viewer'));
  try {
    const watcher = watch(room);
    const mouth: number[] = [];
    watcher.onFrame(({ frame }) => mouth.push(frame.values[17]!));
    const said: string[] = [];
    room.on('comment', ({ text }) => said.push(text));
    const until = async (done: () => boolean) => {
      while (!done()) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await until(() => mouth.length > 40);
    expect(Math.max(...mouth) - Math.min(...mouth)).toBeGreaterThan(0.5);
    await room.comment('hello');
    await until(() => said.includes('hello yourself'));
  } finally {
    room.close();
    expect(await bot.stop()).toBe(0);
  }
});

test('native.py watches by its own means', { timeout: 60_000 }, async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  if (spawnSync('python3', ['-c', 'import aioquic']).status !== 0)
    skip('no python3 with aioquic (test/aioquic/requirements.txt)');
  await rig.perform('native');
  const { token } = await rig.target('native', 'viewer');
  const { relay } = rig;
  const args = [join(EXAMPLES, 'native.py'), String(relay.address.port), relay.certificateHashes[0]!, String(token)];
  const env = { ...process.env, PYTHONPATH: join(root, 'test/native') };
  const client = new Running('python3', args, { env });
  try {
    const [, lagMs] = await client.line(/^0 (-?[\d.]+) ms$/, 20_000);
    expect(Math.abs(Number(lagMs))).toBeLessThan(2000);
  } finally {
    await client.stop();
  }
});
