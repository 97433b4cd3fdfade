import type { ChildProcess } from 'node:child_process';
import { percentiles } from '../bench/stream-present.ts';
import { type BrowserPage, findBrowsers, launchChromium, launchFirefox } from '../browsers/index.ts';
import { askChild } from '../lib/children.ts';
import { round } from './run.ts';
import { ViewerScene } from './scene.ts';
import { SAMPLE_MS, type Window } from './window.ts';

export interface ViewersOptions {
  /** Of each browser. */
  runs: number;
  /** Of each run. */
  seconds: number;
}

type Figure = 'face_p50_ms' | 'face_p99_ms' | 'voice_p50_ms' | 'voice_p99_ms' | 'exact_ratio' | 'voice_gap_ratio';
type Figures = Record<Figure, number>;

interface Compared {
  browser: number;
  node: number;
  /** How far they may be apart by chance. */
  noise: number;
}

export interface BrowserRow {
  browser: string;
  compared: Record<Figure, Compared>;
  browser_runs: Figures[];
  /** Two Node clients, each run of each. */
  node_runs: Figures[];
  uncertainty_ms: number;
  page_errors: string[];
}

export interface ViewersResult extends ViewersOptions {
  link_ms: string;
  rows: BrowserRow[];
  skipped: string[];
}

/** A page compiles, decodes and draws for the first time: its playout remembers that for a while. */
const WARM_SECONDS = 30;
const NODES = 2;
/** Two viewers' estimates of one liver's clock, over links with jitter, are apart by so much. */
const CLOCK_MS = 2;
const RATIOS: ReadonlySet<Figure> = new Set(['exact_ratio', 'voice_gap_ratio']);

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const START_SAMPLING = `(globalThis.taken = { face: [], voice: [] }, setInterval(() => {
  const now = hayate.playout();
  if (!now) return;
  taken.face.push(now.delayMs);
  taken.voice.push(now.voiceDelayMs);
}, ${SAMPLE_MS}), 1)`;
const TAKE = `(() => {
  const { motion, voice } = hayate.playout();
  const out = { ...taken, counts: { motion, voice } };
  taken = { face: [], voice: [] };
  return out;
})()`;

function figures(before: Window, after: Window): Figures {
  const face = percentiles(after.face);
  const voice = percentiles(after.voice);
  const share = (kind: 'motion' | 'voice') => {
    const [a, b] = [before.counts[kind], after.counts[kind]];
    return (b.onTime - a.onTime) / (b.expected - a.expected);
  };
  return {
    face_p50_ms: face.p50 ?? Number.NaN,
    face_p99_ms: face.p99 ?? Number.NaN,
    voice_p50_ms: voice.p50 ?? Number.NaN,
    voice_p99_ms: voice.p99 ?? Number.NaN,
    exact_ratio: round(share('motion'), 5),
    voice_gap_ratio: round(1 - share('voice'), 5),
  };
}

/**
 * Noise: three standard deviations of what the Node clients show among themselves, and for the difference of two means what
 * clocks (lags) or counting (ratios) cannot tell apart.
 */
function compare(name: Figure, browser: Figures[], node: Figures[], unitsOfBrowser: number): Compared {
  const nodes = node.map((run) => run[name]);
  const of = { browser: mean(browser.map((run) => run[name])), node: mean(nodes) };
  const variance = nodes.reduce((sum, value) => sum + (value - of.node) ** 2, 0) / Math.max(1, nodes.length - 1);
  const p = Math.min(1 - 1 / unitsOfBrowser, Math.max(1 / unitsOfBrowser, of.node));
  const floor = RATIOS.has(name) ? 3 * Math.sqrt((p * (1 - p)) / unitsOfBrowser) : CLOCK_MS;
  const digits = RATIOS.has(name) ? 5 : 2;
  return {
    browser: round(of.browser, digits),
    node: round(of.node, digits),
    noise: round(Math.hypot(3 * Math.sqrt(variance), floor), digits),
  };
}

/** One browser beside two Node clients in one room, measured several times. */
async function beside(
  scene: ViewerScene,
  name: string,
  launch: () => Promise<BrowserPage>,
  index: number,
  options: ViewersOptions,
  log: (text: string) => void,
): Promise<BrowserRow> {
  const nodes: ChildProcess[] = [];
  let page: BrowserPage | undefined;
  try {
    for (let i = 0; i < NODES; i += 1) nodes.push(await scene.openNode(name, 100 * index + 10 * i));
    page = await scene.openPage(launch, name, 100 * index + 90);
    log(`${page.browser}: ${WARM_SECONDS} s of media, then ${options.runs} times ${options.seconds} s`);
    const playing = await scene.play(name, WARM_SECONDS + options.runs * (options.seconds + 1) + 3);
    await sleep(1000 * WARM_SECONDS);
    await page.evaluate(START_SAMPLING);
    const take = async (): Promise<Window[]> => [
      await page!.evaluate<Window>(TAKE),
      ...(await Promise.all(nodes.map((node) => askChild<Window>(node, 'take')))),
    ];
    let before = await take();
    const ofPage: Figures[] = [];
    const ofNodes: Figures[] = [];
    const began = before[0]!.counts.motion.expected;
    for (let run = 0; run < options.runs; run += 1) {
      await sleep(1000 * options.seconds);
      const after = await take();
      const [first, ...rest] = after.map((window, i) => figures(before[i]!, window));
      ofPage.push(first!);
      ofNodes.push(...rest);
      before = after;
    }
    const units = before[0]!.counts.motion.expected - began;
    const names = Object.keys(ofPage[0]!) as Figure[];
    const compared = Object.fromEntries(names.map((f) => [f, compare(f, ofPage, ofNodes, units)]));
    const seen = await page.evaluate<{ uncertaintyMs: number; errors: string[] }>(
      '({ uncertaintyMs: hayate.uncertaintyMs, errors: hayate.errors })',
    );
    await playing.over;
    return {
      browser: page.browser,
      compared: compared as Record<Figure, Compared>,
      browser_runs: ofPage,
      node_runs: ofNodes,
      uncertainty_ms: round(seen.uncertaintyMs, 1),
      page_errors: seen.errors,
    };
  } finally {
    for (const node of nodes) node.kill();
    await page?.close();
  }
}

/** Chromium and Firefox with the demo's page, one after the other, each beside the Node client: same relay, same link. */
export async function viewers(options: ViewersOptions, log: (text: string) => void): Promise<ViewersResult> {
  const found = findBrowsers();
  const launchers = { chromium: launchChromium, firefox: launchFirefox };
  const names = ['chromium', 'firefox'] as const;
  const skipped = names.filter((name) => found[name] === undefined).map((name) => `${name}: not installed`);
  const scene = await ViewerScene.start();
  try {
    const rows: BrowserRow[] = [];
    for (const [index, name] of names.entries()) {
      if (found[name] === undefined) continue;
      rows.push(await beside(scene, name, () => launchers[name](), index + 1, options, log));
    }
    return { ...options, link_ms: ViewerScene.linkText, rows, skipped };
  } finally {
    await scene.close();
  }
}
