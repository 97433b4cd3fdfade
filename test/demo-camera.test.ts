import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BrowserPage, launchChromium } from '../lab/browsers/index.ts';
import { type DemoRig, noBrowser, startDemo, WAIT_MS } from './demo-rig.ts';

if (noBrowser) console.log(`SKIPPED camera of the demo page in a browser: ${noBrowser}`);

const CAMERA = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'];
const choose = (face: string) => `(() => {
  const select = document.querySelector('.setup select');
  select.value = ${JSON.stringify(face)};
  select.dispatchEvent(new Event('change'));
  return true;
})()`;
const NOTE = 'document.querySelector(".setup .note:not([hidden])")?.textContent';

describe.skipIf(noBrowser !== undefined)('the camera of the demo page in Chromium', () => {
  let rig: DemoRig;
  let page: BrowserPage;

  beforeAll(async () => {
    rig = await startDemo();
  });
  afterEach(() => page?.close());
  afterAll(() => rig?.close());

  async function open(query: string, args: string[]): Promise<BrowserPage> {
    page = await launchChromium({ args });
    await page.goto(`${rig.relay.httpAddress}/?room=camera&role=liver${query}`);
    await page.waitFor('window.hayate?.state === "open"', WAIT_MS);
    return page;
  }

  it('says what to do when the browser refuses it', async () => {
    await open('', ['--use-fake-device-for-media-stream', '--deny-permission-prompts']);
    await page.evaluate(choose('camera'));
    await page.waitFor(`${NOTE}?.startsWith('The camera was refused')`, WAIT_MS);
  }, 60_000);

  it('says what to do where there is none', async () => {
    await open('', ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=device-count=0']);
    await page.evaluate(choose('camera'));
    await page.waitFor(`${NOTE}?.startsWith('There is no camera here')`, WAIT_MS);
  }, 60_000);

  it('says what to do when the model cannot be reached, and lets the camera go', async () => {
    await open('&model=/no-such-model', CAMERA);
    await page.evaluate(choose('camera'));
    await page.waitFor(`${NOTE}?.startsWith('The face model cannot be reached')`, WAIT_MS);
    expect(await page.evaluate('document.querySelector(".preview video") === null')).toBe(true);
    // Another face needs none.
    await page.evaluate(choose('performer'));
    expect(await page.evaluate(`${NOTE} ?? null`)).toBeNull();
  }, 60_000);

  it('runs the tracker in a worker from this page’s own files: it reads the model, and says that this is none', async () => {
    // Any bytes that are no model.
    await open('&model=/demo.css', CAMERA);
    await page.evaluate(choose('camera'));
    await page.waitFor(`${NOTE}?.startsWith('The face tracker does not run here')`, WAIT_MS);
    const errors = (await page.evaluate('hayate.errors')) as string[];
    expect(errors.join()).toMatch(/zip archive/i);
  }, 60_000);

  it('sends the face of somebody before the camera', ({ skip }) =>
    skip(
      'the model (face_landmarker.task) is in no package registry, and a picture of somebody is not in this repository',
    ));
});
