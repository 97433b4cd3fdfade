import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { press } from '../lab/browsers/demo.ts';
import type { BrowserPage } from '../lab/browsers/index.ts';
import { dropFile } from '../lab/demo/drop.ts';
import { makeVrm } from '../lab/vrm/model.ts';
import { type DemoRig, noBrowser, startDemo, WAIT_MS } from './demo-rig.ts';

if (noBrowser) console.log(`SKIPPED VRM files on the demo page: ${noBrowser}`);

const NOTICE = `document.querySelector('#notice').textContent`;
const CHUNKS = `performance.getEntriesByType('resource').filter(({ name }) => /costume-/.test(name)).length`;

interface Seen {
  /** Of opaque pixels. */
  colours: number;
  hash: number;
}

/** What the worn model's canvas shows: a body that breathes and sways is another picture a while later. */
const SEEN = `new Promise((done) => requestAnimationFrame(() => {
  const copy = new OffscreenCanvas(64, 64).getContext('2d');
  copy.drawImage(document.querySelector('.disguised canvas'), 0, 0, 64, 64);
  const pixels = new Uint32Array(copy.getImageData(0, 0, 64, 64).data.buffer);
  const opaque = pixels.filter((pixel) => pixel >>> 24 === 255);
  done({ colours: new Set(opaque).size, hash: pixels.reduce((hash, pixel) => (Math.imul(hash, 31) + pixel) | 0, 7) });
}))`;

describe.skipIf(noBrowser !== undefined)('VRM files on the demo page in Chromium', () => {
  let rig: DemoRig;
  let page: BrowserPage;

  beforeAll(async () => {
    rig = await startDemo();
    page = await rig.open('?room=vrm&role=liver');
    await page.waitFor('window.hayate?.state === "open"', WAIT_MS);
  }, 120_000);
  afterAll(() => rig?.close());

  it('loads nothing for it before there is a file', async () => {
    await page.waitFor(`document.querySelector('.liver canvas')`, WAIT_MS);
    expect(await page.evaluate(CHUNKS)).toBe(0);
  });

  it.each([
    ['ARKit’s names', true],
    ['presets', false],
  ])(
    'wears a model with %s, which moves, until the button takes it off',
    { timeout: 120_000 },
    async (_how, perfect) => {
      await page.evaluate(dropFile('made.vrm', makeVrm({ perfectSync: perfect })));
      await page.waitFor('hayate.costume', WAIT_MS);
      expect(await page.evaluate('hayate.costume.perfect')).toBe(perfect);
      expect(await page.evaluate(CHUNKS)).toBeGreaterThan(0);
      const first = await page.waitFor<Seen>(`${SEEN}.then((seen) => seen.colours > 30 && seen)`, WAIT_MS);
      await page.waitFor(`${SEEN}.then(({ hash }) => hash !== ${first.hash})`, WAIT_MS);
      await page.evaluate(press('Back to the drawn avatar'));
      expect(await page.evaluate('hayate.costume === undefined && !document.querySelector(".disguised")')).toBe(true);
    },
  );

  it.each([
    ['cut.vrm', makeVrm({ perfectSync: false }).slice(0, 90_000), 'cut.vrm is broken'],
    ['scrambled.vrm', makeVrm({ perfectSync: false }).fill(0x41, 24, 400), 'scrambled.vrm is broken'],
    ['notes.vrm', Buffer.from('only words'), 'notes.vrm is no VRM avatar'],
    ['empty.vrm', new Uint8Array(), 'empty.vrm is no VRM avatar'],
  ])('tells what is wrong with %s, and the drawn avatar stays', { timeout: 60_000 }, async (name, bytes, words) => {
    await page.evaluate(dropFile(name, bytes));
    await page.waitFor(`${NOTICE}.startsWith(${JSON.stringify(words)})`, WAIT_MS);
    expect(await page.evaluate('hayate.costume === undefined && !document.querySelector(".disguised")')).toBe(true);
  });
});
