// npm run lab -- screenshots: pictures of the demo page for the docs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { write } from '../browsers/demo.ts';
import { type ChromiumOptions, type ChromiumPage, launchChromium } from '../browsers/index.ts';
import { smallerPng } from '../lib/png.ts';
import { root } from '../lib/processes.ts';
import { startRelayProcess } from '../lib/relay-process.ts';
import { makeVrm } from '../vrm/model.ts';
import { dropFile } from './drop.ts';
import { enter, goLive, WAIT_MS } from './visit.ts';

const PHONE: ChromiumOptions = { viewport: { width: 390, height: 844 }, touch: true };
const DESKTOP: ChromiumOptions = { viewport: { width: 1240, height: 775 } };
const PEOPLE: readonly [name: string, words: string][] = [
  ['Aoi', 'Good evening! The sky is lovely today'],
  ['Ren', 'Your hair moves so nicely'],
  ['Yuki', 'Sing the one from last week, please?'],
];
/** Of the liver's loop: a moment at which she smiles at the camera. */
const MOMENT_MS = 2500;

interface Picture {
  file: string;
  options: ChromiumOptions;
  hour: number;
  /** What happens before it is taken. */
  act?: (page: ChromiumPage) => Promise<unknown>;
}

const gifts = async (page: ChromiumPage) => {
  for (const n of [0, 1, 2]) await page.evaluate(`(document.querySelectorAll('.gifts button')[${n}].click(), true)`);
  await page.waitFor('hayate.giftsShown.length >= 3', WAIT_MS);
  await wait(900);
};
const vrm = async (page: ChromiumPage) => {
  await page.evaluate(dropFile('made.vrm', makeVrm({ perfectSync: true })));
  await page.waitFor('hayate.costume', WAIT_MS);
  await page.waitFor('document.querySelector("#notice").hidden', WAIT_MS);
};

const PICTURES: readonly Picture[] = [
  { file: 'demo-desktop-light.png', options: { ...DESKTOP, colorScheme: 'light' }, hour: 12 },
  { file: 'demo-desktop-dark.png', options: { ...DESKTOP, colorScheme: 'dark' }, hour: 22 },
  { file: 'demo-phone.png', options: { ...PHONE, colorScheme: 'light' }, hour: 17.5 },
  { file: 'demo-gift.png', options: { ...PHONE, colorScheme: 'dark' }, hour: 12, act: gifts },
  { file: 'demo-vrm.png', options: { ...DESKTOP, colorScheme: 'light' }, hour: 12, act: vrm },
];

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Somebody who says a word and goes. */
async function guest(http: string, name: string, words: string): Promise<void> {
  const page = await launchChromium({ viewport: { width: 300, height: 300 } });
  try {
    await enter(page, http, `room=demo&name=${name}`);
    await page.evaluate(`(() => { ${write(words)}; return true; })()`);
    await page.waitFor(`document.querySelector('.comments .own')`, WAIT_MS);
  } finally {
    await page.close();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'hayate-pictures-'));
const relay = await startRelayProcess(folder);
const liver = await launchChromium({ viewport: { width: 300, height: 300 } });
try {
  await enter(liver, relay.http, 'room=demo&role=liver&name=Mio');
  await goLive(liver, 'performer');
  for (const [name, words] of PEOPLE) await guest(relay.http, name, words);
  for (const { file, options, hour, act } of PICTURES) {
    const page = await launchChromium(options);
    try {
      await enter(page, relay.http, `room=demo&name=Ann&hour=${hour}`);
      await page.waitFor('hayate.framesShown > 60', WAIT_MS);
      await wait(MOMENT_MS);
      await act?.(page);
      // Its name is Japanese, which not every machine has the letters for.
      await page.evaluate(`(document.querySelector('#nav button[lang]').style.display = 'none', true)`);
      const picture = smallerPng(await page.screenshot());
      writeFileSync(join(root, 'docs', file), picture);
      process.stderr.write(`docs/${file}: ${Math.round(picture.length / 1000)} kB\n`);
    } finally {
      await page.close();
    }
  }
} finally {
  await liver.close();
  await relay.stop();
  rmSync(folder, { recursive: true, force: true });
}
