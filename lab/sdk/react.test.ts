import { fileURLToPath } from 'node:url';
import { connectRoom, type RelayTarget } from '@hayate/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrowserPage, launchChromium } from '../browsers/index.ts';
import { bundle, type PageServer, servePages } from '../browsers/serve.ts';
import { noPages, type Rig, startRig } from './rig.ts';

/** The hooks in a real browser, in StrictMode, against a real relay. */

const reason = noPages();
let rig: Rig;
let pages: PageServer;
let page: BrowserPage;

beforeAll(async () => {
  if (reason !== undefined) return;
  rig = await startRig();
  const script = await bundle(fileURLToPath(new URL('./react-page.tsx', import.meta.url)));
  pages = await servePages({
    '/': { type: 'text/html', body: '<!doctype html><body><script type="module" src="/page.js"></script>' },
    '/page.js': { type: 'text/javascript', body: script },
  });
  page = await launchChromium();
  await page.goto(`${pages.origin}/`);
  await page.waitFor('globalThis.show !== undefined', 10_000);
});

afterAll(async () => {
  await page?.close();
  await pages?.close();
  await rig?.close();
});

const show = (what: string, target: RelayTarget, mark = '') =>
  page.evaluate(`show(${[what, target, mark].map((value) => JSON.stringify(value)).join(', ')})`);

interface Counts {
  members: number;
  viewers: number;
  livers: number;
}

/** What the relay counts in a room, once it is `wanted`: a session that closes takes a moment. The test's limit is the deadline. */
async function counted(room: string, wanted: Partial<Counts>): Promise<void> {
  for (;;) {
    const response = await fetch(new URL(`/v1/rooms/${room}`, rig.relay.httpAddress));
    const counts = response.ok ? ((await response.json()) as Counts) : { members: 0, viewers: 0, livers: 0 };
    if (Object.entries(wanted).every(([name, count]) => counts[name as keyof Counts] === count)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('frames come and render nothing; a new handler takes the place of the old one; unmounting closes the room', {
  timeout: 60_000,
}, async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const target = await rig.target('hooks', 'viewer');
  await show('counting', target, 'a');
  await page.waitFor("seen.state === 'open'", 20_000);
  // The control: nobody publishes yet.
  expect(await page.evaluate('[seen.livers, counts.frames]')).toEqual([0, 0]);
  await rig.perform('hooks');
  await page.waitFor('counts.frames > 20 && seen.livers === 1', 20_000);
  await counted('hooks', { viewers: 1, members: 2 });
  const before = await page.evaluate<{ renders: number; frames: number }>('({...counts})');
  await page.waitFor(`counts.frames > ${before.frames + 30}`, 20_000);
  expect(await page.evaluate('counts.renders')).toBe(before.renders);
  // Rendered again with a handler of its own: the target is the same, and so is the room.
  await page.evaluate('(globalThis.first = seen.room, 0)');
  await show('counting', { ...target }, 'b');
  await page.waitFor(`counts.renders > ${before.renders}`, 5000);
  await page.evaluate('(counts.oldHandler = 0, globalThis.from = counts.frames, 0)');
  await page.waitFor('counts.frames > from + 10', 20_000);
  expect(await page.evaluate('[seen.room === first, counts.oldHandler]')).toEqual([true, 0]);
  await show('nothing', target);
  await page.waitFor("first.state === 'closed'", 5000);
  await counted('hooks', { viewers: 0, livers: 1 });
});

test('who may publish is live by usePublisher, and StrictMode leaves one session', { timeout: 60_000 }, async ({
  skip,
}) => {
  if (reason !== undefined) skip(reason);
  await show('counting', await rig.target('strict', 'liver', 'ann'), 'c');
  await page.waitFor('seen.live === true', 20_000);
  await counted('strict', { members: 1, livers: 1 });
  await show('nothing', await rig.target('strict', 'liver', 'ann'));
  await counted('strict', { members: 0, livers: 0 });
});

test('the example in React shows the liver, its mouth and a comment', { timeout: 60_000 }, async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  await rig.perform('stage');
  await show('stage', await rig.target('stage', 'viewer'));
  await page.waitFor("document.querySelector('h1')?.textContent === 'open: liver'", 20_000);
  await page.waitFor("Number(document.querySelector('meter').getAttribute('value')) > 0.05", 20_000);
  expect(await page.evaluate("document.querySelector('p').textContent")).toBe('');
  const bo = connectRoom(await rig.target('stage', 'viewer', 'bo'));
  await bo.ready;
  await bo.comment('hello');
  await page.waitFor("document.querySelector('p').textContent === 'bo: hello'", 20_000);
  bo.close();
});
