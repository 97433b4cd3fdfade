import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pressWhenPossible, write } from '../lab/browsers/demo.ts';
import type { BrowserPage } from '../lab/browsers/index.ts';
import { type DemoRig, noBrowser, startDemo, WAIT_MS } from './demo-rig.ts';

interface Probe {
  state: string;
  transport: string;
  framesShown: number;
  lagMs: number | null;
  uncertaintyMs: number | null;
  voicePackets: number;
  samplesPlayed: number;
  slots: number[];
  comments: number;
  giftsGiven: number;
  giftsShown: number[];
  errors: string[];
}

if (noBrowser) console.log(`SKIPPED demo page in a browser: ${noBrowser}`);

/** What the first canvas shows; its own pixels are the worker's. */
const PICTURE = `(() => {
  const copy = document.createElement('canvas');
  copy.getContext('2d').drawImage(document.querySelector('canvas'), 0, 0, 300, 150);
  return copy.toDataURL();
})()`;

/** Red and blue of the sky in a corner of the picture, far from the face and its cloud. */
const SKY = `(() => {
  const copy = document.createElement('canvas');
  copy.width = copy.height = 16;
  const pen = copy.getContext('2d');
  pen.drawImage(document.querySelector('canvas'), 0, 0, 16, 16);
  const [red, , blue] = pen.getImageData(0, 0, 1, 1).data;
  return { red, blue };
})()`;
/** `light.ts`: dark, blue, and reddish. */
const AT_NIGHT = `${SKY}.blue < 110`;
const AT_NOON = `${SKY}.blue - ${SKY}.red > 100`;
const AT_SUNSET = `${SKY}.blue > 130 && ${SKY}.blue - ${SKY}.red < 90`;

