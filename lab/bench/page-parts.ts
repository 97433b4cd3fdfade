import { type ChromiumPage, findBrowsers, launchChromium, type ThreadProfile } from '../browsers/index.ts';
import { ViewerScene } from '../lag/scene.ts';
import { SAMPLE_MS } from '../lag/window.ts';
import { SourcePlaces } from './source-places.ts';
import { percentiles } from './stream-present.ts';

export interface PagePartsOptions {
  /** Of each case. */
  seconds: number;
}

/** By the file a function stands in; the first that fits. What browsers do by themselves counts for who called it. */
const PARTS: readonly [string, RegExp][] = [
  ['draw', /demo\/(avatar|page\/draw)/],
  ['decode', /codec\/motion/],
  ['playout', /client\/watch\/(playout|pose|schedule|lag-window|histogram|voice)/],
  ['sound', /demo\/page\/(voice|audio)/],
  ['receive', /transport\/|codec\/|client\//],
  ['page', /demo\//],
];

/** Of no script: layout, painting, messages between processes. */
const ENGINE = 'browser';
/** The playout remembers the first drawing and compiling for so long. */
const WARM_SECONDS = 20;

export interface PagePartsCase {
  name: string;
  /** Where the page says that it draws. */
  drawing: string;
  fps: number;
  /** Left out because the frames before were not drawn yet. */
  skipped_fps: number;
  face_to_screen_ms: { p50: number | null; p95: number | null; p99: number | null };
  /** From the pose to its picture. */
  picture_ms: number;
  /** Network and the way into the page, one way. */
  arrival_ms: { p50: number; p95: number; p99: number };
  /** ms of each second, by thread and part. */
  threads: Record<string, Record<string, number>>;
  /** CPU of each kind of process, ms of each second. */
  processes: Record<string, number>;
  errors: string[];
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const round = (value: number, digits = 2) => Number(value.toFixed(digits));

/** Time of a thread by part, ms a second. */
export function partsOf(thread: ThreadProfile, seconds: number, places: SourcePlaces): Record<string, number> {
  const parents = new Map<number, number>();
  const nodes = new Map(thread.nodes.map((node) => [node.id, node]));
  for (const node of thread.nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const known = new Map<number, string>();
  const partOf = (id: number): string => {
    const cached = known.get(id);
    if (cached !== undefined) return cached;
    const { functionName, url, lineNumber, columnNumber } = nodes.get(id)!.callFrame;
    const parent = parents.get(id);
    let part: string | undefined;
    if (functionName === '(idle)') part = 'idle';
    else if (functionName === '(garbage collector)') part = 'garbage collection';
    else if (url !== '') {
      const file = places.find(url, lineNumber, columnNumber);
      part = PARTS.find(([, pattern]) => pattern.test(file))?.[0];
    }
    part ??= parent === undefined ? ENGINE : partOf(parent);
    known.set(id, part);
    return part;
  };
  const times: Record<string, number> = {};
  for (const [index, id] of thread.samples.entries()) {
    const part = partOf(id);
    times[part] = (times[part] ?? 0) + (thread.timeDeltas[index + 1] ?? 0) / 1000;
  }
  return Object.fromEntries(Object.entries(times).map(([part, ms]) => [part, round(ms / seconds)]));
}

const START = `(globalThis.lags = [], globalThis.sampler = setInterval(() => lags.push(hayate.lagMs), ${SAMPLE_MS}),
  { shown: hayate.drawing(), at: performance.now() })`;
const END = `(clearInterval(sampler), { lags, shown: hayate.drawing(), at: performance.now(), errors: hayate.errors,
  arrival: hayate.arrival() })`;

interface Taken {
  shown: { where: string; drawn: number; skipped: number; waitMs: number };
  at: number;
  lags: number[];
  arrival: PagePartsCase['arrival_ms'];
  errors: string[];
}

async function measure(page: ChromiumPage, name: string, seconds: number): Promise<PagePartsCase> {
  const places = new SourcePlaces();
  // Profiling costs time of its own: what is shown is measured before it.
  const before = await page.evaluate<Pick<Taken, 'shown' | 'at'>>(START);
  const cpuBefore = await page.cpuMs();
  await sleep(1000 * seconds);
  const cpu = await page.cpuMs();
  const after = await page.evaluate<Taken>(END);
  const profile = await page.profile(seconds);
  const urls = new Set(profile.threads.flatMap(({ nodes }) => nodes.map(({ callFrame }) => callFrame.url)));
  await places.load([...urls].filter((url) => url.startsWith('http')));
  const passed = (after.at - before.at) / 1000;
  const { p50, p95, p99 } = percentiles(after.lags);
  return {
    name,
    drawing: after.shown.where,
    fps: round((after.shown.drawn - before.shown.drawn) / passed, 1),
    skipped_fps: round((after.shown.skipped - before.shown.skipped) / passed, 1),
    face_to_screen_ms: { p50, p95, p99 },
    picture_ms: round(after.shown.waitMs),
    arrival_ms: after.arrival,
    threads: Object.fromEntries(
      profile.threads.map((thread) => [thread.thread.replace(/ \w+$/, ''), partsOf(thread, profile.seconds, places)]),
    ),
    processes: Object.fromEntries(
      Object.entries(cpu).map(([type, ms]) => [type, round((ms - (cpuBefore[type] ?? 0)) / seconds, 1)]),
    ),
    errors: after.errors,
  };
}

/** What a viewer's page in Chromium spends on what, drawing in a worker and on its own thread. Throws without Chromium. */
export async function pageParts(
  { seconds }: PagePartsOptions,
  log: (text: string) => void,
): Promise<{ link_ms: string; cases: PagePartsCase[] }> {
  if (findBrowsers().chromium === undefined) throw new Error('no Chromium here; HAYATE_CHROMIUM may name one');
  const scene = await ViewerScene.start();
  try {
    const cases: PagePartsCase[] = [];
    for (const [index, [name, query]] of [
      ['drawing in a worker', ''],
      ['drawing on the page', '&draw=page'],
    ].entries()) {
      const room = `parts-${index}`;
      const pages: ChromiumPage[] = [];
      const launch = async () => {
        const page = await launchChromium();
        pages.push(page);
        return page;
      };
      try {
        await scene.openPage(launch, room, 100 * (index + 1), query);
        const playing = await scene.play(room, WARM_SECONDS + 2 * seconds + 6);
        log(`${name}: ${WARM_SECONDS} s of media, then ${seconds} s watched and ${seconds} s profiled`);
        await sleep(1000 * WARM_SECONDS);
        cases.push(await measure(pages[0]!, name!, seconds));
        await playing.over;
      } finally {
        await pages[0]?.close();
      }
    }
    return { link_ms: ViewerScene.linkText, cases };
  } finally {
    await scene.close();
  }
}
