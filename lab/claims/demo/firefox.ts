import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { show } from '../../browsers/demo.ts';
import { type BrowserPage, findBrowsers, launchFirefox, startNullSound } from '../../browsers/index.ts';
import { findsFlaws, graveIssues } from '../../demo/axe.ts';
import { dropFile } from '../../demo/drop.ts';
import { drawing, enter, goLive, seesErrors, takePart, WAIT_MS, wrongLines } from '../../demo/visit.ts';
import { startRelayProcess } from '../../lib/relay-process.ts';
import { makeVrm } from '../../vrm/model.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

/** Independent of the page's own list: what this browser has of it, and what the page says where it has not. */
const PARTS = {
  WebTransport: { test: `'WebTransport' in window`, words: 'WebTransport:' },
  'WebGL 2': { test: `document.createElement('canvas').getContext('webgl2') !== null`, words: 'WebGL 2:' },
  'canvas in workers': { test: `hayate.drawing().where === 'worker'`, words: 'canvases in workers:' },
  'voice encoder': { test: `'AudioEncoder' in window`, words: 'an encoder for voice:' },
  microphone: { test: `Boolean(navigator.mediaDevices?.getUserMedia)`, words: 'a microphone for pages:' },
};

async function lacks(page: BrowserPage, checks: Checks): Promise<void> {
  await page.evaluate(`(${show('figures')}, true)`);
  await page.waitFor(`document.querySelector('.lacking')?.textContent`, WAIT_MS);
  const said = await page.evaluate<string>(`document.querySelector('.lacking').textContent`);
  const there: Record<string, boolean> = {};
  for (const [name, { test, words }] of Object.entries(PARTS)) {
    there[name] = await page.evaluate<boolean>(test);
    checks.check(said.includes(words) !== there[name], `the page says otherwise of ${name}: ${said}`);
  }
  checks.figure('what this browser has', there);
  checks.figure('what the page says it lacks', said);
  await page.evaluate(dropFile('made.vrm', makeVrm({ perfectSync: true })));
  const worn = there['WebGL 2']
    ? await page.waitFor<{ name: string }>('hayate.costume', WAIT_MS)
    : await page.waitFor<string>(
        `document.querySelector('#notice').textContent.includes('WebGL 2') && document.querySelector('#notice').textContent`,
        WAIT_MS,
      );
  checks.figure('a VRM file dropped', worn);
}

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  if (findBrowsers().firefox === undefined) {
    checks.skip('firefox: not installed');
    return checks.outcome();
  }
  const sound = await startNullSound();
  if (sound) Object.assign(process.env, sound.env);
  else checks.skip('sound in Firefox: pulseaudio is not installed, and without a device it plays nothing');
  const folder = mkdtempSync(join(tmpdir(), 'hayate-demo-firefox-'));
  const relay = await startRelayProcess(folder);
  const pages: BrowserPage[] = [];
  const open = async (query: string) => {
    const page = await launchFirefox({ fakeMic: true });
    pages.push(page);
    await enter(page, relay.http, query);
    return page;
  };
  try {
    log('a liver: performer, and Firefox’s made-up microphone');
    const liver = await open('room=demo&role=liver&name=Mio');
    checks.figure('browser', liver.browser);
    await goLive(liver, 'microphone');
    log('a viewer: watch, comment, give, react');
    const viewer = await open('room=demo&name=Ann');
    checks.figure('visit', await takePart(viewer, 'from Firefox', sound !== undefined));
    checks.figure('drawing', await drawing(viewer, 10));
    const issues = new Set<string>();
    for (const tab of ['chat', 'people'] as const) {
      await viewer.evaluate(`(${show(tab)}, true)`);
      for (const issue of await graveIssues(viewer)) issues.add(issue);
    }
    checks.figure('axe: serious or critical', [...issues]);
    checks.check(issues.size === 0, `axe: ${[...issues][0]}`);
    log('what it lacks');
    await lacks(viewer, checks);
    const wrong = [...wrongLines(liver), ...wrongLines(viewer)];
    checks.figure('errors on the consoles', wrong);
    checks.check(wrong.length === 0, `console: ${wrong[0]}`);
    const controls = [await findsFlaws(liver), await seesErrors(liver)];
    checks.figure('control: flaws and an error that are there on purpose are found', controls);
    checks.check(controls.every(Boolean), 'what is wrong on purpose is not found');
  } finally {
    await Promise.all(pages.map((page) => page.close()));
    await relay.stop();
    sound?.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const demoInFirefox: Claim = {
  id: 'demo.5',
  title:
    'The demo page in Firefox ESR: publish with a microphone, watch, comment, give, react; the page itself says what the browser lacks',
  seconds: 60,
  run,
};