describe.skipIf(noBrowser !== undefined)('the demo page in Chromium', () => {
  let rig: DemoRig;
  const open = (query: string) => rig.open(query);
  const probe = async (page: BrowserPage) =>
    JSON.parse((await page.evaluate('JSON.stringify(window.hayate)')) as string) as Probe;

  beforeAll(async () => {
    rig = await startDemo();
  });

  afterEach(() => rig?.leave());
  afterAll(() => rig?.close());

  it('shows a liver of another page: moving face, voice, lag; a comment comes back', async () => {
    const liver = await open('?room=live&role=liver');
    await liver.waitFor('window.hayate?.state === "open"', WAIT_MS);
    await pressWhenPossible(liver, 'Go live', WAIT_MS);
    const viewer = await open('?room=live');
    await viewer.waitFor('window.hayate?.framesShown > 60', WAIT_MS);
    await viewer.waitFor('window.hayate.samplesPlayed > 9600', WAIT_MS);
    await viewer.evaluate(write('hello'));
    await viewer.waitFor('window.hayate.comments > 0', WAIT_MS);
    const seen = await probe(viewer);
    expect(seen).toMatchObject({ state: 'open', slots: [0], comments: 1 });
    expect(seen.transport).toBe(rig.relay.transport === 'engine' ? 'webtransport' : 'websocket');
    expect(seen.voicePackets).toBeGreaterThan(10);
    expect(seen.lagMs).toBeGreaterThan(0);
    expect(seen.lagMs).toBeLessThan(1000);
    expect(seen.uncertaintyMs).toBeGreaterThan(0);
    // A machine that stalls for 600 ms loses and regains the relay; nothing else may be wrong.
    expect(seen.errors.filter((error) => !error.startsWith('connection_lost'))).toEqual([]);
    expect(await viewer.evaluate('hayate.drawing().where')).toBe('worker');
    // Its clock is a fine one.
    expect(await viewer.evaluate('crossOriginIsolated')).toBe(true);
    const picture = () => viewer.evaluate(PICTURE);
    const before = await picture();
    await viewer.waitFor(`window.hayate.framesShown > ${seen.framesShown + 30}`, WAIT_MS);
    expect(await picture()).not.toBe(before);
  }, 120_000);

  it('draws on its own thread when it is told to, as browsers without canvases in workers do', async () => {
    const liver = await open('?room=page&role=liver&draw=page');
    await liver.waitFor('window.hayate?.drawing()?.drawn > 30', WAIT_MS);
    expect(await liver.evaluate('hayate.drawing().where')).toBe('page');
    const before = await liver.evaluate(PICTURE);
    await liver.waitFor(`${PICTURE} !== ${JSON.stringify(before)}`, WAIT_MS);
  }, 60_000);

  it('gives a gift, shows it once, and goes on after a restart of the relay without missing or repeating one', async () => {
    const liver = await open('?room=gifts&role=liver');
    await liver.waitFor('window.hayate?.state === "open"', WAIT_MS);
    await pressWhenPossible(liver, 'Go live', WAIT_MS);
    const viewer = await open('?room=gifts&name=Ann');
    await viewer.waitFor('window.hayate?.slots.length > 0', WAIT_MS);
    const give = async () => {
      await viewer.waitFor('document.querySelector(".gifts button")?.disabled === false', WAIT_MS);
      await viewer.evaluate('document.querySelector(".gifts button").click()');
    };
    await give();
    await viewer.waitFor('document.querySelector(".banner")?.textContent.includes("Ann")', WAIT_MS);
    await viewer.waitFor('window.hayate.giftsGiven === 1', WAIT_MS);
    const said = (await viewer.evaluate('document.querySelector(".gifts ol").textContent')) as string;
    expect(said).toMatch(/^Ann ?gave a star to Hayate$/);
    const [record] = await rig.relay.ledger!.resume('gifts', 0, 10);
    expect(record).toMatchObject({ sequence: 1, item: 'star', amount: 100, currency: 'JPY' });
    await rig.restart(async () => {
      await viewer.waitFor('window.hayate.state === "reconnecting"', WAIT_MS);
    });
    // Somebody else's, while this page is away or just back.
    const { room, liver: to, item, amount, currency, reg } = record!;
    await rig.relay.ledger!.claim({ jti: 'meanwhile', sender: 'bo', room, liver: to, item, amount, currency, reg }, 1);
    await viewer.waitFor('window.hayate.giftsShown.length === 2', WAIT_MS);
    await give();
    await viewer.waitFor('window.hayate.giftsGiven === 2 && window.hayate.giftsShown.length >= 3', WAIT_MS);
    expect((await probe(viewer)).giftsShown).toEqual([1, 2, 3]);
    expect(await viewer.evaluate('document.querySelectorAll(".gifts li").length')).toBe(3);
  }, 120_000);

  it('shows viewers the scene that the liver chooses, also another one while live', async () => {
    const liver = await open('?room=scenes&role=liver&hour=12');
    await liver.waitFor(`window.hayate?.state === "open" && document.querySelector('.setup select')`, WAIT_MS);
    const choose = (scene: string) =>
      liver.evaluate(`(() => {
        const select = [...document.querySelectorAll('.setup select')].find((each) => [...each.options].some(({ value }) => value === 'sunset'));
        select.value = '${scene}';
        select.dispatchEvent(new Event('change'));
        return true;
      })()`);
    await choose('night');
    await pressWhenPossible(liver, 'Go live', WAIT_MS);
    const viewer = await open('?room=scenes&hour=12');
    await viewer.waitFor('window.hayate?.framesShown > 10', WAIT_MS);
    await viewer.waitFor(AT_NIGHT, WAIT_MS);
    await liver.waitFor(AT_NIGHT, WAIT_MS);
    await choose('sunset');
    await viewer.waitFor(AT_SUNSET, WAIT_MS);
    // The viewer's own hour again: so it is the liver's word that showed.
    await choose('hour');
    await viewer.waitFor(AT_NOON, WAIT_MS);
    expect((await probe(viewer)).slots).toEqual([0]);
  }, 60_000);

  it('shows the invite as a code for cameras', async () => {
    const liver = await open('?room=invite&role=liver');
    await liver.waitFor(`document.querySelector('.scan summary')`, WAIT_MS);
    expect(await liver.evaluate(`document.querySelector('.scan svg') === null`)).toBe(true);
    await liver.evaluate(`(document.querySelector('.scan summary').click(), true)`);
    await liver.waitFor(`document.querySelector('.scan svg path')?.getAttribute('d').length > 1000`, WAIT_MS);
    const label = `document.querySelector('.scan svg').getAttribute('aria-label')`;
    expect(await liver.evaluate(`${label} === document.querySelector('.invite a').href`)).toBe(true);
  });

  it('shows nobody in a room without a liver', async () => {
    const viewer = await open('?room=empty');
    await viewer.waitFor('window.hayate?.state === "open"', WAIT_MS);
    await viewer.waitFor('document.querySelector(".empty")?.textContent.includes("Nobody")', WAIT_MS);
    const seen = await probe(viewer);
    expect(seen).toMatchObject({ framesShown: 0, voicePackets: 0, samplesPlayed: 0, slots: [], lagMs: null });
  }, 60_000);
});
