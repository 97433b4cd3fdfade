import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RelayTarget, watch } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import type { Connector } from '@hayate/transport';
import { engineConnector } from '@hayate/transport/engine';
import { perform } from '../../../cli/performance.ts';
import { show } from '../../browsers/demo.ts';
import { type BrowserPage, findBrowsers, launchFirefox, startNullSound } from '../../browsers/index.ts';
import { findsFlaws, graveIssues } from '../../demo/axe.ts';
import { dropFile } from '../../demo/drop.ts';
import { drawing, enter, goLive, seesErrors, takePart, WAIT_MS, wrongLines } from '../../demo/visit.ts';
import { startRelayProcess } from '../../lib/relay-process.ts';
import { makeVrm } from '../../vrm/model.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const PUBLISH_SECONDS = 5;
/** Of 60 and 50: a browser that draws in software shares two cores with all else here. */
const LEAST_FRAMES_PER_S = 40;
const LEAST_PACKETS_PER_S = 45;

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

/** A liver's page sends what a viewer elsewhere gets: a moving face, and the microphone. */
async function heardElsewhere(target: RelayTarget, connector: Connector, checks: Checks): Promise<void> {
  const watcher = watch(target, { connector });
  const faces = new Set<number>();
  let [frames, packets] = [0, 0];
  watcher.onFrame(({ frame }) => {
    frames += 1;
    faces.add(frame.values[17] ?? 0);
  });
  watcher.onVoice(() => {
    packets += 1;
  });
  await watcher.ready;
  const [framesBefore, packetsBefore] = [frames, packets];
  await sleep(PUBLISH_SECONDS * 1000);
  const seen = {
    frames_per_s: (frames - framesBefore) / PUBLISH_SECONDS,
    voice_packets_per_s: (packets - packetsBefore) / PUBLISH_SECONDS,
    faces: faces.size,
  };
  await watcher.close();
  checks.figure('published, as a viewer in Node has it', seen);
  checks.check(seen.frames_per_s > LEAST_FRAMES_PER_S && seen.faces > 10, 'the face does not move at the viewer');
  checks.check(seen.voice_packets_per_s > LEAST_PACKETS_PER_S, 'the microphone is not heard at the viewer');
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
  const pages = new Set<BrowserPage>();
  const open = async (query: string) => {
    const page = await launchFirefox({ fakeMic: true });
    pages.add(page);
    await enter(page, relay.http, query);
    return page;
  };
  const close = async (page: BrowserPage) => {
    pages.delete(page);
    await page.close();
  };
  const engine = openEngine();
  const connector = engineConnector(engine);
  let performer: Awaited<ReturnType<typeof perform>> | undefined;
  try {
    log('a liver: performer, and Firefox’s made-up microphone');
    const liver = await open('room=demo&role=liver&name=Mio');
    checks.figure('browser', liver.browser);
    const { url, hash, token, liverToken } = await relay.tokens('demo');
    const relayAt = { url, certificateHashes: [hash] };
    await goLive(liver, 'microphone');
    await heardElsewhere({ ...relayAt, token }, connector, checks);
    const wrong = wrongLines(liver);
    const liverControl = [await findsFlaws(liver), await seesErrors(liver)];
    await close(liver);
    // From here on one browser alone: two that draw in software take more than this machine has.
    performer = await perform({ ...relayAt, token: liverToken }, { connector, seed: 1, fps: 60, dtx: false });
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
    wrong.push(...wrongLines(viewer));
    checks.figure('errors on the consoles', wrong);
    checks.check(wrong.length === 0, `console: ${wrong[0]}`);
    const controls = [...liverControl, await findsFlaws(viewer), await seesErrors(viewer)];
    checks.figure('control: flaws and an error that are there on purpose are found', controls);
    checks.check(controls.every(Boolean), 'what is wrong on purpose is not found');
  } finally {
    await Promise.all([...pages].map((page) => page.close()));
    await performer?.stop();
    await engine.close();
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
