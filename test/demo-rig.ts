import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoAssets } from '@hayate/demo';
import { engineAvailable } from '@hayate/engine';
import { type RunningRelay, startRelay } from '@hayate/relay';
import { type BrowserPage, type ChromiumOptions, findBrowsers, launchChromium } from '../lab/browsers/index.ts';

/** Why the demo page cannot be tried here; undefined: it can. */
export const noBrowser = findBrowsers().chromium === undefined ? 'no Chromium here' : undefined;

/** Sound may wait for a slow machine; frames and figures may not. */
export const WAIT_MS = 40_000;

export interface DemoRig {
  readonly relay: RunningRelay;
  /** A browser of its own for each page: hidden tabs draw nothing. */
  open(query: string, options?: ChromiumOptions): Promise<BrowserPage>;
  /** Another relay at the same addresses. */
  restart(whileGone?: () => Promise<void>): Promise<void>;
  /** Ends the relay and all pages. */
  close(): Promise<void>;
}

/** A development relay with the demo page, in this process. */
export async function startDemo(): Promise<DemoRig> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hayate-demo-'));
  const assets = await demoAssets();
  const pages: BrowserPage[] = [];
  const start = (listenPort = 0, httpPort = 0) =>
    startRelay(
      {
        dev: true,
        stateDir,
        transport: engineAvailable().ok ? 'engine' : 'websocket',
        listen: { port: listenPort },
        http: { port: httpPort },
        metrics: { port: 0 },
        api: { port: 0 },
        log: { level: 'silent' },
      },
      { assets },
    );
  let relay = await start();
  return {
    get relay() {
      return relay;
    },
    async open(query, options = {}) {
      const args = relay.transport === 'websocket' ? ['--ignore-certificate-errors'] : [];
      const page = await launchChromium({ ...options, args: [...args, ...(options.args ?? [])] });
      pages.push(page);
      await page.goto(`${relay.httpAddress}/${query}`);
      return page;
    },
    async restart(whileGone) {
      const { port } = relay.address;
      const http = Number(new URL(relay.httpAddress).port);
      await relay.close();
      await whileGone?.();
      relay = await start(port, http);
    },
    async close() {
      await Promise.all(pages.map((page) => page.close()));
      await relay.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
