import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserPage, findBrowsers, launchChromium, launchFirefox, startNullSound } from '../../browsers/index.ts';
import { startRelayProcess } from '../../lib/relay-process.ts';
import { vitestCounts } from '../../lib/vitest.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

interface Seen {
  framesShown: number;
  voicePackets: number;
  samplesPlayed: number;
  lagMs: number;
  uncertaintyMs: number;
  errors: string[];
}

const launchers: Record<string, () => Promise<BrowserPage>> = {
  chromium: () => launchChromium(),
  firefox: () => launchFirefox(),
};

const PROBE =
  '({framesShown: hayate.framesShown, voicePackets: hayate.voicePackets, samplesPlayed: hayate.samplesPlayed, lagMs: Math.round(hayate.lagMs * 10) / 10, uncertaintyMs: Math.round(hayate.uncertaintyMs * 10) / 10, errors: hayate.errors})';

/** One page performs, another watches; before anybody publishes, the viewer must show nothing. */
async function pair(http: string, from: string, to: string, samples: number) {
  const room = `${from}-${to}`;
  const viewer = await launchers[to]!();
  let liver: BrowserPage | undefined;
  try {
    await viewer.goto(`${http}/?room=${room}&role=viewer`);
    await viewer.waitFor("window.hayate && hayate.state === 'open'", 20_000);
    const before = await viewer.evaluate<Seen>(PROBE);
    liver = await launchers[from]!();
    await liver.goto(`${http}/?room=${room}&role=liver`);
    await liver.waitFor("window.hayate && hayate.state === 'open'", 20_000);
    // The built-in performer is the source that is chosen at first.
    await liver.evaluate('[...document.querySelectorAll("button")].find((b) => b.textContent === "Go live").click()');
    await viewer.waitFor(
      `hayate.framesShown > 120 && hayate.voicePackets > 100 && hayate.samplesPlayed >= ${samples}`,
      45_000,
    );
    const after = await viewer.evaluate<Seen>(PROBE);
    return { liver: liver.browser, viewer: viewer.browser, framesBeforeAnybodyPublished: before.framesShown, ...after };
  } finally {
    await liver?.close();
    await viewer.close();
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const found = findBrowsers();
  const names = Object.keys(launchers).filter((name) => found[name as keyof typeof found] !== undefined);
  for (const name of Object.keys(launchers)) if (!names.includes(name)) checks.skip(`${name}: not installed`);
  const sound = await startNullSound();
  if (sound) Object.assign(process.env, sound.env);
  else if (names.includes('firefox'))
    checks.skip('sound in Firefox: pulseaudio is not installed, and without a device it plays nothing');
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-browsers-'));
  const relay = await startRelayProcess(stateDir);
  try {
    for (const from of names) {
      for (const to of names) {
        context.log(`${from} publishes, ${to} watches`);
        const silent = to === 'firefox' && !sound;
        const seen = await pair(relay.http, from, to, silent ? 0 : 48_000).catch((error: Error) => ({
          failed: error.message,
        }));
        checks.figure(`${from} to ${to}`, seen);
        if ('failed' in seen) checks.check(false, `${from} to ${to}: ${seen.failed.split('\n')[0]}`);
        else {
          checks.check(seen.framesBeforeAnybodyPublished === 0, `${from} to ${to}: frames without a publisher`);
          checks.check(Number.isFinite(seen.lagMs), `${from} to ${to}: no lag figure`);
        }
      }
    }
  } finally {
    await relay.stop();
    sound?.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
  context.log('aioquic, an independent client: datagrams and streams both ways');
  if (spawnSync('python3', ['-c', 'import aioquic']).status === 0) {
    const counts = await vitestCounts(['test/aioquic']);
    checks.figure('aioquic_tests', counts);
    checks.check(counts.failed === 0 && counts.passed > 0, `aioquic: ${JSON.stringify(counts)}`);
  } else checks.skip('aioquic: python3 with aioquic is not installed');
  return checks.outcome();
}

export const realBrowsers: Claim = {
  id: 'relay.3',
  title:
    'A liver in one browser page, a viewer in another, in Chromium and Firefox ESR in every combination; aioquic as an independent client: datagrams and streams both ways',
  seconds: 60,
  run,
};
