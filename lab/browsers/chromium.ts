import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { findBrowsers } from './find.ts';
import { type BrowserPage, type ConsoleLine, pollPage } from './page.ts';
import { type PageProfile, profileThreads } from './profile.ts';

export interface ChromiumOptions {
  /** More flags. */
  args?: string[];
  /** A WAV file that the microphone gives, looped; the page is not asked. */
  fakeMic?: string;
  /** Default: 1280 by 720, a mouse. */
  viewport?: { width: number; height: number };
  /** A phone: its viewport, and a finger. */
  touch?: boolean;
  colorScheme?: 'light' | 'dark';
  /** Pixels of the screen for one of CSS. */
  scale?: number;
  /** As `ja-JP`. */
  locale?: string;
  reducedMotion?: boolean;
}

export interface ChromiumPage extends BrowserPage {
  /** What HTTP of the page takes from now on; WebTransport and WebSocket are not touched. The round trip counts once a request. */
  network(path: { kbps: number; roundTripMs: number }): Promise<void>;
  /** Slows the page's own thread by that factor; its workers it does not. */
  throttle(rate: number): Promise<void>;
  /** Samples every thread of the page that runs JavaScript for so long. Sampling costs time of its own. */
  profile(seconds: number): Promise<PageProfile>;
  /** CPU that each kind of process (`renderer`, `GPU`, ...) has taken so far, ms. */
  cpuMs(): Promise<Record<string, number>>;
}

/** Never `--disable-quic`. The rest keeps it from dialling anything but what the page does. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

/** A page of headless Chromium. Throws when there is none (`findBrowsers`). */
export async function launchChromium(options: ChromiumOptions = {}): Promise<ChromiumPage> {
  const executablePath = findBrowsers().chromium;
  if (executablePath === undefined) throw new Error('no Chromium here; HAYATE_CHROMIUM may name one');
  const profile = await mkdtemp(join(tmpdir(), 'hayate-chromium-'));
  const mic = options.fakeMic === undefined ? [] : micFlags(options.fakeMic);
  const context = await chromium
    .launchPersistentContext(profile, {
      executablePath,
      headless: true,
      ...(options.viewport && { viewport: options.viewport }),
      ...(options.touch && { hasTouch: true, isMobile: true }),
      ...(options.colorScheme && { colorScheme: options.colorScheme }),
      ...(options.scale && { deviceScaleFactor: options.scale }),
      ...(options.locale && { locale: options.locale }),
      ...(options.reducedMotion && { reducedMotion: 'reduce' as const }),
      args: [...CHROMIUM_FLAGS, ...mic, ...(options.args ?? [])],
    })
    .catch(async (error: unknown) => {
      await rm(profile, { recursive: true, force: true });
      throw error;
    });
  const page = context.pages()[0] ?? (await context.newPage());
  const pid = (await processesOf(context)).find(({ type }) => type === 'browser')?.id ?? 0;
  const lines: ConsoleLine[] = [];
  page.on('console', (message) =>
    lines.push({ level: message.type() === 'warning' ? 'warn' : message.type(), text: message.text() }),
  );
  page.on('pageerror', (error) => lines.push({ level: 'exception', text: error.stack ?? error.message }));
  let closing: Promise<void> | undefined;
  const face: ChromiumPage = {
    browser: `Chromium ${context.browser()?.version() ?? ''}`.trim(),
    pid,
    console: lines,
    async goto(url) {
      await page.goto(url, { waitUntil: 'load' });
    },
    evaluate: (expression) => page.evaluate(expression),
    screenshot: () => page.screenshot(),
    waitFor: (expression, timeoutMs) => pollPage(face, expression, timeoutMs),
    async network({ kbps, roundTripMs: latency }) {
      const devtools = await context.newCDPSession(page);
      const throughput = (kbps * 1000) / 8;
      await devtools.send('Network.enable');
      await devtools.send('Network.emulateNetworkConditions', {
        ...{ offline: false, latency, downloadThroughput: throughput, uploadThroughput: throughput },
      });
    },
    async throttle(rate) {
      const devtools = await context.newCDPSession(page);
      await devtools.send('Emulation.setCPUThrottlingRate', { rate });
    },
    profile: (seconds) => profileThreads(context, page, seconds),
    async cpuMs() {
      const times: Record<string, number> = {};
      for (const { type, cpuTime } of await processesOf(context)) times[type] = (times[type] ?? 0) + cpuTime * 1000;
      return times;
    },
    close() {
      closing ??= context
        .close()
        .finally(() => rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
      return closing;
    },
  };
  return face;
}

async function processesOf(context: BrowserContext) {
  const session = await context.browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo;
}

function micFlags(file: string): string[] {
  return [
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-audio-capture=${file}`,
  ];
}
